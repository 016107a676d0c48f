"""KL distillation against the formula one scalar at a time, with its gradient, alone and over processes."""

import math

import pytest
import torch
from shares import numbers_batch, two_processes_equal_one
from torch.autograd import gradcheck

from lit_embed.errors import UserError
from lit_embed.losses import KLDistillation, kl_distillation


def naive(queries, documents, teacher, temperature, teacher_temperature, similarity):
    def score(a, b):
        dot = float(a @ b)
        return dot if similarity == "dot" else dot / math.sqrt(float(a @ a) * float(b @ b))

    def softmax(logits):
        return [math.exp(logit) / sum(map(math.exp, logits)) for logit in logits]

    total = 0.0
    for query, own, said in zip(queries, documents, teacher.tolist(), strict=True):
        p = softmax([logit / teacher_temperature for logit in said])
        q = softmax([score(query, document) / temperature for document in own])
        total += sum(each * math.log(each / other) for each, other in zip(p, q, strict=True))
    return total / len(queries)


@pytest.mark.parametrize("temperatures, similarity", [((0.2, 1.0), "cosine"), ((1.5, 3.0), "dot")])
@pytest.mark.parametrize("batch, choices", [(1, 1), (1, 2), (5, 1), (5, 4)])
def test_matches_the_naive_loop(batch, choices, temperatures, similarity):
    queries, documents, teacher = torch.randn(batch, 4), torch.randn(batch, choices, 4), torch.randn(batch, choices) * 2
    expected = naive(queries, documents, teacher, *temperatures, similarity)
    found = kl_distillation(queries, documents, teacher, *temperatures, similarity)
    assert found.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_gradient_matches_finite_differences():
    queries, documents = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(3, 4), (3, 3, 4)])
    teacher = torch.randn(3, 3)
    assert gradcheck(lambda q, d: kl_distillation(q, d, teacher, 0.5, 2.0), (queries, documents))


def test_a_student_that_says_the_same_costs_nothing_whatever_is_added_to_the_scores():
    queries, documents = torch.randn(4, 6), torch.randn(4, 3, 6)
    teacher = torch.einsum("bd,bcd->bc", queries, documents) + torch.randn(4, 1)
    assert kl_distillation(queries, documents, teacher, 1.0, 1.0, "dot").item() == pytest.approx(0, abs=1e-6)


def test_a_teacher_that_is_certain_makes_it_the_cross_entropy_of_the_answer():
    """p = (1, 0, 0): the sum is -log q of the answer; among three equal choices log 3."""
    document = torch.randn(2, 1, 4).expand(2, 3, 4)
    found = kl_distillation(torch.randn(2, 4), document, torch.tensor([[1e4, 0.0, 0.0]]).expand(2, 3))
    assert found.item() == pytest.approx(math.log(3), rel=1e-5)


def test_bf16_is_widened():
    queries, documents, teacher = torch.randn(4, 8).bfloat16(), torch.randn(4, 2, 8).bfloat16(), torch.randn(4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        loss = kl_distillation(queries, documents, teacher)
    assert loss.dtype == torch.float32 and loss == kl_distillation(queries.float(), documents.float(), teacher)


def test_two_processes_give_the_gradient_of_one_big_batch():
    two_processes_equal_one(KLDistillation(0.3, 2.0), 3, torch.randn(8, 3))


def test_the_module_learns_from_the_labels():
    queries, documents, teacher = torch.randn(4, 3), torch.randn(4, 2, 3), torch.randn(4, 2)
    found = KLDistillation(0.2, 3.0, "dot")(queries, documents, numbers_batch(4, 2, teacher))
    assert found == kl_distillation(queries, documents, teacher, 0.2, 3.0, "dot")


@pytest.mark.parametrize("settings, says", [({"temperature": 0}, "above 0"), ({"similarity": "l2"}, "dot, cosine")])
def test_a_wrong_setting_is_one_clear_line(settings, says):
    with pytest.raises(UserError, match=says):
        KLDistillation(**settings)
