"""A batch whose texts are plain numbers, given to a loss whole and in shares: over processes the gradient must be equal."""

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.batches import PairBatch, Tokens


def numbers_batch(rows: int, choices: int, labels: Tensor | None = None, first: int = 0) -> PairBatch:
    """All texts different; losses look at nothing but ids and labels."""
    nothing = Tokens(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    ids = torch.arange(first, first + rows).unsqueeze(1) * (1 + choices) + torch.arange(1 + choices)      # (B, 1 + C)
    return PairBatch(nothing, nothing, labels, ids[:, 0], ids[:, 1:])


def _gradient(loss: nn.Module, texts: Tensor, labels: Tensor | None, rows: slice, shared: bool) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(0)
    model = nn.ModuleList([nn.Linear(texts.size(-1), 4, bias=False).double(), loss])
    step = _Step(model)
    run = DistributedDataParallel(step) if shared else step
    labels = labels if labels is None else labels[rows]
    batch = numbers_batch(rows.stop - rows.start, texts.size(1) - 1, labels, rows.start)
    value = run(texts[rows], batch)
    value.backward()
    return value.detach(), [p.grad for p in model.parameters()]


class _Step(nn.Module):
    def __init__(self, model: nn.ModuleList):
        super().__init__()
        self.model = model

    def forward(self, texts: Tensor, batch: PairBatch) -> Tensor:
        embedded = self.model[0](texts)                                                                   # (B, 1 + C, 4)
        return self.model[1](embedded[:, 0], embedded[:, 1:], batch)


def _share(rank: int, loss: nn.Module, texts: Tensor, labels: Tensor | None, expected: list[Tensor]) -> None:
    rows = len(texts) // 2
    _, found = _gradient(loss, texts, labels, slice(rank * rows, rank * rows + rows), shared=True)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def two_processes_equal_one(loss: nn.Module, choices: int, labels: Tensor | None = None) -> None:
    """Asserts that 4 + 4 rows over two processes give the gradient of 8 rows in one; labels (8, ...)."""
    loss, texts = loss.double(), torch.randn(8, 1 + choices, 6).double()
    _, expected = _gradient(loss, texts, labels, slice(0, 8), shared=False)
    assert all(slope.abs().max() > 0 for slope in expected)
    loss.zero_grad()
    run_in_processes(2, _share, loss, texts, labels, expected)
