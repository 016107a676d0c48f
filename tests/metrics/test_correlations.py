"""Every figure against scipy, with ties, constants and numbers far from the origin."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from lit_embed.metrics import correlations, ranks, similarity_correlations


def scipy_correlations(first, second, scores):
    """The table as one would write it with scipy, one pair at a time."""
    similarity = {
        "cosine": lambda a, b: 1 - distance.cosine(a, b), "euclidean": lambda a, b: -distance.euclidean(a, b),
        "manhattan": lambda a, b: -distance.cityblock(a, b), "dot": lambda a, b: float(a @ b),
    }
    table = {}
    for name, function in similarity.items():
        values = [function(a.astype(float), b.astype(float)) for a, b in zip(first, second)]
        table[f"pearson_{name}"] = stats.pearsonr(values, scores).statistic
        table[f"spearman_{name}"] = stats.spearmanr(values, scores).statistic
    for kind in ("pearson", "spearman"):
        table[f"{kind}_max"] = max(value for name, value in table.items() if name.startswith(kind))
    return table


@pytest.mark.parametrize("rows", [2, 3, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_correlations_agree_with_scipy(rows, dtype):
    rng = np.random.default_rng(rows)
    first, second = (rng.normal(size=(rows, 7)).astype(dtype) for _ in range(2))
    scores = rng.normal(size=rows)
    assert similarity_correlations(first, second, scores) == pytest.approx(
        scipy_correlations(first, second, scores), abs=1e-6)


def test_ties_in_scores_and_in_similarities_agree_with_scipy():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(-2, 3, size=(60, 2)).astype(np.float32) for _ in range(2))
    first[:, 0], second[:, 0] = 3, 3                                    # no zero vectors: scipy has no cosine for them
    scores = rng.integers(0, 4, size=60)
    expected = scipy_correlations(first, second, scores)
    expected = {name: value for name, value in expected.items() if "cosine" not in name and "max" not in name}
    found = similarity_correlations(first, second, scores)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_ranks_are_those_of_scipy():
    values = np.array([3.0, 1, 1, 2, 3, 3, -5])
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values))


def test_embeddings_far_from_the_origin_keep_their_correlation():
    # In float32 the squares of 1e4 swallow the differences that the scores follow.
    rng = np.random.default_rng(0)
    first = (1e4 + rng.normal(size=(100, 3))).astype(np.float32)
    second = (1e4 + rng.normal(size=(100, 3))).astype(np.float32)
    scores = rng.normal(size=100)
    found, expected = similarity_correlations(first, second, scores), scipy_correlations(first, second, scores)
    for name in ("pearson_euclidean", "pearson_manhattan", "pearson_dot"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6)


def test_higher_is_more_similar_for_distances_too():
    first = np.zeros((3, 2)) + [1, 0]
    second = np.array([[1.0, 0], [2, 0], [5, 0]])
    found = similarity_correlations(first, second, np.array([3, 2, 1]))
    assert found["spearman_euclidean"] == found["spearman_manhattan"] == pytest.approx(1)
    assert found["spearman_dot"] == pytest.approx(-1) and found["spearman_max"] == pytest.approx(1)


@pytest.mark.parametrize("scores", [[1, 1, 1], [0, math.nan, 1]])
def test_a_constant_or_missing_score_is_nan_without_a_warning(scores):
    first, second = np.eye(3), np.arange(9.0).reshape(3, 3)
    assert all(math.isnan(value) for value in similarity_correlations(first, second, np.array(scores)).values())


def test_a_collapsed_model_is_nan_where_it_is_constant_and_the_maximum_ignores_it():
    first = np.ones((4, 3), dtype=np.float32)
    found = similarity_correlations(first, first * np.array([[1], [2], [3], [4]]), np.arange(4))
    assert found["spearman_dot"] == pytest.approx(1) and found["spearman_max"] == pytest.approx(1)
    assert all(math.isnan(v) for v in similarity_correlations(first, first, np.arange(4)).values())


def test_zero_vectors_and_no_rows_do_not_warn():
    assert math.isnan(similarity_correlations(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))["pearson_max"])
    assert math.isnan(similarity_correlations(np.zeros((4, 3)), np.ones((4, 3)), np.arange(4))["pearson_cosine"])


def test_blocks_do_not_change_the_figures(monkeypatch):
    rng = np.random.default_rng(3)
    first, second, scores = rng.normal(size=(11, 4)), rng.normal(size=(11, 4)), rng.normal(size=11)
    whole = similarity_correlations(first, second, scores)
    monkeypatch.setattr(correlations, "BLOCK", 4)
    assert similarity_correlations(first, second, scores) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("second, scores", [(np.ones((3, 2)), [1, 2]), (np.ones((2, 2)), [1, 2, 3])])
def test_arrays_that_do_not_belong_together_are_refused(second, scores):
    with pytest.raises(ValueError):
        similarity_correlations(np.ones((3, 2)), second, scores)
