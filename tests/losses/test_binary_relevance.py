"""Binary relevance against the formula one scalar at a time, with its gradient, alone and over processes."""

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
from lit_embed.losses import BinaryRelevance, binary_relevance


def naive(logits, labels=None):
    """Minus the log of how likely the truth is, one pair at a time."""
    terms = []
    for i, row in enumerate(logits.tolist()):
        for c, logit in enumerate(row):
            target = 0.0 if c else 1.0 if labels is None else float(labels[i])
            share = 1 / (1 + math.exp(-logit))
            terms.append(-target * math.log(share) - (1 - target) * math.log(1 - share))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("choices", [1, 3])
def test_matches_the_naive_loop(batch, choices):
    logits = torch.randn(batch, choices) * 3
    assert binary_relevance(logits).item() == pytest.approx(naive(logits), rel=1e-5)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 1, 0]), torch.tensor([0.0, 0.25, 1.0, 0.7])])
@pytest.mark.parametrize("choices", [1, 3])
def test_matches_the_naive_loop_with_labels_hard_or_soft(labels, choices):
    logits = torch.randn(4, choices)
    assert binary_relevance(logits, labels).item() == pytest.approx(naive(logits, labels), rel=1e-5)


def test_gradient_matches_finite_differences():
    logits = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: binary_relevance(x, torch.tensor([0.2, 1.0, 0.0])), logits)
    assert gradcheck(binary_relevance, logits)


def test_an_uninformed_model_scores_log_2():
    assert binary_relevance(torch.zeros(8, 2)).item() == pytest.approx(math.log(2))


def test_a_sure_mistake_is_dear_and_finite():
    assert binary_relevance(torch.tensor([[-100.0], [100.0]])).item() == pytest.approx(50)


def test_bf16_around_it_changes_nothing():
    logits = torch.randn(6, 2).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = binary_relevance(logits)
    assert loss.dtype == torch.float32 and loss == binary_relevance(logits.float())


def test_the_module_takes_the_one_logit_of_each_choice():
    nothing, logits = Tokens(torch.zeros(0), torch.zeros(0, dtype=torch.long)), torch.randn(4, 2, 1)
    batch = PairBatch(nothing, nothing, None, torch.arange(4), torch.arange(8).view(4, 2))
    assert BinaryRelevance()(logits, batch) == binary_relevance(logits[..., 0])


@pytest.mark.parametrize("labels, choices, num_labels, says", [
    (None, 1, 1, "every training pair is a true one"), (None, 2, 3, "num_labels is 3"),
    (np.array([0, 1, 2]), 1, 1, "from 0 to 2"), (np.array([-0.5, 1]), 1, 1, "from -0.5 to 1")])
def test_rows_that_cannot_be_trained_on_are_refused(labels, choices, num_labels, says):
    with pytest.raises(UserError, match=says):
        BinaryRelevance().check(labels, choices, num_labels)


@pytest.mark.parametrize("labels, choices", [(None, 2), (np.array([0, 1]), 1), (np.array([0.3, 1.0]), 1), (np.array([0, 1]), 2)])
def test_rows_that_can_are_not(labels, choices):
    BinaryRelevance().check(labels, choices, 1)


def half_of_the_batch(rank, inputs, labels, expected):
    torch.manual_seed(0)
    model, mine = DistributedDataParallel(nn.Linear(6, 1, bias=False).double()), slice(rank * 4, rank * 4 + 4)
    binary_relevance(model(inputs[mine])[..., 0], labels[mine]).backward()
    torch.testing.assert_close(next(model.parameters()).grad, expected, rtol=1e-9, atol=1e-12)


def test_two_processes_give_the_gradient_of_one_big_batch():
    inputs, labels = torch.randn(8, 3, 6).double(), torch.rand(8).double()
    torch.manual_seed(0)
    model = nn.Linear(6, 1, bias=False).double()
    binary_relevance(model(inputs)[..., 0], labels).backward()
    run_in_processes(2, half_of_the_batch, inputs, labels, model.weight.grad)
