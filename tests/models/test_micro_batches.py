"""Cuts respect the budget and lose nothing; several passes give the rows and the gradient of one."""

import pytest
import torch
from toys import toy_texts

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.models.micro_batches import as_many, in_micro_batches, micro_batches


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("budget", [1, 7, 20, 1000])
def test_every_text_is_in_one_part_and_parts_are_within_the_budget(budget, packed):
    lengths = torch.tensor([3, 9, 1, 1, 4, 2, 9, 5])
    parts = list(micro_batches(lengths, budget, packed))
    assert sorted(torch.cat(parts).tolist()) == list(range(8))
    for part in parts:
        own = lengths[part]
        assert own.tolist() == sorted(own.tolist())
        assert (own.sum() if packed else own.max() * len(own)) <= budget or len(part) == 1


def test_parts_are_as_large_as_the_budget_allows():
    assert [part.tolist() for part in micro_batches(torch.tensor([2, 2, 2, 2]), 4, packed=True)] == [[0, 1], [2, 3]]
    assert [part.tolist() for part in micro_batches(torch.tensor([3, 1, 1]), 5, packed=True)] == [[1, 2, 0]]
    assert [part.tolist() for part in micro_batches(torch.tensor([3, 1, 1]), 5, packed=False)] == [[1, 2], [0]]


def test_nothing_is_no_part():
    assert not list(micro_batches(torch.zeros(0, dtype=torch.long), 5, packed=True))


def test_rows_come_back_in_their_order_with_the_gradient_of_one_pass():
    weight = torch.randn(6, 3, requires_grad=True)
    lengths, passes, gradients = torch.tensor([4, 1, 3, 2, 5, 1]), [], []

    def run(places: torch.Tensor) -> torch.Tensor:
        passes.append(len(places))
        return weight[places].tanh()

    for budget in (100, 5):
        weight.grad = None
        rows = in_micro_batches(run, lengths, budget, packed=True)
        torch.testing.assert_close(rows, weight.tanh(), rtol=0, atol=0)
        (rows * torch.arange(6).unsqueeze(1)).sum().backward()
        gradients.append(weight.grad)
    torch.testing.assert_close(*gradients)
    assert passes == [6, 3, 1, 1, 1, 1, 1, 1, 3]           # one pass; 1+1+2, 3, 4, 5; the same again in backward


def test_without_gradient_nothing_is_computed_twice():
    passes = []
    with torch.no_grad():
        in_micro_batches(lambda places: passes.append(len(places)) or places.float(), torch.tensor([4, 1, 3]), 4, packed=True)
    assert passes == [2, 1]


@pytest.mark.parametrize(("recompute", "budget", "times"), [("auto", 100, 1), ("auto", 5, 2), ("always", 100, 2),
                                                            ("always", 5, 2), ("never", 5, 1)])
def test_when_a_part_is_computed_again(recompute, budget, times):
    weight, texts = torch.randn(6, 3, requires_grad=True), []

    def run(places: torch.Tensor) -> torch.Tensor:
        texts.extend(places.tolist())
        return weight[places].tanh()

    in_micro_batches(run, torch.tensor([4, 1, 3, 2, 5, 1]), budget, packed=True, recompute=recompute).sum().backward()
    assert len(texts) == 6 * times
    torch.testing.assert_close(weight.grad, 1 - weight.detach().tanh() ** 2)


def test_parts_are_halved_until_there_are_as_many_as_elsewhere():
    parts = [torch.tensor([4]), torch.tensor([0, 1, 2]), torch.tensor([3, 5])]
    assert [part.tolist() for part in as_many(parts, 3)] == [[4], [0, 1, 2], [3, 5]]
    assert [part.tolist() for part in as_many(parts, 5)] == [[4], [0], [1], [2], [3, 5]]
    assert [part.tolist() for part in as_many(parts, 8)] == [[4], [4], [4], [0], [1], [2], [3], [5]]


def test_a_part_that_comes_twice_changes_neither_rows_nor_gradient(monkeypatch):
    monkeypatch.setattr("lit_embed.models.micro_batches.largest", lambda parts: 4)
    weight, passes = torch.randn(2, 3, requires_grad=True), []

    def run(places: torch.Tensor) -> torch.Tensor:
        passes.append(places.tolist())
        return weight[places].tanh()

    rows = in_micro_batches(run, torch.tensor([4, 1]), 100, packed=True, in_step=True)
    torch.testing.assert_close(rows, weight.tanh(), rtol=0, atol=0)
    rows.sum().backward()
    torch.testing.assert_close(weight.grad, 1 - weight.detach().tanh() ** 2)
    assert len(passes) == 8


@pytest.mark.parametrize("architecture", ["bert", "smollm", "deberta"])
def test_layer_by_layer_keeps_less_and_gives_the_same_gradient(architecture, backbone_folder):
    """Dropout on: what is computed again drops the same."""
    folder, kept = backbone_folder(architecture), {}

    def gradient(recompute: str) -> torch.Tensor:
        encoder = TextEncoder(folder, recompute=recompute).train()
        ids, lengths, _ = encoder.tokenizer.tokenize(toy_texts(9))
        tokens, saved = Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long()), []
        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
            embeddings = encoder(tokens)
        kept[recompute] = sum(saved)
        (embeddings * torch.arange(32).cos()).sum().backward()
        return torch.cat([weight.grad.flatten() for weight in encoder.parameters() if weight.grad is not None])

    torch.testing.assert_close(gradient("layers"), gradient("never"), rtol=1e-5, atol=1e-6)
    assert kept["layers"] < 0.5 * kept["never"]


def test_an_architecture_that_cannot_is_one_line(backbone_folder):
    for kind in (TextEncoder, TextPairScorer):
        with pytest.raises(UserError, match="recompute layers: MPNet.* cannot"):
            kind(backbone_folder("mpnet"), max_length=32, recompute="layers")
