"""What a run says: Lightning's advertisements and known harmless warnings are off, progress is readable in a log file."""

import logging
import math
import sys
import time
import warnings
from pathlib import Path

import transformers
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar, TQDMProgressBar

# Each says something that is so on purpose here.
HARMLESS = (
    r".*does not have many workers",                     # batches are slices of a memory-mapped file
    r"The number of training batches .* is smaller than the logging interval",
    r"Checkpoint directory .* exists and is not empty",  # resumed, or replaced with --overwrite
    r".*srun.* command is available",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"You are using a CUDA device .* that has Tensor Cores",
    r"Starting from v1\.9\.0, `tensorboardX`",
    r".*LightningCLI's args parameter is intended",
    r"It is recommended to use `self\.log\(.*sync_dist=True\)`",  # callbacks log what all processes computed together
    r".*Grad strides do not match bucket view strides",
    r"Found \d+ module\(s\) in eval mode",                # frozen on purpose
    r"You have turned on `Trainer\(detect_anomaly",
)


def quiet() -> None:
    """Only warnings and errors of the libraries around us, each warning in one line; what lit_embed says stays."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning's tips and our own sentences go through the same logger, so the file they come from decides.
    rank_zero = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    rank_zero.setLevel(logging.INFO)
    rank_zero.addFilter(_ours_or_serious)
    for message in HARMLESS:
        warnings.filterwarnings("ignore", message=message)
    transformers.utils.logging.disable_progress_bar()
    warnings.formatwarning = lambda message, *_: f"lit-embed: warning: {' '.join(str(message).split())}\n"


def _ours_or_serious(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or "lit_embed" in Path(record.pathname).parts


def progress() -> ProgressBar:
    """A bar on a terminal, a line now and then in a file or a pipe."""
    return TQDMProgressBar() if sys.stdout.isatty() else ProgressLines()


class ProgressLines(ProgressBar):
    """Prints where training is and the time left, at most one line every `seconds`, and one at the end of each epoch."""

    def __init__(self, seconds: float = 10.0):
        super().__init__()
        self.seconds, self.last, self.enabled = seconds, 0.0, True

    def disable(self) -> None:                           # Lightning calls this on all processes but the first
        self.enabled = False

    def enable(self) -> None:
        self.enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self.started = self.last = time.monotonic()
        self.steps_before = trainer.global_step              # a resumed run has not spent time on these

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object,
                           batch_idx: int) -> None:
        at_the_end = batch_idx + 1 == self.total_train_batches
        if self.enabled and (at_the_end or time.monotonic() - self.last >= self.seconds):
            self.last = time.monotonic()
            metrics = self.get_metrics(trainer, pl_module)
            numbers = [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                       for name, value in metrics.items() if name != "v_num"]
            where = f"epoch {trainer.current_epoch}, batch {batch_idx + 1}/{self.total_train_batches}"
            print("  ".join([where, *numbers, *self._left(trainer)]), flush=True)

    def _left(self, trainer: Trainer) -> list[str]:
        """The time left, from the steps so far and the evaluations between them; nothing where the end is not known."""
        ends = [trainer.max_steps] if trainer.max_steps > 0 else []
        if (trainer.max_epochs or -1) > 0 and math.isfinite(self.total_train_batches):
            ends.append(math.ceil(self.total_train_batches / trainer.accumulate_grad_batches) * trainer.max_epochs)
        done = trainer.global_step - self.steps_before
        if not ends or not done or trainer.global_step >= min(ends):
            return []
        seconds = (time.monotonic() - self.started) / done * (min(ends) - trainer.global_step)
        return [f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"]
