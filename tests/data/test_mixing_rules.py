"""Shares against a plain count, and the three lengths of an epoch."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from lit_embed.data import BySize, ByWeights, RoundRobin
from lit_embed.data.mixing_rules import MixingRule, batches_of_epoch
from lit_embed.errors import UserError

BATCHES = {"small": 4, "middle": 10, "large": 100}


def test_temperature_one_is_proportional_and_a_high_one_nearly_equal():
    np.testing.assert_allclose(BySize(1).shares(BATCHES), [4 / 114, 10 / 114, 100 / 114])
    np.testing.assert_allclose(BySize(1e9).shares(BATCHES), [1 / 3] * 3)


@pytest.mark.parametrize("temperature", [0.5, 1, 2, 5])
def test_shares_by_size_are_the_formula_of_the_paper(temperature):
    powers = [(size / 114) ** (1 / temperature) for size in BATCHES.values()]
    np.testing.assert_allclose(BySize(temperature).shares(BATCHES), [power / sum(powers) for power in powers])


def test_shares_by_weight_and_in_turn():
    np.testing.assert_allclose(ByWeights({"large": 1, "small": 2, "middle": 1}).shares(BATCHES), [0.5, 0.25, 0.25])
    np.testing.assert_allclose(RoundRobin().shares(BATCHES), [1 / 3] * 3)


def largest_remainders(shares: list[Fraction], total: int) -> list[int]:
    """Hamilton's method, in fractions."""
    counts = [int(share * total) for share in shares]
    for place in sorted(range(len(shares)), key=lambda i: counts[i] - shares[i] * total)[: total - sum(counts)]:
        counts[place] += 1
    return counts


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 7), (3, 3, 1), (4, 10, 100)])
@pytest.mark.parametrize("length", ["sum", "first_exhausted", "all_exhausted"])
def test_batches_are_counted_out_by_largest_remainders(weights, length):
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    once_round = [size / share for size, share in zip(BATCHES.values(), shares)]
    total = {"sum": 114, "first_exhausted": int(min(once_round)), "all_exhausted": -int(-max(once_round) // 1)}[length]
    found = batches_of_epoch(np.array(shares, dtype=float), np.array(list(BATCHES.values())), length)
    assert found.tolist() == largest_remainders(shares, total)


def test_an_epoch_of_proportional_shares_is_each_batch_once():
    sizes = np.array([4, 10, 100])
    for length in ("sum", "first_exhausted", "all_exhausted"):
        assert batches_of_epoch(BySize().shares(BATCHES), sizes, length).tolist() == [4, 10, 100]


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 7), (0.3, 0.3, 0.1)])
def test_nothing_comes_twice_until_the_first_set_is_exhausted_and_everything_came_when_all_are(weights):
    shares, sizes = np.array(weights) / sum(weights), np.array([4, 10, 100])
    first, last = (batches_of_epoch(shares, sizes, length) for length in ("first_exhausted", "all_exhausted"))
    assert (first <= sizes).all() and (first == sizes).any()
    assert (last >= sizes).all() and last.sum() == np.ceil((sizes / shares).max() - 1e-6)


@pytest.mark.parametrize("rule", [BySize(2), ByWeights({"small": 1, "middle": 1, "large": 1})])
def test_the_order_has_as_many_of_each_set_as_were_counted_and_is_new_each_time(rule):
    counts = np.array([3, 5, 40])
    orders = [rule.order(counts, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1)]
    assert Counter(orders[0]) == {0: 3, 1: 5, 2: 40} and orders[0] == orders[1] != orders[2]


def test_in_turn_the_sets_follow_each_other():
    assert RoundRobin().order(np.array([3, 2, 3]), np.random.default_rng(0)).tolist() == [0, 1, 2, 0, 1, 2, 0, 2]
    assert isinstance(RoundRobin(), MixingRule)


def test_rules_that_cannot_be_are_one_line():
    with pytest.raises(UserError, match="temperature 0: give 1"):
        BySize(0)
    with pytest.raises(UserError, match="the weight of 'nli' is 0; give a number above 0, or leave the set out"):
        ByWeights({"sts": 1, "nli": 0})
    with pytest.raises(UserError, match="weights for small, huge, but the sets are small, middle, large"):
        ByWeights({"small": 1, "huge": 2}).shares(BATCHES)
