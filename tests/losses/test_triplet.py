"""Triplet loss against a loop over triplets, with its gradient, alone and over processes."""

import math

import pytest
import torch
from shares import numbers_batch, two_processes_equal_one
from torch.autograd import gradcheck

from lit_embed.errors import UserError
from lit_embed.losses import Triplet, triplet


def naive(queries, documents, margin, distance):
    def euclidean(a, b):
        return math.sqrt(sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True)))

    def cosine(a, b):
        return 1 - float(a @ b) / (math.sqrt(float(a @ a)) * math.sqrt(float(b @ b)))

    measure, losses = {"euclidean": euclidean, "cosine": cosine}[distance], []
    for query, (answer, *negatives) in zip(queries, documents, strict=True):
        losses += [max(0.0, measure(query, answer) - measure(query, negative) + margin) for negative in negatives]
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("distance, margin", [("euclidean", 1.0), ("cosine", 0.3)])
@pytest.mark.parametrize("batch, choices", [(1, 1), (1, 2), (5, 1), (5, 3)])
def test_matches_the_naive_loop(batch, choices, distance, margin):
    queries, documents = torch.randn(batch, 4), torch.randn(batch, choices, 4)
    expected = naive(queries, documents, margin, distance)
    assert triplet(queries, documents, margin, distance).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_gradient_matches_finite_differences(distance):
    queries, documents = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(4, 5), (4, 3, 5)])
    assert gradcheck(lambda q, d: triplet(q, d, 0.4, distance), (queries, documents))


def test_half_the_margin_in_cosine_is_half_of_the_squared_distances_of_unit_vectors():
    queries, documents = (torch.nn.functional.normalize(torch.randn(*s), dim=-1) for s in [(5, 6), (5, 3, 6)])
    squared = (queries.unsqueeze(1) - documents).square().sum(-1)
    facenet = (squared[:, :1] - squared[:, 1:] + 0.2).clamp(min=0).mean()
    assert triplet(queries, documents, 0.1, "cosine").item() == pytest.approx(facenet.item() / 2, rel=1e-4)


def test_a_negative_equal_to_the_answer_costs_the_margin():
    document = torch.randn(1, 1, 4).expand(3, 2, 4)
    assert triplet(torch.randn(3, 4), document, 0.7).item() == pytest.approx(0.7)


def test_negatives_beyond_the_margin_cost_nothing_and_teach_nothing():
    query = torch.tensor([[1.0, 0.0]], requires_grad=True)
    loss = triplet(query, torch.tensor([[[1.0, 0.0], [9.0, 0.0]]]), 1.0)
    loss.backward()
    assert loss == 0 and query.grad.isfinite().all() and query.grad.abs().max() == 0


def test_a_query_equal_to_its_answer_has_a_finite_gradient():
    query = torch.ones(1, 3, requires_grad=True)
    triplet(query, torch.stack([torch.ones(3), torch.zeros(3)])[None], 5.0).backward()
    assert query.grad.isfinite().all()


def test_bf16_is_widened():
    queries, documents = torch.randn(4, 8).bfloat16(), torch.randn(4, 2, 8).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = triplet(queries, documents)
    assert loss.dtype == torch.float32 and loss == triplet(queries.float(), documents.float())


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_two_processes_give_the_gradient_of_one_big_batch(distance):
    two_processes_equal_one(Triplet(0.8, distance), 3)


def test_the_module_passes_its_settings_on():
    queries, documents = torch.randn(4, 3), torch.randn(4, 3, 3)
    assert Triplet(0.2, "cosine")(queries, documents, numbers_batch(4, 3)) == triplet(queries, documents, 0.2, "cosine")


@pytest.mark.parametrize("settings, says", [({"margin": 0.0}, "above 0"), ({"distance": "dot"}, "euclidean, cosine")])
def test_a_wrong_setting_is_one_clear_line(settings, says):
    with pytest.raises(UserError, match=says):
        Triplet(**settings)


def test_rows_without_negatives_are_refused():
    with pytest.raises(UserError, match="Triplet compares an answer with wrong ones"):
        Triplet().check(None, 1)
    Triplet().check(None, 2)
