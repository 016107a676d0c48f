"""Intervals are repeatable, cover what they claim, and pairing shows differences that single intervals hide."""

import numpy as np
import pytest
from scipy import stats

from lit_embed.metrics import bootstrap, intervals


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(0).random(200) ** 3
    low, high = intervals({"x": values}, resamples=20_000)["x"]
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.002)


def test_the_interval_is_that_of_a_loop_over_drawn_questions():
    values, random = np.array([0.0, 1, 1, 0, 0.5, 1, 0.25]), np.random.default_rng(5)
    means = sorted(float(np.mean([values[random.integers(7)] for _ in range(7)])) for _ in range(4000))
    assert intervals({"x": values}, 20_000)["x"] == pytest.approx((means[100], means[3900]), abs=0.04)


def test_19_of_20_intervals_hold_the_truth():
    random = np.random.default_rng(2)
    inside = [low <= 0.3 <= high for low, high in
              (intervals({"x": random.random(150) < 0.3}, resamples=300, seed=i)["x"] for i in range(300))]
    assert 0.9 < np.mean(inside) < 0.99


def test_the_same_seed_gives_the_same_interval_in_blocks_too(monkeypatch):
    values = {"a": np.arange(50) % 3, "b": np.arange(50) % 7}
    once = intervals(values, 100)
    assert intervals(values, 100) == once != intervals(values, 100, seed=7)
    monkeypatch.setattr(bootstrap, "BLOCK", 500)
    assert all(interval == pytest.approx(once[name]) for name, interval in intervals(values, 100).items())


def test_pairing_shows_a_difference_that_single_intervals_hide():
    random = np.random.default_rng(3)
    worse = random.random(100)                                       # questions differ far more than the systems do
    better = worse + random.normal(0.02, 0.03, size=100)
    single = intervals({"worse": worse, "better": better})
    assert single["worse"][1] > single["better"][0]
    assert intervals({"difference": better - worse})["difference"][0] > 0


def test_all_questions_alike_are_an_interval_of_nothing_and_no_questions_are_nan():
    assert intervals({"x": np.ones(5)})["x"] == pytest.approx((1, 1))
    assert all(np.isnan(intervals({"x": np.zeros(0)})["x"]))
