"""The model made on the spot opens like any other, as an encoder and as a cross-encoder."""

import numpy as np

from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.run.tiny_model import write_tiny_model


def test_it_opens_as_both_kinds_of_model_without_padding(tmp_path):
    write_tiny_model(tmp_path)
    encoder, scorer = TextEncoder.from_folder(tmp_path), TextPairScorer(str(tmp_path), max_length=32)
    assert encoder.packed and scorer.packed and encoder.width == 64
    embeddings = encoder.encode(["a b", "c", "a b"])
    np.testing.assert_allclose(embeddings[0], embeddings[2], atol=1e-6)
    assert not np.allclose(embeddings[0], embeddings[1])
