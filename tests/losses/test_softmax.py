"""Softmax classification against the formula one scalar at a time, for every concatenation of the paper's table."""

import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.errors import UserError
from lit_embed.losses import SoftmaxClassification, softmax_classification

CONCATENATIONS = ["u,v", "|u-v|", "u*v", "|u-v|,u*v", "u,v,u*v", "u,v,|u-v|", "u,v,|u-v|,u*v"]


def naive(first, second, labels, weight, bias, concatenation):
    total = 0.0
    for u, v, label in zip(first.tolist(), second.tolist(), labels.tolist(), strict=True):
        values = {"u": u, "v": v, "|u-v|": [abs(a - b) for a, b in zip(u, v)], "u*v": [a * b for a, b in zip(u, v)]}
        features = [x for part in concatenation.split(",") for x in values[part]]
        scores = [sum(w * x for w, x in zip(row, features)) + b for row, b in zip(weight.tolist(), bias.tolist())]
        total -= math.log(math.exp(scores[label]) / sum(map(math.exp, scores)))
    return total / len(first)


@pytest.mark.parametrize("concatenation", CONCATENATIONS)
def test_matches_the_naive_loop(concatenation):
    first, second, labels = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0, 2, 1, 1, 0])
    weight, bias = torch.randn(3, 4 * len(concatenation.split(","))), torch.randn(3)
    expected = naive(first, second, labels, weight, bias, concatenation)
    assert softmax_classification(first, second, labels, weight, bias, concatenation).item() == pytest.approx(expected, rel=1e-4)


def test_gradient_matches_finite_differences():
    first, second, weight = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(3, 4), (3, 4), (3, 12)])
    assert gradcheck(lambda u, v, w: softmax_classification(u, v, torch.tensor([0, 1, 2]), w), (first, second, weight))


def test_a_blind_classifier_scores_log_k():
    loss = softmax_classification(torch.randn(4, 2), torch.randn(4, 2), torch.tensor([0, 1, 2, 0]), torch.zeros(3, 6))
    assert loss.item() == pytest.approx(math.log(3))


def test_the_classifier_takes_the_width_of_the_encoder():
    loss = SoftmaxClassification(classes=2, concatenation="u, v, u*v")
    loss.build(width=5)
    assert loss.classifier.weight.shape == (2, 15)


def test_an_unknown_part_is_named():
    with pytest.raises(UserError, match="'w' is none of u, v"):
        SoftmaxClassification(concatenation="u,w")


def half_of_the_batch(rank, texts, labels, weight, expected):
    torch.manual_seed(0)
    model, mine = DistributedDataParallel(nn.Linear(6, 4, bias=False).double()), slice(rank * 4, rank * 4 + 4)
    softmax_classification(model(texts[0, mine]), model(texts[1, mine]), labels[mine], weight).backward()
    torch.testing.assert_close(next(model.parameters()).grad, expected, rtol=1e-9, atol=1e-12)


def test_two_processes_give_the_gradient_of_one_big_batch():
    texts, labels, weight = torch.randn(2, 8, 6).double(), torch.randint(3, (8,)), torch.randn(3, 12).double()
    torch.manual_seed(0)
    model = nn.Linear(6, 4, bias=False).double()
    softmax_classification(model(texts[0]), model(texts[1]), labels, weight).backward()
    run_in_processes(2, half_of_the_batch, texts, labels, weight, model.weight.grad)
