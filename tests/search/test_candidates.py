"""Every source brings what a loop over all passages brings, and scores a pair as its search does."""

import numpy as np
import pytest
import torch
from toys import toy_texts

from lit_embed.errors import UserError
from lit_embed.search import Bm25, Index
from lit_embed.search.candidates import AtRandom, ByVectors, ByWords


def vectors():
    return torch.randn(6, 8), torch.randn(20, 8)


@pytest.mark.parametrize("by_index", [False, True])
def test_vectors_bring_the_nearest_passages(by_index, monkeypatch):
    questions, passages = vectors()
    index = Index.build(passages.numpy(), toy_texts(20)) if by_index else None
    source = ByVectors(questions, passages, index and index.search)
    monkeypatch.setattr("lit_embed.search.candidates.BLOCK", 50)                    # two questions at a time
    scores, places = source.search(np.array([4, 1, 0]), 5)
    cosine = torch.cosine_similarity(questions[:, None], passages[None], dim=-1).numpy()                # (6, 20)
    for row, question in enumerate([4, 1, 0]):
        assert places[row].tolist() == np.argsort(-cosine[question])[:5].tolist()
        np.testing.assert_allclose(scores[row], cosine[question, places[row]], rtol=1e-5)
        np.testing.assert_allclose(source.score(np.full(5, question), places[row]), scores[row], rtol=1e-5)
    assert source.search(np.zeros(0, dtype=np.int64), 5)[1].shape == (0, 5)
    assert source.search(np.array([0]), 99)[1].shape == (1, 20)


def test_vectors_that_are_not_finite_are_refused():
    questions, passages = vectors()
    passages[3, 2] = torch.nan
    with pytest.raises(UserError, match="NaN or infinite numbers, .* its training diverged"):
        ByVectors(questions, passages)


def test_words_bring_what_bm25_finds():
    passages, questions = toy_texts(20), ["the cat sat", "zebra", "a dog ran home"]
    bm25 = Bm25.build(passages)
    source = ByWords(questions, bm25)
    scores, places = source.search(np.array([2, 1]), 4)
    assert (places[1] == -1).all() and (places[0] == bm25.search(["a dog ran home"], 4)[1][0]).all()
    np.testing.assert_allclose(source.score(np.full(4, 2), places[0]), scores[0], rtol=1e-5)
    assert source.score(np.array([1, 1]), np.array([0, 5])).tolist() == [0, 0]


def test_chance_brings_each_passage_once_whoever_else_is_asked_for():
    identities = np.random.default_rng(0).integers(-2**63, 2**63 - 1, size=50)
    source = AtRandom(identities, passages=9, seed=3)
    scores, places = source.search(np.arange(50), 20)
    assert all(sorted(row) == list(range(9)) for row in places.tolist()) and np.isnan(scores).all()
    np.testing.assert_array_equal(source.search(np.array([7, 30]), 4)[1], places[[7, 30], :4])
    assert (AtRandom(identities, 9, seed=4).search(np.arange(50), 9)[1] != places).any(axis=1).mean() > 0.9
    assert np.isnan(source.score(np.array([0]), np.array([1]))).all()
