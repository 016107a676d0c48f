"""The order of a mixture: one set a batch, each set round by round, a function of seed, epoch and world size."""

from collections import Counter

import numpy as np
import pytest

from lit_embed.data import BySize, ByWeights, RoundRobin
from lit_embed.data.in_order import InOrder
from lit_embed.data.mixed_batches import Draw, InTurn, MixedBatches, MixedPairs
from lit_embed.data.sampler import NoDuplicatesBatches, ShuffledBatches
from lit_embed.errors import UserError


def mixed(mixing=None, length="sum", seed=3, small=8, large=24) -> MixedBatches:
    """Two batches of 4 rows and, by default, six."""
    samplers = {"small": ShuffledBatches(small, 4, seed=1), "large": ShuffledBatches(large, 4, seed=2)}
    return MixedBatches(samplers, mixing or BySize(), length, seed)


def epoch_of(batches: MixedBatches, epoch: int) -> list[tuple]:
    batches.set_epoch(epoch)
    return [(draw.source, draw.epoch, draw.rows.tolist()) for draw in batches.batches()]


def rows_of(draws: list[tuple], source: str) -> list[int]:
    return [row for name, _, rows in draws if name == source for row in rows]


def test_proportional_shares_show_every_row_once_an_epoch():
    draws = epoch_of(mixed(), 0)
    assert len(draws) == len(mixed()) == 8
    assert sorted(rows_of(draws, "small")) == list(range(8)) and sorted(rows_of(draws, "large")) == list(range(24))


def test_epochs_differ_and_repeat():
    batches = mixed()
    first, second = epoch_of(batches, 0), epoch_of(batches, 1)
    assert first != second and first == epoch_of(batches, 0) == epoch_of(mixed(), 0)
    assert [draw[0] for draw in first] != [draw[0] for draw in second]
    assert first != epoch_of(mixed(seed=4), 0)


def test_a_set_drawn_seldom_shows_every_row_once_before_any_comes_again():
    batches = mixed(ByWeights({"small": 3, "large": 1}))           # eight batches an epoch: six small, two large
    epochs = [epoch_of(batches, epoch) for epoch in range(3)]
    assert [Counter(draw[0] for draw in epoch) for epoch in epochs] == [{"small": 6, "large": 2}] * 3
    assert sorted(row for epoch in epochs for row in rows_of(epoch, "large")) == list(range(24))


def test_a_set_drawn_often_comes_again_in_another_order_with_another_epoch_of_its_own():
    draws = [draw for draw in epoch_of(mixed(ByWeights({"small": 3, "large": 1})), 1) if draw[0] == "small"]
    assert [own_epoch for _, own_epoch, _ in draws] == [3, 3, 4, 4, 5, 5]
    rounds = [rows_of(draws[start : start + 2], "small") for start in (0, 2, 4)]
    assert all(sorted(each) == list(range(8)) for each in rounds) and len(set(map(tuple, rounds))) == 3


def test_rounds_go_on_over_the_end_of_an_epoch():
    batches = mixed(RoundRobin(), small=12)                        # three batches and six, nine an epoch
    draws = [draw for epoch in range(4) for draw in epoch_of(batches, epoch) if draw[0] == "small"]
    for start in range(0, len(draws) - 2, 3):
        assert sorted(rows_of(draws[start : start + 3], "small")) == list(range(12))


def test_the_first_or_the_last_set_may_end_the_epoch():
    assert [draw[0] for draw in epoch_of(mixed(RoundRobin(), "first_exhausted"), 0)] == ["small", "large"] * 2
    assert [draw[0] for draw in epoch_of(mixed(RoundRobin(), "all_exhausted"), 0)] == ["small", "large"] * 6


def of_rank(rank: int, world: int) -> MixedBatches:
    batches = mixed(small=16)
    for sampler in batches.samplers.values():
        sampler.rank, sampler.world_size = rank, world
    return MixedBatches(batches.samplers, BySize(), "sum", 3)


def test_processes_take_the_same_set_in_the_same_step_and_no_row_twice():
    first, second = (epoch_of(of_rank(rank, 2), 1) for rank in (0, 1))
    assert [draw[:2] for draw in first] == [draw[:2] for draw in second] and len(first) == 2 + 3
    for source, rows in (("small", 16), ("large", 24)):
        assert sorted(rows_of(first, source) + rows_of(second, source)) == list(range(rows))


def test_no_text_stands_twice_in_a_batch_of_a_set_that_asks_for_it():
    texts = np.stack([np.arange(40), 100 + np.arange(40) % 8], axis=1)
    samplers = {"once": NoDuplicatesBatches(texts, 4, seed=1), "any": ShuffledBatches(24, 4, seed=2)}
    batches = MixedBatches(samplers, RoundRobin(), "all_exhausted", 3)
    for _, _, rows in [draw for draw in epoch_of(batches, 2) if draw[0] == "once"]:
        assert len(set(texts[rows, 1])) == 4


def test_a_set_that_would_have_no_batch_is_one_line():
    with pytest.raises(UserError, match="the set 'small' has 0.100% of 8 batches and so not one in an epoch"):
        mixed(ByWeights({"small": 1, "large": 999}))


def test_evaluation_looks_at_every_set_in_turn_and_at_every_row_once():
    batches = InTurn({"small": InOrder(np.arange(5), 4), "large": InOrder(np.arange(11), 4)})
    draws = batches.batches()
    assert [draw.source for draw in draws] == ["small", "large", "small", "large", "large"] and len(batches) == 5
    assert [row for draw in draws if draw.source == "large" for row in draw.rows] == list(range(11))


class Pairs:
    """Says what it was asked for."""

    epoch = None

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitems__(self, rows):
        self.asked = (self.epoch, rows)
        return self


def test_a_batch_names_its_set_and_has_the_negatives_of_the_sets_own_epoch():
    pairs = MixedPairs({"a": Pairs(3), "b": Pairs(4)})
    batch = pairs.__getitems__(Draw("b", 5, [1, 2]))
    assert (batch.source, batch.asked, len(pairs)) == ("b", (5, [1, 2]), 7)
