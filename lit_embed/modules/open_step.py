"""The gradients of a step that a checkpoint falls into: Lightning leaves them out, and the resumed step would be of its
last micro-steps alone.

It happens when checkpoints go by time or by validations, and in the first micro-step after a resume, where Lightning's
ModelCheckpoint has forgotten that it saved this step before.
"""

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor

from lit_embed.distributed import gather, rank, world_size


def gradients_so_far(module: pl.LightningModule) -> dict[str, Tensor]:
    """Of all processes, (W, ...) each, on the CPU; nothing between two steps. Called on every process."""
    if not _step_is_open(module.trainer):
        return {}
    return {name: gather(torch.zeros_like(p)[None] if p.grad is None else p.grad[None]).cpu()
            for name, p in module.named_parameters() if p.requires_grad}


def restore_gradients(saved: dict[str, Tensor], module: pl.LightningModule) -> None:
    """This process's own again; over another number of processes the mean of all, of which DDP makes the same step."""
    for name, p in module.named_parameters():
        if name in saved:
            mine = saved[name][rank()] if len(saved[name]) == world_size() else saved[name].mean(0)
            p.grad = mine.clone().to(p)


def _step_is_open(trainer: pl.Trainer) -> bool:
    """Whether micro-steps have been taken since the last optimizer step; an epoch ends with one in any case."""
    if not isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy):      # a share has another shape
        return False
    batches = trainer.fit_loop.epoch_loop.batch_progress
    ready = batches.current.ready
    return bool(ready % trainer.accumulate_grad_batches) and not (
        batches.is_last_batch or ready == trainer.num_training_batches)
