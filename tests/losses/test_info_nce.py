"""InfoNCE against the formula one scalar at a time, with its gradient, alone and over processes."""

import math
import sys

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.batches import PairBatch, Tokens
from lit_embed.errors import UserError
from lit_embed.losses import InfoNCE, SymmetricInfoNCE, info_nce, symmetric_info_nce


chunked = sys.modules["lit_embed.losses.info_nce_chunked"]          # its function has the same name


def naive_info_nce(queries, documents, temperature, same=None):
    """The formula as printed in the paper, one scalar at a time."""
    def cosine(a, b):
        return float(a @ b) / (math.sqrt(float(a @ a)) * math.sqrt(float(b @ b)))

    total, columns = 0.0, [d for own in documents for d in own]
    for i, query in enumerate(queries):
        right = math.exp(cosine(query, documents[i, 0]) / temperature)
        every = sum(math.exp(cosine(query, d) / temperature) for j, d in enumerate(columns)
                    if same is None or not same[i, j])
        total -= math.log(right / every)
    return total / len(queries)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("choices", [1, 3])
def test_matches_the_naive_loop(batch, choices):
    queries, documents = torch.randn(batch, 4), torch.randn(batch, choices, 4)
    assert info_nce(queries, documents, 0.1).item() == pytest.approx(naive_info_nce(queries, documents, 0.1), rel=1e-4, abs=1e-6)


def test_matches_the_naive_loop_with_columns_left_out():
    queries, documents, same = torch.randn(4, 3), torch.randn(4, 2, 3), torch.rand(4, 8) < 0.4
    same[torch.arange(4), torch.arange(4) * 2] = False
    expected = naive_info_nce(queries, documents, 0.2, same)
    assert info_nce(queries, documents, 0.2, same).item() == pytest.approx(expected, rel=1e-4)


def test_gradient_matches_finite_differences():
    queries, documents = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in [(3, 4), (3, 2, 4)])
    temperature = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    assert gradcheck(info_nce, (queries, documents, temperature))


def test_an_uninformed_model_scores_log_n():
    assert info_nce(torch.ones(8, 4), torch.ones(8, 1, 4)).item() == pytest.approx(math.log(8))


def test_ties_share_the_choice():
    """Two equal answers: cos = 1 for both, so each is chosen with probability one half, whatever the temperature."""
    query = torch.tensor([[1.0, 0.0]])
    assert info_nce(query, torch.tensor([[[2.0, 0.0], [3.0, 0.0]]]), 0.05).item() == pytest.approx(math.log(2))


def test_bf16_around_it_changes_neither_value_nor_gradient():
    queries, documents = torch.randn(6, 16).bfloat16(), torch.randn(6, 2, 16).bfloat16()
    results = []
    for autocast in (False, True):
        q, d = queries.float().requires_grad_(), documents.float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = info_nce(q, d)
        loss.backward()
        results.append((loss.detach(), q.grad, d.grad))
    torch.testing.assert_close(*results, rtol=0, atol=0)
    assert info_nce(queries, documents).dtype == torch.float32


def test_symmetric_is_the_mean_of_both_directions():
    images, texts = torch.randn(5, 4), torch.randn(5, 4)
    one, other = naive_info_nce(images, texts[:, None], 0.1), naive_info_nce(texts, images[:, None], 0.1)
    assert symmetric_info_nce(images, texts, 0.1).item() == pytest.approx((one + other) / 2, rel=1e-4)


def test_symmetric_gradient_matches_finite_differences():
    images, texts = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert gradcheck(lambda a, b: symmetric_info_nce(a, b, 0.5), (images, texts))


