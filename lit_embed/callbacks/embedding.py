"""Embeds texts in the middle of a run, every process its share, and leaves the run as if nothing had happened."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.seed import isolate_rng
from rich.progress import Progress
from torch import Tensor

from lit_embed.distributed import gather, gather_examples, rank, world_size
from lit_embed.models.backbone import evaluating

CHUNK = 512  # texts between two movements of the progress bar


@contextmanager
def undisturbed(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[None]:
    """Eval mode, no gradient, the run's precision; afterwards modes, random numbers and gradients are as before."""
    with isolate_rng(), trainer.precision_plugin.forward_context(), evaluating(module):
        yield


def embed(trainer: pl.Trainer, module: pl.LightningModule, texts: list[str], role: str, title: str = "") -> Tensor:
    """Embeddings of N texts on every process, each computed by one.  -> (N, D) float32 on the module's device

    role    "query" or "document": which prefix the encoder puts before each text
    title   show the progress under this name; "" shows nothing
    """
    # Dealing out texts in the order of their length gives every process the same work and little padding.
    order = np.argsort([len(text) for text in texts], kind="stable")                     # (N,)
    mine = order[rank()::world_size()]                                                   # (n,)
    with undisturbed(trainer, module), Progress(disable=not title or rank() > 0, transient=True) as progress:
        chunks = [mine[start:start + CHUNK] for start in range(0, len(mine), CHUNK)] or [mine]
        parts = [module.encoder.encode([texts[i] for i in chunk], role)
                 for chunk in progress.track(chunks, description=title)]
    values = torch.from_numpy(np.concatenate(parts)).to(module.device)                   # (n, D)
    return gather_examples(torch.from_numpy(mine).to(module.device), values, len(texts))


def from_first_process(numbers: dict[str, float], device: torch.device) -> dict[str, float]:
    """The numbers as process 0 has them, on every process: all must decide alike which checkpoint is best."""
    values = torch.tensor(list(numbers.values()), dtype=torch.float64, device=device)    # (M,)
    return dict(zip(numbers, gather(values[None])[0].tolist(), strict=True))
