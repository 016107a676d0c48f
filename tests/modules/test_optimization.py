"""The schedule against its drawing, and which parameters decay."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lit_embed.errors import UserError
from lit_embed.models import Lora, TextEncoder
from lit_embed.modules.optimization import LinearWarmupDecay, adamw, steps_of_run, train_what_is_not_frozen


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


@pytest.mark.parametrize("max_steps, max_epochs, batches, accumulate, steps", [
    (7, -1, 10, 1, 7), (-1, 3, 10, 1, 30), (7, 3, 10, 1, 7), (50, 3, 10, 1, 30), (-1, 3, 10, 4, 9), (-1, -1, 10, 1, math.inf),
    (-1, 3, math.inf, 1, math.inf), (-1, None, 10, 1, math.inf)])
def test_the_steps_of_a_run_are_what_ends_it_first(max_steps, max_epochs, batches, accumulate, steps):
    trainer = SimpleNamespace(max_steps=max_steps, max_epochs=max_epochs, num_training_batches=batches, accumulate_grad_batches=accumulate)
    assert steps_of_run(trainer) == steps


def test_frozen_parts_stay_in_eval_mode():
    module = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout()), nn.Sequential(nn.Linear(2, 2), nn.Dropout())).eval()
    module[0].requires_grad_(False)
    train_what_is_not_frozen(module)
    assert [module[0][0].training, module[1][0].training, module[1][1].training] == [False, True, True]


def test_what_adapters_are_trained_beside_drops_out_as_ever(toy_backbone):
    encoder = TextEncoder(toy_backbone, lora=Lora(target_modules=["query"]))
    train_what_is_not_frozen(encoder)
    assert all(part.training for part in encoder.modules())
