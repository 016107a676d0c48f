"""The gradient of one batch by every parameter, run in one way or another, and how far apart two of them are."""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lit_embed.batches import PairBatch
from lit_embed.distributed import gather, rank, world_size
from lit_embed.run.random_batch import split
from lit_embed.run.ways import Loss, Way

# As Lightning does it: with a cache, the micro-batches would add up their gradients in bf16.
PRECISIONS = {"float32": nullcontext, "bf16": lambda: torch.autocast("cpu", torch.bfloat16, cache_enabled=False)}


@dataclass(frozen=True)
class Gradient:
    """Of the loss by each parameter, in the order of module.parameters(); as arrays, which travel between processes."""

    loss: float
    by_parameter: list[np.ndarray]


class _Step(nn.Module):
    """What DistributedDataParallel wraps, since it must see the forward pass."""

    def __init__(self, loss: Loss, module: nn.Module):
        super().__init__()
        self.module, self.value = module, loss.value

    def forward(self, batch: PairBatch) -> Tensor:
        return self.value(self.module, batch)


def gradient(loss: Loss, module: nn.Module, batch: PairBatch, way: Way, precision: str) -> Gradient:
    """The gradient of the whole batch (B rows), run in this way; the same on all processes that share it."""
    _set(module, way)
    torch.manual_seed(1)
    step, total = _Step(loss, module), torch.zeros(1)
    if way.shared:
        batch, step = list(split(batch, world_size()))[rank()], DistributedDataParallel(step)
    for i, part in enumerate(split(batch, way.parts), 1):
        waits = way.shared and i < way.parts
        with step.no_sync() if waits else nullcontext():
            with PRECISIONS[precision]():
                value = step(part) / way.parts
            value.backward()
        total += value.detach()
    mean = gather(total).mean() if way.shared else total
    found = [torch.zeros_like(p) if p.grad is None else p.grad for p in module.parameters()]
    return Gradient(float(mean), [slope.numpy(force=True).copy() for slope in found])


def _set(module: nn.Module, way: Way) -> None:
    module.zero_grad()
    module.train(way.dropout)                             # nothing else hangs on it
    module.encoder.max_tokens, module.encoder.recompute = way.max_tokens or 2**60, "auto" if way.recomputed else "never"
    for part in module.loss.modules():                    # a loss may hold others
        if hasattr(part, "chunk"):
            part.chunk = way.chunk


@dataclass(frozen=True)
class Difference:
    """ratio: of the norms; deviation: the largest relative one, of a parameter's gradient or of the loss."""

    ratio: float
    cosine: float
    deviation: float


def difference(found: Gradient, reference: Gradient) -> Difference:
    """Of each parameter's gradient the norm of the error, over its own norm, or over a tenth of the whole gradient's
    where that is more: some gradients, that of a key's bias for one, are zero but for rounding."""
    one, other = (np.concatenate([slope.ravel() for slope in each.by_parameter], dtype=np.float64)
                  for each in (found, reference))
    length, whole = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    errors = [float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(b)), whole / 10)
              for a, b in zip(found.by_parameter, reference.by_parameter, strict=True)]
    of_loss = abs(found.loss - reference.loss) / abs(reference.loss)
    return Difference(length / whole, float(one @ other) / (length * whole), float(np.max([*errors, of_loss])))
