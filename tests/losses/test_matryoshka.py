"""Matryoshka against the loss of each cut embedding summed by hand, with its gradient, alone and over processes."""

import math

import pytest
import torch
from shares import numbers_batch, two_processes_equal_one
from torch.autograd import gradcheck

from lit_embed.errors import UserError
from lit_embed.losses import (CoSENT, CosineRegression, InfoNCE, MarginMSE, Matryoshka, SoftmaxClassification,
                              info_nce)
from lit_embed.modules.settings import describe


def naive(queries, documents, target, sizes, weights):
    """Cosine regression of the first numbers, one scalar at a time, summed over sizes."""
    total = 0.0
    for size, weight in zip(sizes, weights, strict=True):
        errors = 0.0
        for u, v, y in zip(queries.tolist(), documents[:, 0].tolist(), target.tolist(), strict=True):
            dot, one, other = (sum(a * b for a, b in zip(x[:size], z[:size])) for x, z in ((u, v), (u, u), (v, v)))
            errors += (dot / math.sqrt(one * other) - y) ** 2
        total += weight * errors / len(target)
    return total


@pytest.mark.parametrize("sizes, weights", [([6], None), ([6, 1], [2.0, 0.5]), ([2, 4, 6], None)])
@pytest.mark.parametrize("batch", [1, 5])
def test_matches_the_naive_loop(batch, sizes, weights):
    queries, documents, target = torch.randn(batch, 6), torch.randn(batch, 1, 6), torch.rand(batch)
    expected = naive(queries, documents, target, sizes, weights or [1.0] * len(sizes))
    found = Matryoshka(CosineRegression(), sizes, weights)(queries, documents, numbers_batch(batch, 1, target))
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_gradient_matches_finite_differences():
    queries, documents = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(3, 6), (3, 2, 6)])
    loss = Matryoshka(InfoNCE(0.5), [6, 3, 2], [1.0, 0.5, 2.0])
    assert gradcheck(lambda q, d: loss(q, d, numbers_batch(3, 2)), (queries, documents))


@pytest.mark.parametrize("chunk", [None, 2])
def test_info_nce_inside_is_that_of_each_cut_in_chunks_too(chunk):
    queries, documents = torch.randn(5, 6), torch.randn(5, 2, 6)
    expected = sum(info_nce(queries[:, :m], documents[..., :m], 0.1) for m in (6, 3))
    found = Matryoshka(InfoNCE(0.1, chunk=chunk), [6, 3])(queries, documents, numbers_batch(5, 2))
    torch.testing.assert_close(found, expected)


def test_only_the_first_numbers_of_a_small_size_are_trained():
    queries = torch.randn(4, 6, requires_grad=True)
    Matryoshka(InfoNCE(), [2])(queries, torch.randn(4, 1, 6), numbers_batch(4, 1)).backward()
    assert queries.grad[:, :2].abs().min() > 0 and queries.grad[:, 2:].abs().max() == 0


def test_every_size_has_a_classifier_of_its_width():
    loss = Matryoshka(SoftmaxClassification(3), [6, 2])
    loss.build(6)
    assert [one.classifier.in_features for one in loss.losses] == [18, 6]
    labels = torch.tensor([0, 1, 2, 0])
    loss(torch.randn(4, 6), torch.randn(4, 1, 6), numbers_batch(4, 1, labels)).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in loss.parameters())


def test_every_size_learns_and_holds_back_a_temperature_of_its_own():
    loss = Matryoshka(InfoNCE(0.05, learnable=True), [6, 2])
    loss(torch.randn(4, 6), torch.randn(4, 1, 6), numbers_batch(4, 1)).backward()
    one, other = loss.parameters()
    assert one.grad != other.grad
    with torch.no_grad():
        other.fill_(-100)
    loss.hold_back()
    assert other.exp().item() == pytest.approx(0.01) and one.exp().item() == pytest.approx(0.05)


def test_a_checkpoint_remembers_the_loss_inside():
    said = describe(Matryoshka(InfoNCE(0.1), [6, 2], [1.0, 0.3]))["init_args"]
    assert said["sizes"] == [6, 2] and said["weights"] == [1.0, 0.3]
    assert said["loss"] == {"class_path": "lit_embed.losses.info_nce.InfoNCE",
                            "init_args": {"temperature": 0.1, "learnable": False, "chunk": None}}


@pytest.mark.parametrize("loss, choices, labels", [
    (InfoNCE(0.3, learnable=True), 2, None), (InfoNCE(0.3, chunk=3), 2, None), (CoSENT(5.0), 1, torch.linspace(0, 1, 8)),
    (MarginMSE(), 2, torch.linspace(0, 1, 16).view(8, 2))], ids=["info_nce", "chunked", "cosent", "margin_mse"])
def test_two_processes_give_the_gradient_of_one_big_batch(loss, choices, labels):
    two_processes_equal_one(Matryoshka(loss, [4, 2]), choices, labels)


@pytest.mark.parametrize("sizes, weights, says", [([], None, "sizes"), ([4, 4], None, "different"), ([4, 0], None, "1 or more"),
                                                  ([4, 2], [1.0], "each of the 2 sizes"), ([4], [0.0], "above 0")])
def test_a_wrong_setting_is_one_clear_line(sizes, weights, says):
    with pytest.raises(UserError, match=says):
        Matryoshka(InfoNCE(), sizes, weights)


def test_a_size_above_the_encoders_width_is_refused():
    with pytest.raises(UserError, match="size 64 is above the encoder's width, 32"):
        Matryoshka(InfoNCE(), [64, 16]).build(32)


def test_a_loss_with_nothing_to_build_check_or_hold_back_goes_in_as_well():
    loss = Matryoshka(InfoNCE(), [4])
    loss.build(4)
    loss.check(None, 1)
    loss.hold_back()
