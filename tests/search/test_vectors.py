"""Numbers stay without gaps whatever is removed, and vectors are compared as the similarity says."""

import numpy as np
import pytest

from lit_embed.search.vectors import Vectors, prepared


def test_only_the_cosine_makes_unit_vectors():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(prepared(vectors, "cosine"), [[0.6, 0.8], [0, 0]])
    for similarity in ("dot", "l2"):
        np.testing.assert_array_equal(prepared(vectors, similarity), vectors)


@pytest.mark.parametrize("kind", ["flat", "int8", "ivf", "ivf-pq", "hnsw"])
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
