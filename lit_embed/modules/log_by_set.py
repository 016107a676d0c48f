"""The loss of each data set of a mixture under its own name, beside the one of all."""

import pytorch_lightning as pl
from torch import Tensor

from lit_embed.batches import PairBatch


def log_by_set(module: pl.LightningModule, name: str, loss: Tensor, batch: PairBatch, sync_dist: bool = False) -> None:
    """Logs `<name>/<set>`, and nothing where the batch is of no mixture.

    Between two batches of a set the logs of a step repeat what its last batch gave.
    """
    source = getattr(batch, "source", None)              # a batch of another kind need not know of sets
    if source is not None:
        module.log(f"{name}/{source}", loss.detach(), batch_size=len(batch), sync_dist=sync_dist)
