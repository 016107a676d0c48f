"""Cosine regression against a loop over pairs, with its gradient, alone and on two processes."""

import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.losses import cosine_regression


def naive_cosine_regression(first, second, target):
    total = 0.0
    for u, v, y in zip(first, second, target, strict=True):
        total += (float(u @ v) / (math.sqrt(float(u @ u)) * math.sqrt(float(v @ v))) - float(y)) ** 2
    return total / len(first)


@pytest.mark.parametrize("batch", [1, 7])
def test_matches_the_naive_loop(batch):
    first, second, target = torch.randn(batch, 5), torch.randn(batch, 5), torch.rand(batch)
    expected = naive_cosine_regression(first, second, target)
    assert cosine_regression(first, second, target).item() == pytest.approx(expected, rel=1e-4)


def test_a_right_angle_against_one_costs_one():
    assert cosine_regression(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([1.0])).item() == 1


def test_gradient_matches_finite_differences():
    first, second = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert gradcheck(lambda u, v: cosine_regression(u, v, torch.tensor([0.0, 0.5, 1.0])), (first, second))


def test_bf16_is_widened():
    first, second = torch.randn(4, 64).bfloat16(), torch.randn(4, 64).bfloat16()
    loss = cosine_regression(first, second, torch.rand(4))
    assert loss.dtype == torch.float32


def half_of_the_batch(rank, texts, target, expected):
    torch.manual_seed(0)
    model, mine = DistributedDataParallel(nn.Linear(6, 4, bias=False).double()), slice(rank * 4, rank * 4 + 4)
    cosine_regression(model(texts[0, mine]), model(texts[1, mine]), target[mine]).backward()
    torch.testing.assert_close(next(model.parameters()).grad, expected, rtol=1e-9, atol=1e-12)


def test_two_processes_give_the_gradient_of_one_big_batch():
    texts, target = torch.randn(2, 8, 6).double(), torch.rand(8).double()
    torch.manual_seed(0)
    model = nn.Linear(6, 4, bias=False).double()
    cosine_regression(model(texts[0]), model(texts[1]), target).backward()
    run_in_processes(2, half_of_the_batch, texts, target, model.weight.grad)
