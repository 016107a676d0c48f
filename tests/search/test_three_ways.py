"""The three ways of search: each finds what it should, hybrid is the fusion of the other two, each can be re-ranked."""

from functools import partial

import numpy as np
import pytest

from lit_embed.search.bm25 import Bm25
from lit_embed.search.fusion import reciprocal_rank_fusion, weighted_fusion
from lit_embed.search.three_ways import Reranker, bm25_search, dense_search, hybrid_search

TEXTS = ["red cat", "blue dog", "red", "a tree", "green cat", "cat"]
QUERIES = ["cat", "zebra", "blue tree"]


class Letters:
    """Embeds a text as how often it has each letter."""

    def encode(self, texts, role, progress=False):
        return np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32)


class Flat:
    def __init__(self, texts):
        self.vectors = Letters().encode(texts, "document")

    def __len__(self):
        return len(self.vectors)

    def search(self, queries, k):
        scores = queries @ self.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), order


@pytest.fixture
def ways():
    encoder, index, bm25 = Letters(), Flat(TEXTS), Bm25.build(TEXTS)
    return {"dense": partial(dense_search, encoder, index), "bm25": partial(bm25_search, bm25),
            "hybrid": partial(hybrid_search, encoder, index, bm25)}


def test_bm25_needs_a_shared_word_and_dense_does_not(ways):
    assert ways["bm25"](QUERIES, 2)[1].tolist() == [[5, 0], [-1, -1], [1, 3]]
    assert (ways["dense"](QUERIES, 2)[1] >= 0).all()


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, partial(weighted_fusion, weights=[0.7, 0.3])])
def test_hybrid_is_the_fusion_of_both(ways, fuse):
    scores, places = ways["hybrid"](QUERIES, 4, fuse=fuse)
    expected = fuse([ways["dense"](QUERIES, 100), ways["bm25"](QUERIES, 100)], 4)
    np.testing.assert_array_equal(places, expected[1])
    np.testing.assert_array_equal(scores, expected[0])


@pytest.mark.parametrize("way", ["dense", "bm25", "hybrid"])
@pytest.mark.parametrize("k", [1, 4, 50])
def test_more_than_the_corpus_gives_the_corpus(ways, way, k):
    scores, places = ways[way](QUERIES, k)
    assert scores.shape == places.shape == (3, min(k, len(TEXTS)))
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in places)


@pytest.mark.parametrize("way", ["dense", "bm25", "hybrid"])
def test_a_reranker_reads_the_candidates_and_decides(ways, way):
    read = []

    def shortest_first(pairs):
        read.extend(pairs)
        return -np.array([len(passage) for _, passage in pairs], dtype=np.float32)

    reranker = Reranker(shortest_first, TEXTS.__getitem__, retrieve=3)
    _, places = ways[way](["cat"], 2, reranker=reranker)
    candidates = ways[way](["cat"], 3)[1][0].tolist()
    assert sorted(read) == sorted(("cat", TEXTS[place]) for place in candidates)
    assert places[0].tolist() == sorted(candidates, key=lambda place: len(TEXTS[place]))[:2]


def test_vectors_and_words_of_different_corpora_are_no_hybrid():
    with pytest.raises(ValueError, match="6 passages"):
        hybrid_search(Letters(), Flat(TEXTS), Bm25.build(TEXTS[:2]), QUERIES)
