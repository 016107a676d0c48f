"""Each batch gets its set's loss; parameters of the other losses take part with a gradient of zero."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.batches import PairBatch, Tokens
from lit_embed.errors import UserError
from lit_embed.losses import BinaryRelevance, CosineRegression, InfoNCE, LossBySet, SoftmaxClassification

NOTHING = Tokens(torch.zeros(0, dtype=torch.long), torch.zeros(4, dtype=torch.long))


def batch(source, labels=None, rows=4) -> PairBatch:
    return PairBatch(NOTHING, NOTHING, labels, torch.arange(rows), 100 + torch.arange(rows).view(rows, 1), source)


def losses(**weights) -> LossBySet:
    torch.manual_seed(0)
    loss = LossBySet({"sts": CosineRegression(), "nli": InfoNCE(0.1, learnable=True), "kinds": SoftmaxClassification(3)}, weights)
    loss.build(8)
    return loss


BATCHES = {"sts": batch("sts", torch.rand(4)), "nli": batch("nli"), "kinds": batch("kinds", torch.arange(4) % 3)}


@pytest.mark.parametrize("source", BATCHES)
def test_the_value_is_that_of_the_sets_own_loss_times_its_weight(source):
    loss, queries, documents = losses(nli=0.5), torch.randn(4, 8), torch.randn(4, 1, 8)
    own = loss.losses[source](queries, documents, BATCHES[source])
    assert loss(queries, documents, BATCHES[source]).item() == own.item() * (0.5 if source == "nli" else 1.0)


@pytest.mark.parametrize("source", BATCHES)
def test_every_parameter_has_a_gradient_and_those_of_other_losses_one_of_zero(source):
    loss = losses()
    loss(torch.randn(4, 8, requires_grad=True), torch.randn(4, 1, 8), BATCHES[source]).backward()
    for name, parameter in loss.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.any()) == (f"losses.{source}." in name), name


def test_a_temperature_that_is_learned_is_held_back():
    loss = losses()
    with torch.no_grad():
        loss.losses["nli"].log_temperature.fill_(-9)
    loss.hold_back()
    assert loss.losses["nli"].current_temperature().item() == pytest.approx(0.01)


def test_losses_of_a_cross_encoder_take_logits_and_the_batch():
    loss, logits = LossBySet({"a": BinaryRelevance(), "b": BinaryRelevance()}), torch.randn(4, 1, 1)
    assert loss(logits, batch("b", torch.rand(4))).ndim == 0


@pytest.mark.parametrize("source, what", [(None, "of no set"), ("mrc", "of the set 'mrc'")])
def test_a_batch_of_a_set_without_a_loss_is_one_line(source, what):
    with pytest.raises(UserError, match=f"has losses for sts, nli, kinds, but this batch is {what}: train with"):
        losses()(torch.randn(4, 8), torch.randn(4, 1, 8), batch(source))


@pytest.mark.parametrize("names, weights, message", [
    ([], None, "name a loss for each set"), (["a.b"], None, "a set cannot be called 'a.b'"),
    (["items"], None, "a set cannot be called 'items'"), (["a"], {"b": 1}, "weight 1 for the set 'b': there are a"),
    (["a"], {"a": -1}, "no weight is below 0"),
])
def test_names_and_weights_that_cannot_be_are_one_line(names, weights, message):
    with pytest.raises(UserError, match=message):
        LossBySet({name: CosineRegression() for name in names}, weights)


def steps_of_a_process(rank, expected):
    """Three steps, each of another set; without the zeros DistributedDataParallel refuses the second."""
    loss = DistributedDataParallel(losses())
    for source, one in BATCHES.items():
        torch.manual_seed(rank)
        queries, documents = torch.randn(4, 8, requires_grad=True), torch.randn(4, 1, 8)
        loss(queries, documents, one).backward()
    for name, gradient in expected.items():
        found = dict(loss.module.named_parameters())[name].grad
        assert torch.isfinite(found).all() and found.shape == gradient.shape


def test_two_processes_get_through_steps_of_every_set():
    run_in_processes(2, steps_of_a_process, {name: p.detach() for name, p in losses().named_parameters()})
