"""The guard against NaN and infinity: no step that would spoil the weights is taken, and the text to blame is named."""

from typing import Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_warn
from torch import Tensor
from torch.optim import Optimizer

from lit_embed.batches import PairBatch
from lit_embed.callbacks.gradient_norms import gradient_norms
from lit_embed.callbacks.non_finite import Step, explain
from lit_embed.callbacks.passes import Passes
from lit_embed.distributed import is_sharded
from lit_embed.errors import UserError

EVERY = 10               # optimizer steps between two looks at a GPU


class Numerics(pl.Callback):
    """Looks at the loss and the gradient before every optimizer step; one that is not finite changes no weight.

    on_nonfinite   "stop" with one line that names step, text and tensor, or "skip": warn with that line, leave the step
                   out and go on; `skipped_steps` is logged
    in_a_row       so many steps left out one after the other end the run all the same

    On a CPU the answer is there at once. On a GPU nobody waits for it: a fused optimizer is handed the answer on the
    device and takes no step where it is bad, and every ten steps the host looks what has become of them. Until then a
    run that is to stop stands still, so that what it stops with are the weights of the bad step. An optimizer that is
    not fused has to be asked at every step. With a loss scaler (fp16) infinite gradients are normal: only the loss
    is looked at, the gradients are the scaler's. A step left out counts as a step: data and learning rate move on.
    """

    def __init__(self, on_nonfinite: Literal["stop", "skip"] = "stop", in_a_row: int = 10):
        if on_nonfinite not in ("stop", "skip"):
            raise UserError(f"on_nonfinite {on_nonfinite!r}: there are stop and skip")
        if in_a_row < 1:
            raise UserError(f"in_a_row {in_a_row}: give the number of steps, 1 or more")
        self.on_nonfinite, self.in_a_row = on_nonfinite, in_a_row
        self.skipped = self._running = 0            # steps left out: in all, and just now one after the other
        self._passes = Passes(None)
        self._losses: list[Tensor] = []             # of the micro-steps since the last optimizer step
        self._waiting: list[tuple[Step, Tensor]] = []
        self._still: Tensor | float = 0.0           # 1.0 once a run that is to stop stands still

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._passes = Passes(getattr(module, "encoder", None))
        self._losses, self._waiting, self._still = [], [], 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: PairBatch,
                             batch_idx: int) -> None:
        self._passes.batch = batch

    def on_before_backward(self, trainer: pl.Trainer, module: pl.LightningModule, loss: Tensor) -> None:
        self._losses.append(loss.detach())

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: Optimizer) -> None:
        self._passes.batch = None                   # what runs from here on is not the step
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        names, norms = ([], torch.zeros(0)) if scaled else gradient_norms(module)
        step = Step(trainer.global_step + 1, self._losses, names, norms, self._passes.take())
        self._losses = []
        bad = step.bad(module.device)               # ()
        if scaled or _host_decides(module, optimizer):
            if bad:
                self._leave_out(trainer, module, step)
                optimizer.zero_grad()               # without a gradient no optimizer moves a weight, not even by decay
            else:
                self._running = 0
        else:
            self._still = torch.maximum(bad, torch.as_tensor(self._still, device=bad.device))
            optimizer.found_inf = self._still if self.on_nonfinite == "stop" else bad
            self._waiting.append((step, bad))

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: object, batch: PairBatch,
                           batch_idx: int) -> None:
        self._passes.batch = None
        if trainer.global_step % EVERY == 0:
            self._look(trainer, module)
        if self.on_nonfinite == "skip":
            module.log("skipped_steps", torch.tensor(float(self.skipped)), on_step=True, on_epoch=False, batch_size=1)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._look(trainer, module)

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict) -> None:
        self._look(trainer, module)                 # a checkpoint of a run that stands still would miss the steps since

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._close(trainer)

    def on_exception(self, trainer: pl.Trainer, module: pl.LightningModule, exception: BaseException) -> None:
        self._close(trainer)

    def _look(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """At the steps since the last look: the one place where the host waits for a GPU."""
        waiting, self._waiting = self._waiting, []
        bad = torch.stack([bad for _, bad in waiting]).tolist() if waiting else []
        for (step, _), is_bad in zip(waiting, bad, strict=True):
            if is_bad:
                self._leave_out(trainer, module, step)
            else:
                self._running = 0

    def _leave_out(self, trainer: pl.Trainer, module: pl.LightningModule, step: Step) -> None:
        cause = explain(trainer, module, step)
        if self.on_nonfinite == "stop":
            raise UserError(f"{cause}. That step changed no weight: lower learning_rate, mend or remove the text, or "
                            "leave such steps out with on_nonfinite: skip")
        self.skipped, self._running = self.skipped + 1, self._running + 1
        if self._running >= self.in_a_row:
            raise UserError(f"{self._running} steps in a row were left out; the last is {cause}")
        rank_zero_warn(f"left out {cause}")

    def _close(self, trainer: pl.Trainer) -> None:
        self._passes.close()
        self._waiting = []                          # a checkpoint of an exception is not looked at again
        for optimizer in trainer.optimizers:
            vars(optimizer).pop("found_inf", None)

    def state_dict(self) -> dict:
        return {"skipped": self.skipped, "running": self._running}

    def load_state_dict(self, state: dict) -> None:
        self.skipped, self._running = state["skipped"], state["running"]


def _host_decides(module: pl.LightningModule, optimizer: Optimizer) -> bool:
    """Whether the answer is at hand without waiting, or the optimizer cannot take it on the device."""
    return module.device.type == "cpu" or is_sharded(module) or not all(group.get("fused") for group in optimizer.param_groups)
