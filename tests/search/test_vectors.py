"""Numbers stay without gaps whatever is removed, and vectors are compared as the similarity says."""

import numpy as np
import pytest

from lit_embed.search.vectors import Vectors, prepared


def test_only_the_cosine_makes_unit_vectors():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(prepared(vectors, "cosine"), [[0.6, 0.8], [0, 0]])
    for similarity in ("dot", "l2"):
        np.testing.assert_array_equal(prepared(vectors, similarity), vectors)


@pytest.mark.parametrize("kind", ["flat", "int8", "binary", "ivf", "ivf-pq", "hnsw"])
def test_numbers_move_up_when_others_go(kind):
    vectors = np.random.default_rng(0).normal(size=(120, 8)).astype(np.float32)
    index, kept = Vectors.build(vectors, kind, "l2"), np.arange(120)
    for gone in ([0, 5, 119], [0], [40, 41, 7]):                      # numbers as they are by then
        index.remove(np.array(gone))
        kept = np.delete(kept, gone)
    assert len(index) == 113
    found = index.search(vectors[kept], 1)[1].ravel()
    assert (found == np.arange(113)).mean() > (0.9 if kind == "ivf-pq" else 0.99)
    index.add(vectors[:1])
    assert index.search(vectors[:1], 1)[1] == 113 and index.description()["count"] == 114


def test_vectors_of_another_width_cannot_join():
    index = Vectors.build(np.ones((3, 4)), "flat", "dot")
    with pytest.raises(ValueError, match="vectors of 4 numbers are joined by some of 5"):
        index.add(np.ones((1, 5)))


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
def test_binary_with_enough_candidates_finds_what_int8_finds(similarity):
    vectors = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32)
    binary, int8 = (Vectors.build(vectors, kind, similarity) for kind in ("binary", "int8"))
    for k, effort in [(10, 30), (10, 1000), (300, 1), (299, 7)]:      # all 300 are candidates, or more than there are
        binary.effort = effort
        for found, right in zip(binary.search(vectors[:20], k), int8.search(vectors[:20], k)):
            np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


def test_more_candidates_find_more():
    vectors = np.random.default_rng(0).normal(size=(2000, 64)).astype(np.float32)
    binary, right = Vectors.build(vectors, "binary", "cosine"), Vectors.build(vectors, "flat", "cosine")
    asked = np.random.default_rng(1).normal(size=(50, 64))
    best = right.search(asked, 10)[1]
    recalls = []
    for effort in (1, 4, 16):
        binary.effort = effort
        recalls.append(np.mean([len(set(row) & set(own)) / 10 for row, own in zip(binary.search(asked, 10)[1], best)]))
    assert recalls[0] + 0.1 < recalls[1] < recalls[2] - 0.1 < 0.9
