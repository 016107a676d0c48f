"""A line for every optimizer step, exact to the bit: which texts, what loss, what gradient. For `lit-embed compare`.

    step,epoch,texts,loss,gradient_norm
    1,0,8c3f1f0b2d9a6e47,2.0794415473937988,11.302937507629395
    2,0,5b0a1c7e44d2f901,2.041019916534424,10.887210845947266
"""

import csv
import hashlib
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from lit_embed.batches import PairBatch
from lit_embed.callbacks.gradient_norms import gradient_norms
from lit_embed.distributed import gather, rank, world_size
from lit_embed.errors import UserError
from lit_embed.files import drop_rows_after, write_beside

REPLAY = "replay.csv"


@dataclass(frozen=True)
class ReplayStep:
    """What one optimizer step did, over all its micro-steps and processes."""

    step: int
    """Optimizer steps with this one: the first is 1."""
    epoch: int
    texts: str
    """64-bit hash of the identities of all texts of the global batch, in their order."""
    loss: float
    """What was differentiated: the sum over micro-steps of the loss's share, its mean over processes."""
    gradient_norm: float
    """Before clipping."""


HEADER = ",".join(field.name for field in fields(ReplayStep)) + "\n"


class Replay(pl.Callback):
    """Writes <run>/replay.csv, a line a step, there before the next one begins; a resumed run goes on in it.

    It costs a norm of the gradient and, on a GPU, a wait for the end of each step, so it is there for whoever asks.
    """

    def __init__(self):
        self._file: Path | None = None
        self._texts: list[Tensor] = []              # of each micro-step since the last optimizer step, (B * (1 + C),)
        self._losses: list[Tensor] = []             # of each micro-step, ()
        self._norm: Tensor | None = None            # (), there once the optimizer is about to step
        self._saved: dict[str, Tensor] = {}         # of the step that a checkpoint fell into

    def state_dict(self) -> dict[str, Tensor]:
        """What all processes saw of a step that is not complete yet; called on every one of them."""
        if not self._losses:
            return {}
        return {"sizes": torch.tensor([len(texts) for texts in self._texts]),
                "texts": gather(torch.cat(self._texts).unsqueeze(0)).cpu(),            # (W, sum of sizes)
                "losses": gather(torch.stack(self._losses).unsqueeze(0)).cpu()}        # (W, micro-steps)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self._saved = state

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._texts, self._losses, self._norm = [], [], None
        if self._saved and len(self._saved["texts"]) == world_size():
            texts, losses = (self._saved[name][rank()].to(module.device) for name in ("texts", "losses"))
            self._texts, self._losses = list(texts.split(self._saved["sizes"].tolist())), list(losses)
        self._saved = {}
        self._file = None if trainer.fast_dev_run else Path(trainer.default_root_dir) / REPLAY
        if self._file and trainer.is_global_zero:
            start_or_go_on(self._file, trainer.global_step)

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, optimizer: object) -> None:
        self._norm = gradient_norms(module)[1].norm()

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: dict[str, Tensor],
                           batch: PairBatch, batch_idx: int) -> None:
        if self._file is None:
            return
        self._texts.append(torch.cat([batch.query_ids.unsqueeze(1), batch.document_ids], dim=1).flatten())
        self._losses.append(outputs["loss"].detach())
        if self._norm is None:                      # gradients are being accumulated
            return
        sizes = [len(texts) for texts in self._texts]
        texts = gather(torch.cat(self._texts).unsqueeze(0)).cpu()                                   # (W, sum of sizes)
        numbers = torch.stack([torch.stack(self._losses).sum(), self._norm.to(module.device)])      # (2,)
        numbers = gather(numbers.unsqueeze(0)).cpu().double()                                       # (W, 2)
        if trainer.is_global_zero:
            done = ReplayStep(trainer.global_step, trainer.current_epoch, hash_of_texts(texts, sizes),
                              numbers[:, 0].mean().item(), numbers[0, 1].item())
            with open(self._file, "a", encoding="utf8", newline="") as file:        # closed: it survives a kill
                file.write(",".join(map(str, astuple(done))) + "\n")
        self._texts, self._losses, self._norm = [], [], None


def hash_of_texts(texts: Tensor, sizes: list[int]) -> str:
    """The hash of a global batch, the same however our samplers share its rows out over micro-steps and processes.

    texts   (W, sum of sizes) identities, row by row of the batch: the query, then its C documents
    sizes   how many of them belong to each micro-step
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in texts.split(sizes, dim=1):          # within a micro-step the processes' shares follow one another
        digest.update(part.contiguous().numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def start_or_go_on(file: Path, step: int) -> None:
    """Ready for step + 1: what a run wrote that went further before it was stopped is written once more."""
    if step and file.is_file():
        drop_rows_after(file, step)
    else:
        with write_beside(file) as beside:
            beside.write_text(HEADER, encoding="utf8")


def read_replay(run: str | Path) -> dict[int, ReplayStep]:
    """The steps of a run folder by their number; a line that a kill cut short is left out.

    Raises
        UserError   there is no replay.csv, or a line of it cannot be read
    """
    file = Path(run) / REPLAY
    if not file.is_file():
        raise UserError(f"{run} has no {REPLAY}: give the folder of a run that was trained with the callback "
                        "lit_embed.callbacks.Replay")
    lines = file.read_text(encoding="utf8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if whole[:1] != [HEADER]:
        raise UserError(f"{file} is not the log of a run: its first line is not {HEADER.strip()}")
    steps = {}
    for number, row in enumerate(csv.reader(whole[1:]), 2):
        try:
            step, epoch, texts, loss, norm = row
            steps[int(step)] = ReplayStep(int(step), int(epoch), texts, float(loss), float(norm))
        except ValueError as error:
            raise UserError(f"{file}, line {number}: {HEADER.strip()} expected, but {','.join(row)!r} found") from error
    return steps