def batch_of(queries, documents) -> PairBatch:
    """All texts different; the losses look at nothing but the ids."""
    nothing = Tokens(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    ids = torch.arange(len(queries) + documents[..., 0].numel())
    return PairBatch(nothing, nothing, None, ids[: len(queries)], ids[len(queries):].view(documents.shape[:2]))


@pytest.mark.parametrize("loss", [InfoNCE, SymmetricInfoNCE])
def test_a_learnable_temperature_moves_and_stays_above_a_hundredth(loss):
    learnable = loss(0.05, learnable=True)
    queries, documents = torch.randn(4, 3), torch.randn(4, 1, 3)
    learnable(queries, documents, batch_of(queries, documents)).backward()
    assert learnable.log_temperature.grad.abs() > 0
    with torch.no_grad():
        learnable.log_temperature.fill_(-100)
    assert learnable.current_temperature().item() == pytest.approx(0.01)
    assert not list(loss(0.05).parameters())


def test_a_temperature_of_an_older_checkpoint_is_read():
    learnable = InfoNCE(0.05, learnable=True)
    learnable.load_state_dict({"log_temperature": torch.tensor(-2.0)})
    assert learnable.current_temperature().item() == pytest.approx(math.exp(-2)) and learnable.log_temperature.shape == (1,)


@pytest.mark.parametrize("settings, says", [({"temperature": 0.0}, "above 0"), ({"chunk": 0}, "at a time")])
def test_a_wrong_setting_is_one_clear_line(settings, says):
    with pytest.raises(UserError, match=says):
        InfoNCE(**settings)


@pytest.mark.parametrize("loss", [InfoNCE, SymmetricInfoNCE])
def test_a_large_batch_is_compared_in_chunks_by_itself(loss, monkeypatch):
    queries, documents = torch.randn(5, 4), torch.randn(5, 2, 4)
    batch, called, real = batch_of(queries, documents), [], chunked._InfoNCE.apply
    monkeypatch.setattr(chunked._InfoNCE, "apply", lambda *arguments: called.append(arguments[-1]) or real(*arguments))
    dense = loss()(queries, documents, batch)
    assert not called
    in_threes = loss(chunk=3)(queries, documents, batch)
    assert set(called) == {3}
    monkeypatch.setattr(chunked, "LARGEST", 20)
    by_itself = loss()(queries, documents, batch)
    assert set(called) == {3, 20 // (10 if loss is InfoNCE else 5)}
    torch.testing.assert_close(torch.stack([in_threes, by_itself]), dense.expand(2))


def gradient(model, loss, queries, documents):
    model.zero_grad()
    q, d = model(queries), model(documents)
    loss(q, d).backward()
    return next(model.parameters()).grad


LOSSES = {"info_nce": lambda q, d: info_nce(q, d, 0.3), "symmetric": lambda q, d: symmetric_info_nce(q, d[:, 0], 0.3)}


def part_of_the_batch(rank, world, name, queries, documents, expected):
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Linear(6, 4, bias=False).double())
    share = len(queries) // world
    mine = slice(rank * share, rank * share + share)
    torch.testing.assert_close(gradient(model, LOSSES[name], queries[mine], documents[mine]), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_two_processes_give_the_gradient_of_one_big_batch(name):
    queries, documents = torch.randn(8, 6).double(), torch.randn(8, 3, 6).double()
    torch.manual_seed(0)
    expected = gradient(nn.Linear(6, 4, bias=False).double(), LOSSES[name], queries, documents)
    run_in_processes(2, part_of_the_batch, 2, name, queries, documents, expected)


def four_or_three_rows(rank):
    rows = 4 - rank
    for loss in (InfoNCE(), InfoNCE(chunk=2), SymmetricInfoNCE(), SymmetricInfoNCE(chunk=2)):
        queries, documents = torch.randn(rows, 4), torch.randn(rows, 2, 4)
        with pytest.raises(UserError, match="process 0 holds a batch of 4 x .*, process 1 one of 3 x .*: a batch must have the same"):
            loss(queries, documents, batch_of(queries, documents))


def test_seven_rows_on_two_processes_are_refused_by_both():
    run_in_processes(2, four_or_three_rows)
