"""The schedule against its drawing, and which parameters decay."""

import math

import pytest
import torch
from torch import nn

from lit_embed.errors import UserError
from lit_embed.modules.optimization import LinearWarmupDecay, adamw


def rates(warmup, total, steps):
    shape = LinearWarmupDecay(warmup)
    shape.total = total
    return [round(shape(step), 6) for step in steps]


def test_up_over_the_warmup_then_down_to_zero():
    assert rates(4, 12, [0, 1, 2, 4, 8, 12, 13]) == [0, 0.25, 0.5, 1, 0.5, 0, 0]


def test_a_share_is_that_share_of_the_run():
    assert rates(0.25, 8, [0, 1, 2, 5, 8]) == [0, 0.5, 1, 0.5, 0]


def test_no_warmup_starts_at_the_full_rate():
    assert rates(0, 4, [0, 2, 4]) == rates(0.0, 4, [0, 2, 4]) == [1, 0.5, 0]


def test_before_the_length_of_the_run_is_known_a_share_waits_and_steps_count():
    assert rates(0.1, math.inf, [0]) == [0] and rates(2, math.inf, [0, 1, 5]) == [0, 0.5, 1] and rates(0, math.inf, [0]) == [1]


def test_a_negative_warmup_is_refused():
    with pytest.raises(UserError, match="warmup -1"):
        LinearWarmupDecay(-1)


def test_biases_norms_and_frozen_weights_are_spared():
    module = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.Linear(3, 2))
    module[2].weight.requires_grad_(False)
    module.log_temperature = nn.Parameter(torch.tensor(0.0))
    optimizer = adamw(module, 1e-3, 0.1)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decays == {id(module[0].weight): 0.1, **{id(p): 0.0 for p in (
        module[0].bias, module[1].weight, module[1].bias, module[2].bias, module.log_temperature)}}
    assert optimizer.defaults["fused"]


def test_nothing_to_train_is_said():
    with pytest.raises(UserError, match="every parameter is frozen"):
        adamw(nn.Linear(2, 2).requires_grad_(False), 1e-3, 0.0)
