"""The norm of each parameter's gradient, in float32 whatever the parameters are in."""

import math

import torch
from torch import nn

from lit_embed.callbacks.gradient_norms import gradient_norms


def test_each_norm_is_that_of_a_loop_and_what_has_no_gradient_is_left_out():
    module = nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(2, 1), "c": nn.Linear(2, 2)}).half()
    module["a"].weight.grad = torch.full((2, 3), 40_000.0, dtype=torch.float16)         # its norm is no float16
    module["b"].bias.grad = torch.tensor([torch.nan], dtype=torch.float16)
    names, norms = gradient_norms(module)
    assert names == ["a.weight", "b.bias"] and norms.dtype == torch.float32
    assert math.isclose(norms[0].item(), math.sqrt(6 * 40_000.0**2), rel_tol=1e-3) and norms[1].isnan()


def test_without_a_gradient_there_is_no_norm():
    names, norms = gradient_norms(nn.Linear(2, 2))
    assert names == [] and norms.norm().item() == 0.0
