"""Embedding in half precision: nearly the same numbers, and a mistake in one line."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from toys import toy_texts

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer


@pytest.mark.parametrize("architecture", ["bert", "roberta", "modernbert", "mpnet"])
def test_bfloat16_moves_embeddings_a_little(backbone_folder, architecture):
    encoder, texts = TextEncoder(backbone_folder(architecture), normalization="l2"), toy_texts(20)
    exact = encoder.encode(texts)
    encoder.precision = "bfloat16"
    half = encoder.encode(texts)
    assert half.dtype == np.float32 and not np.array_equal(half, exact)
    assert (half * exact).sum(axis=1).min() > 0.99


def test_bfloat16_moves_scores_a_little(toy_backbone):
    scorer, texts = TextPairScorer(toy_backbone, max_length=64), toy_texts(20)
    pairs = list(zip(texts[:10], texts[10:]))
    exact = scorer.score(pairs)
    scorer.precision = "bfloat16"
    assert not np.array_equal(scorer.score(pairs), exact)
    np.testing.assert_allclose(scorer.score(pairs), exact, atol=0.05)


def test_float32_leaves_the_precision_around_it(toy_backbone):
    encoder, texts = TextEncoder(toy_backbone), toy_texts(5)
    with torch.autocast("cpu", torch.bfloat16):
        around = encoder.encode(texts)
    encoder.precision = "bfloat16"
    np.testing.assert_array_equal(around, encoder.encode(texts))


def test_threads_that_share_a_model_all_get_its_embeddings(toy_backbone):
    """Else the first to end would put the model back into train mode, dropout on, while the others are still at it."""
    encoder, texts = TextEncoder(toy_backbone).train(), toy_texts(60)
    expected = encoder.encode(texts)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda start: (start, encoder.encode(texts[start:start + 20])), list(range(0, 40, 2)) * 2))
    for start, embeddings in found:
        np.testing.assert_allclose(embeddings, expected[start:start + 20], atol=1e-5)
    assert encoder.backbone.training


def test_another_precision_is_refused(toy_backbone):
    encoder = TextEncoder(toy_backbone)
    encoder.precision = "int8"
    with pytest.raises(UserError, match="precision 'int8'"):
        encoder.encode(["a"])
