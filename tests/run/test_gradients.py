"""How far two gradients are apart; and the ways that need one process, on a tiny model."""

import numpy as np
import pytest

from lit_embed.commands.verify import LOSSES
from lit_embed.run.gradients import Gradient, difference, gradient
from lit_embed.run.random_batch import random_batch
from lit_embed.run.ways import ONE_PASS, Way


def of(loss: float, *parts: list[float]) -> Gradient:
    return Gradient(loss, [np.array(part, dtype=np.float32) for part in parts])


def test_the_difference_is_that_of_the_worst_parameter():
    found = difference(of(2.0, [3, 4.5], [0, 0]), of(2.0, [3, 4], [0, 0]))
    assert found.deviation == pytest.approx(0.5 / 5)
    assert found.ratio == pytest.approx(np.hypot(3, 4.5) / 5)
    assert found.cosine == pytest.approx((9 + 18) / (np.hypot(3, 4.5) * 5))


def test_a_gradient_that_is_nothing_but_rounding_counts_by_the_whole():
    assert difference(of(1.0, [3, 4], [2e-7]), of(1.0, [3, 4], [1e-7])).deviation == pytest.approx(1e-7 / 0.5)


def test_the_loss_counts_and_nan_stays_nan():
    assert difference(of(2.2, [3, 4]), of(2.0, [3, 4])).deviation == pytest.approx(0.1)
    assert np.isnan(difference(of(2.0, [3, np.nan], [1]), of(2.0, [3, 4], [1])).deviation)


@pytest.fixture
def ready(toy_backbone):
    loss = LOSSES[0]                                                                   # InfoNCE
    return loss, loss.module(toy_backbone), random_batch(6, loss.choices, loss.labels, 90)


@pytest.mark.parametrize("way", [Way("", max_tokens=20), Way("", chunk=4)])
def test_parts_and_chunks_give_the_gradient_of_one_pass(way, ready):
    one = gradient(*ready, ONE_PASS, "float32")
    assert difference(gradient(*ready, way, "float32"), one).deviation < 1e-5


def test_recomputation_with_dropout_is_equal_to_the_bit(ready):
    kept = gradient(*ready, Way("", max_tokens=20, dropout=True, recomputed=False), "float32")
    recomputed = gradient(*ready, Way("", max_tokens=20, dropout=True), "float32")
    assert all(np.array_equal(*pair) for pair in zip(kept.by_parameter, recomputed.by_parameter, strict=True))
    without = gradient(*ready, Way("", max_tokens=20), "float32")
    assert difference(kept, without).deviation > 0.1                                   # dropout was on


def test_parts_of_an_in_batch_loss_are_another_loss(ready):
    assert difference(gradient(*ready, Way("", parts=2), "float32"), gradient(*ready, ONE_PASS, "float32")).deviation > 0.01
