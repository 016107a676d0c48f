"""Pair classification against the formula one scalar at a time, with its gradient, alone and over processes."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.batches import PairBatch, Tokens
from lit_embed.errors import UserError
from lit_embed.losses import PairClassification, pair_classification


def naive(logits, labels):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        total -= math.log(math.exp(row[label]) / sum(map(math.exp, row)))
    return total / len(labels)


@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize("classes", [2, 5])
def test_matches_the_naive_loop(batch, classes):
    logits, labels = torch.randn(batch, classes), torch.randint(classes, (batch,))
    assert pair_classification(logits, labels).item() == pytest.approx(naive(logits, labels), rel=1e-5)


def test_gradient_matches_finite_differences():
    assert gradcheck(lambda x: pair_classification(x, torch.tensor([2, 0, 1])), torch.randn(3, 3, dtype=torch.float64, requires_grad=True))


def test_an_uninformed_model_scores_log_l():
    assert pair_classification(torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])).item() == pytest.approx(math.log(3))


def test_bf16_around_it_changes_nothing():
    logits, labels = torch.randn(6, 3).bfloat16(), torch.tensor([0, 1, 2, 0, 1, 2])
    with torch.autocast("cpu", torch.bfloat16):
        loss = pair_classification(logits, labels)
    assert loss.dtype == torch.float32 and loss == pair_classification(logits.float(), labels)


def test_the_module_takes_the_logits_of_the_one_choice():
    nothing, logits, labels = Tokens(torch.zeros(0), torch.zeros(0, dtype=torch.long)), torch.randn(4, 1, 3), torch.tensor([0, 2, 1, 1])
    batch = PairBatch(nothing, nothing, labels, torch.arange(4), torch.arange(4).view(4, 1))
    assert PairClassification()(logits, batch) == pair_classification(logits[:, 0], labels)


@pytest.mark.parametrize("labels, choices, num_labels, says", [
    (np.array([0, 1]), 1, 1, "needs a logit for each class"), (None, 1, 3, "needs training pairs with classes"),
    (np.array([0.5, 1.0]), 1, 3, "needs training pairs with classes"), (np.array([0, 1]), 2, 3, "no negatives"),
    (np.array([0, 3]), 1, 3, "from 0 to 3, but model.encoder.num_labels is 3")])
def test_rows_that_cannot_be_trained_on_are_refused(labels, choices, num_labels, says):
    with pytest.raises(UserError, match=says):
        PairClassification().check(labels, choices, num_labels)


def test_rows_that_can_are_not():
    PairClassification().check(np.array([0, 1, 2]), 1, 3)


def half_of_the_batch(rank, inputs, labels, expected):
    torch.manual_seed(0)
    model, mine = DistributedDataParallel(nn.Linear(6, 3, bias=False).double()), slice(rank * 4, rank * 4 + 4)
    pair_classification(model(inputs[mine]), labels[mine]).backward()
    torch.testing.assert_close(next(model.parameters()).grad, expected, rtol=1e-9, atol=1e-12)


def test_two_processes_give_the_gradient_of_one_big_batch():
    inputs, labels = torch.randn(8, 6).double(), torch.randint(3, (8,))
    torch.manual_seed(0)
    model = nn.Linear(6, 3, bias=False).double()
    pair_classification(model(inputs), labels).backward()
    run_in_processes(2, half_of_the_batch, inputs, labels, model.weight.grad)
