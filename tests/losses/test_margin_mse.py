"""Margin-MSE against a loop over margins, with its gradient, alone and over processes."""

import math

import pytest
import torch
from shares import numbers_batch, two_processes_equal_one
from torch.autograd import gradcheck

from lit_embed.errors import UserError
from lit_embed.losses import MarginMSE, margin_mse


def naive(queries, documents, teacher, similarity="dot", scale=1.0):
    def score(a, b):
        dot = float(a @ b)
        return scale * (dot if similarity == "dot" else dot / math.sqrt(float(a @ a) * float(b @ b)))

    errors = []
    for query, own, said in zip(queries, documents, teacher.tolist(), strict=True):
        for negative, its in zip(own[1:], said[1:], strict=True):
            errors.append(((score(query, own[0]) - score(query, negative)) - (said[0] - its)) ** 2)
    return sum(errors) / len(errors) if errors else 0.0


@pytest.mark.parametrize("similarity, scale", [("dot", 1.0), ("cosine", 10.0)])
@pytest.mark.parametrize("batch, choices", [(1, 1), (1, 2), (5, 1), (5, 4)])
def test_matches_the_naive_loop(batch, choices, similarity, scale):
    queries, documents, teacher = torch.randn(batch, 4), torch.randn(batch, choices, 4), torch.randn(batch, choices) * 4
    expected = naive(queries, documents, teacher, similarity, scale)
    assert margin_mse(queries, documents, teacher, similarity, scale).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_gradient_matches_finite_differences(similarity):
    queries, documents = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(3, 4), (3, 3, 4)])
    teacher = torch.randn(3, 3)
    assert gradcheck(lambda q, d: margin_mse(q, d, teacher, similarity, 3.0), (queries, documents))


def test_a_student_with_the_teachers_margins_costs_nothing_wherever_its_scores_lie():
    queries, documents = torch.randn(4, 6), torch.randn(4, 3, 6)
    teacher = torch.einsum("bd,bcd->bc", queries, documents) + torch.tensor([[5.0], [0.0], [-3.0], [100.0]])
    assert margin_mse(queries, documents, teacher).item() == pytest.approx(0, abs=1e-6)


def test_equal_choices_against_equal_scores_cost_nothing():
    document = torch.randn(3, 1, 4).expand(3, 3, 4)
    assert margin_mse(torch.randn(3, 4), document, torch.full((3, 3), 2.0)) == 0


def test_bf16_is_widened():
    queries, documents, teacher = torch.randn(4, 8).bfloat16(), torch.randn(4, 2, 8).bfloat16(), torch.randn(4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        loss = margin_mse(queries, documents, teacher)
    assert loss.dtype == torch.float32 and loss == margin_mse(queries.float(), documents.float(), teacher)


def test_two_processes_give_the_gradient_of_one_big_batch():
    two_processes_equal_one(MarginMSE("cosine", 4.0), 3, torch.randn(8, 3))


def test_the_module_learns_from_the_labels():
    queries, documents, teacher = torch.randn(4, 3), torch.randn(4, 2, 3), torch.randn(4, 2)
    found = MarginMSE("cosine", 2.0)(queries, documents, numbers_batch(4, 2, teacher))
    assert found == margin_mse(queries, documents, teacher, "cosine", 2.0)


@pytest.mark.parametrize("settings, says", [({"similarity": "l2"}, "dot, cosine"), ({"scale": 0}, "above 0")])
def test_a_wrong_setting_is_one_clear_line(settings, says):
    with pytest.raises(UserError, match=says):
        MarginMSE(**settings)
