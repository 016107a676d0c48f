"""Listwise softmax against the formula one scalar at a time, with its gradient, alone and over processes."""

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
from lit_embed.losses import ListwiseSoftmax, listwise_softmax


def naive(logits):
    """The formula as printed in the paper: minus the log of the answer's share among a query's own choices."""
    total = 0.0
    for row in logits.tolist():
        total -= math.log(math.exp(row[0]) / sum(math.exp(logit) for logit in row))
    return total / len(logits)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("choices", [1, 2, 8])
def test_matches_the_naive_loop(batch, choices):
    logits = torch.randn(batch, choices) * 2
    assert listwise_softmax(logits).item() == pytest.approx(naive(logits), rel=1e-5, abs=1e-7)


def test_gradient_matches_finite_differences():
    assert gradcheck(listwise_softmax, torch.randn(3, 4, dtype=torch.float64, requires_grad=True))


def test_an_uninformed_model_scores_log_c():
    assert listwise_softmax(torch.ones(8, 5)).item() == pytest.approx(math.log(5))


def test_only_differences_within_a_query_count():
    logits = torch.randn(4, 3)
    assert listwise_softmax(logits + torch.randn(4, 1)).item() == pytest.approx(listwise_softmax(logits).item(), rel=1e-5)


def test_bf16_around_it_changes_nothing():
    logits = torch.randn(6, 3).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = listwise_softmax(logits)
    assert loss.dtype == torch.float32 and loss == listwise_softmax(logits.float())


def test_the_module_takes_the_one_logit_of_each_choice():
    nothing, logits = Tokens(torch.zeros(0), torch.zeros(0, dtype=torch.long)), torch.randn(4, 3, 1)
    batch = PairBatch(nothing, nothing, None, torch.arange(4), torch.arange(12).view(4, 3))
    assert ListwiseSoftmax()(logits, batch) == listwise_softmax(logits[..., 0])


@pytest.mark.parametrize("labels, choices, num_labels, says", [
    (None, 1, 1, "nothing to choose from"), (np.array([0, 1]), 3, 1, "pairs have labels"), (None, 3, 2, "num_labels is 2")])
def test_rows_that_cannot_be_trained_on_are_refused(labels, choices, num_labels, says):
    with pytest.raises(UserError, match=says):
        ListwiseSoftmax().check(labels, choices, num_labels)


def test_rows_that_can_are_not():
    ListwiseSoftmax().check(None, 2, 1)


def half_of_the_batch(rank, inputs, expected):
    torch.manual_seed(0)
    model, mine = DistributedDataParallel(nn.Linear(6, 1, bias=False).double()), slice(rank * 4, rank * 4 + 4)
    listwise_softmax(model(inputs[mine])[..., 0]).backward()
    torch.testing.assert_close(next(model.parameters()).grad, expected, rtol=1e-9, atol=1e-12)


def test_two_processes_give_the_gradient_of_one_big_batch():
    inputs = torch.randn(8, 3, 6).double()
    torch.manual_seed(0)
    model = nn.Linear(6, 1, bias=False).double()
    listwise_softmax(model(inputs)[..., 0]).backward()
    run_in_processes(2, half_of_the_batch, inputs, model.weight.grad)
