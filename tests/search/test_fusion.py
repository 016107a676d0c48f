"""Fusion equals a loop over passages, whatever is missing, tied or empty; the order of rankings does not matter."""

import itertools

import numpy as np
import pytest

from lit_embed.search.fusion import reciprocal_rank_fusion, weighted_fusion


def random_rankings(seed, widths=(7, 4), queries=6, corpus=9):
    """Rankings with empty places at the end, and few distinct scores, so that ties abound."""
    rng = np.random.default_rng(seed)
    rankings = []
    for width in widths:
        scores, places = np.full((queries, width), -np.inf, np.float32), np.full((queries, width), -1)
        for row in range(queries):
            found = rng.integers(0, width + 1)
            places[row, :found] = rng.permutation(corpus)[:found]
            scores[row, :found] = np.sort(rng.integers(-3, 4, found))[::-1]
        rankings.append((scores, places))
    return rankings


def naive_fusion(rankings, k, gain):
    """gain(ranking number, rank from 1, the scores of that ranking for the query) of one passage of one query."""
    scores, places = [], []
    for row in range(len(rankings[0][0])):
        worth = {}
        for number, (ranked, found) in enumerate(rankings):
            known = [float(s) for s, p in zip(ranked[row], found[row]) if p >= 0]
            for rank, place in enumerate(p for p in found[row].tolist() if p >= 0):
                worth[place] = worth.get(place, 0.0) + gain(number, rank + 1, known)
        best = sorted(worth.items(), key=lambda item: (-round(item[1], 12), item[0]))[:k]
        scores.append([value for _, value in best] + [-np.inf] * (k - len(best)))
        places.append([place for place, _ in best] + [-1] * (k - len(best)))
    return np.array(scores), np.array(places)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("constant", "weights"), [(60, None), (0, [1.0, 3.0])])
def test_rank_fusion_matches_the_loop(seed, constant, weights):
    rankings = random_rankings(seed)
    found = reciprocal_rank_fusion(rankings, 5, constant, weights)
    expected = naive_fusion(rankings, 5, lambda number, rank, _: (weights or [1, 1])[number] / (constant + rank))
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_fusion_matches_the_loop(seed):
    def gain(number, rank, known):
        low, high = min(known), max(known)
        return [0.7, 0.3][number] * ((known[rank - 1] - low) / (high - low) if high > low else 1)
    rankings = random_rankings(seed)
    found, expected = weighted_fusion(rankings, 5, [0.7, 0.3]), naive_fusion(rankings, 5, gain)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)


def test_the_published_constant_is_the_default():
    ranking = np.zeros((1, 2), np.float32), np.array([[4, 2]])
    scores, places = reciprocal_rank_fusion([ranking, ranking], 2)
    np.testing.assert_allclose(scores, [[2 / 61, 2 / 62]], rtol=1e-6)
    assert places.tolist() == [[4, 2]] and scores.dtype == np.float32 and places.dtype == np.int64


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, weighted_fusion])
def test_the_order_of_rankings_does_not_matter(fuse):
    rankings = random_rankings(3, widths=(5, 6, 7))
    for order in itertools.permutations(rankings):
        for one, other in zip(fuse(list(order), 6), fuse(rankings, 6)):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fuse", [reciprocal_rank_fusion, weighted_fusion])
def test_nothing_found_and_nobody_asking_are_no_special_cases(fuse):
    nothing = np.full((2, 3), -np.inf, np.float32), np.full((2, 3), -1)
    scores, places = fuse([nothing, nothing], 4)
    assert places.shape == (2, 4) and (places == -1).all() and (scores == -np.inf).all()
    nobody = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    assert fuse([nobody], 4)[1].shape == (0, 3)
    empty_corpus = np.zeros((2, 0), np.float32), np.zeros((2, 0), np.int64)
    assert fuse([empty_corpus, empty_corpus], 4)[1].shape == (2, 0)


def test_rankings_and_weights_must_pair_up():
    with pytest.raises(ValueError, match="2 rankings have 1 weights"):
        weighted_fusion(random_rankings(0), 3, [1.0])
    with pytest.raises(ValueError, match="nothing to fuse"):
        reciprocal_rank_fusion([], 3)
