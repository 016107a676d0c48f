"""Recall is the share of the truly best, ties and the asking passage itself apart."""

import numpy as np
import pytest

from lit_embed.search.recall import exact_scores, measured_recall, without
from lit_embed.search.shards import Shards
from lit_embed.search.vectors import Vectors, prepared


@pytest.fixture
def corpus():
    return np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)


def on_disk(folder, vectors):
    shards = Shards(folder, "")
    for part in np.array_split(np.arange(len(vectors)), 4):
        shards.add([str(i) for i in part], [f"text {i}" for i in part], vectors[part])
    return shards


def naive_scores(query, vectors, similarity):
    if similarity == "l2":
        return [-sum((a - b) ** 2 for a, b in zip(query, vector)) for vector in vectors]
    return [sum(a * b for a, b in zip(query, vector)) for vector in vectors]


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("itself", [True, False])
def test_the_best_scores_are_those_of_the_loop(corpus, similarity, itself):
    vectors = prepared(corpus, similarity)
    own = np.array([0, 44, 89]) if itself else np.zeros(0, dtype=np.int64)
    queries = vectors[[0, 44, 89]]
    best = exact_scores(queries, np.array_split(vectors, 7), similarity, 4, own)
    for row, query in enumerate(queries):
        scores = naive_scores(query, vectors, similarity)
        if itself:
            del scores[own[row]]
        np.testing.assert_allclose(best[row], sorted(scores, reverse=True)[:4], rtol=1e-4, atol=1e-4)


def test_its_own_place_goes_to_the_end():
    assert without(np.array([[3, 1, 2], [7, 8, 9]]), np.array([1, 5])).tolist() == [[3, 2, 1], [7, 8, 9]]
    assert without(np.array([[3, 1, 2]]), np.zeros(0)).tolist() == [[3, 1, 2]]


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("asked", [True, False])
def test_an_exact_index_misses_nothing_and_half_of_one_half(corpus, tmp_path, similarity, asked):
    shards = on_disk(tmp_path, corpus)
    questions = np.random.default_rng(1).normal(size=(40, 5)) if asked else None
    assert measured_recall(Vectors.build(corpus, "flat", similarity), shards, questions) == 1
    half = corpus.copy()
    half[::2] = 1e-3 if similarity == "dot" else -100 * np.ones(5)         # as if every second one could not be found
    if similarity != "cosine":
        assert 0.3 < measured_recall(Vectors.build(half, "flat", similarity), shards, questions) < 0.7


def test_any_of_equal_passages_will_do(tmp_path):
    vectors = np.repeat(np.eye(4, dtype=np.float32), 20, axis=0)
    assert measured_recall(Vectors.build(vectors, "ivf", "cosine"), on_disk(tmp_path, vectors), np.eye(4)) == 1


def test_a_corpus_of_one_has_no_neighbours(tmp_path):
    vectors = np.ones((4, 3), dtype=np.float32)[:1]
    shards = Shards(tmp_path, "")
    shards.add(["a"], ["b"], vectors)
    assert measured_recall(Vectors.build(vectors, "flat", "cosine"), shards) == 1
