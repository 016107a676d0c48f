"""CoSENT against the double sum of the formula, with its gradient, alone and over processes."""

import math

import pytest
import torch
from shares import numbers_batch, two_processes_equal_one
from torch.autograd import gradcheck

from lit_embed.errors import UserError
from lit_embed.losses import CoSENT, cosent


def naive(first, second, target, scale):
    """The formula as printed: every pair of pairs, one scalar at a time."""
    def cosine(a, b):
        return float(a @ b) / (math.sqrt(float(a @ a)) * math.sqrt(float(b @ b)))

    cosines, total = [cosine(u, v) for u, v in zip(first, second, strict=True)], 1.0
    for i, higher in enumerate(target.tolist()):
        for j, lower in enumerate(target.tolist()):
            if higher > lower:
                total += math.exp(scale * (cosines[j] - cosines[i]))
    return math.log(total)


@pytest.mark.parametrize("target", [[0.5], [0.1, 0.9], [0.9, 0.1], [0.2, 0.8, 0.5, 0.0, 1.0, 0.3, 0.7], [0.0, 1.0, 0.0, 1.0, 0.5, 0.5]])
def test_matches_the_double_sum_ties_among_scores_included(target):
    target = torch.tensor(target)
    first, second = torch.randn(2, len(target), 4)
    expected = naive(first, second, target, 20.0)
    assert cosent(first, second, target).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_gradient_matches_finite_differences():
    first, second = torch.randn(2, 6, 4, dtype=torch.float64).requires_grad_()
    target = torch.tensor([0.5, 0.0, 1.0, 0.5, 0.2, 0.0])
    assert gradcheck(lambda u, v: cosent(u, v, target, 5.0), (first, second))


@pytest.mark.parametrize("rows", [1, 4])
def test_equal_scores_say_nothing_and_the_gradient_is_zero(rows):
    first = torch.randn(rows, 4, requires_grad=True)
    loss = cosent(first, torch.randn(rows, 4), torch.full((rows,), 0.3))
    loss.backward()
    assert loss == 0 and first.grad.abs().max() == 0


def test_equal_cosines_of_different_scores_cost_log_of_their_count():
    """Three pairs of one cosine and scores 0, 1, 2: three ordered pairs, log(1 + 3)."""
    ones = torch.ones(3, 4)
    assert cosent(ones, ones, torch.tensor([2.0, 0.0, 1.0])).item() == pytest.approx(math.log(4))


def test_a_wrong_order_at_a_large_scale_stays_finite():
    first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).requires_grad_(), torch.tensor([[1.0, 0.0], [-1.0, 1e-3]])
    loss = cosent(first, second, torch.tensor([0.0, 1.0]), 1e4)
    loss.backward()
    assert loss.item() == pytest.approx(2e4, rel=1e-5) and first.grad.isfinite().all()


def test_only_the_order_of_the_scores_counts():
    first, second, target = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0.0, 0.2, 0.9, 0.2, 1.0])
    assert cosent(first, second, target) == cosent(first, second, target.exp() * 7)


def test_bf16_around_it_changes_neither_value_nor_type():
    first, second, target = torch.randn(6, 16).bfloat16(), torch.randn(6, 16).bfloat16(), torch.rand(6)
    with torch.autocast("cpu", torch.bfloat16):
        loss = cosent(first, second, target)
    assert loss.dtype == torch.float32 and loss == cosent(first.float(), second.float(), target)


def test_the_module_compares_queries_with_their_first_documents():
    queries, documents, target = torch.randn(4, 3), torch.randn(4, 2, 3), torch.rand(4)
    assert CoSENT(7)(queries, documents, numbers_batch(4, 2, target)) == cosent(queries, documents[:, 0], target, 7)


@pytest.mark.parametrize("target", [torch.rand(8), torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])])
def test_two_processes_give_the_gradient_of_one_big_batch(target):
    """With the second scores each process alone would have nothing to compare."""
    two_processes_equal_one(CoSENT(5.0), 1, target)


def test_a_scale_of_zero_is_one_clear_line():
    with pytest.raises(UserError, match="above 0"):
        CoSENT(0)
