"""What did training buy? Every evaluation before the first step and after the last, in the terminal and in a file."""

import json
import math
from collections.abc import Sized
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as pl
from rich.console import Console

from lit_embed.callbacks.best_weights import best_weights
from lit_embed.callbacks.evaluation import Evaluated, evaluations
from lit_embed.callbacks.report_page import print_report
from lit_embed.callbacks.search_index import SearchIndex
from lit_embed.callbacks.stopwatch import Stopwatch
from lit_embed.files import write_beside


class Report(pl.Callback):
    """Prints a table of all figures before and after, with sample queries, and writes <run>/result.json:

    {"before": {figure: value}, "after": {...}, "corpus": passages searched, "train_pairs": rows trained on,
    "train_seconds": without evaluations, "steps": optimizer steps of the weights evaluated after}

    "After" are the weights of <run>/model. What was found before is kept in the checkpoints, for a resumed run.
    """

    def __init__(self):
        self.before: list[dict] | None = None             # one of each evaluation, as plain values
        self.result: dict | None = None
        self._after: list[Evaluated] = []
        self._watch = Stopwatch()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.fast_dev_run:
            return
        if self.before is None and trainer.global_step == 0:
            found = [self._evaluate(callback, trainer, module) for callback in evaluations(trainer)]
            self.before = [asdict(each) for each in found]
            known = {name: value for name, value in _figures(found).items() if value is not None}
            for logger in trainer.loggers if trainer.is_global_zero else []:
                logger.log_metrics(known, step=0)                  # so that every curve starts where training did

    # Epoch by epoch, so that what other callbacks do after the last step (the model folder, the index) is not counted.
    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.start()

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object,
                             batch_idx: int) -> None:
        self._watch.start()        # a run that goes on in the middle of an epoch has no start of that epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.stop()

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.pause()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.resume()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.fast_dev_run:
            return
        with best_weights(trainer, module) as steps:
            self._after = [callback.history.get((_split(callback), steps)) or self._evaluate(callback, trainer, module)
                           for callback in evaluations(trainer)]
        before = [Evaluated(**found) for found in self.before or []]
        self.result = {
            "before": _figures(before) or None, "after": _figures(self._after),
            "corpus": next((found.corpus for found in self._after if found.corpus is not None), None),
            "train_pairs": len(_training_rows(trainer)), "train_seconds": round(self._watch.seconds, 2),
            "steps": steps,
        }
        if trainer.is_global_zero:
            with write_beside(Path(trainer.default_root_dir) / "result.json") as beside:
                beside.write_text(json.dumps(self.result, indent=2) + "\n", encoding="utf8")

    def on_fit_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if self.result is None or not trainer.is_global_zero:
            return
        if trainer.progress_bar_callback is not None:     # a live bar would draw itself again below the report
            trainer.progress_bar_callback.teardown(trainer, module, "fit")
        searchable = any(isinstance(callback, SearchIndex) for callback in trainer.callbacks)
        before = [sample for found in self.before or [] for sample in found["samples"]]
        after = [sample for found in self._after for sample in found.samples]
        print_report(Console(), Path(trainer.default_root_dir), self.result, before, after, searchable)

    def _evaluate(self, callback: pl.Callback, trainer: pl.Trainer, module: pl.LightningModule) -> Evaluated:
        callback.figures(trainer, module, _split(callback))
        return callback.found

    def state_dict(self) -> dict:
        return {"before": self.before, "train_seconds": self._watch.seconds}

    def load_state_dict(self, state: dict) -> None:
        self.before, self._watch = state["before"], Stopwatch(state["train_seconds"])


def _split(callback: pl.Callback) -> str:
    return callback.split or "validation"


def _training_rows(trainer: pl.Trainer) -> Sized:
    loader = trainer.train_dataloader
    return loader.dataset if hasattr(loader, "dataset") else loader.pairs


def _figures(found: list[Evaluated]) -> dict[str, float | None]:
    """All figures by name; one that does not exist is None, since JSON has no nan."""
    figures = {name: value for each in found for name, value in each.metrics.items()}
    return {name: None if math.isnan(value) else round(value, 6) for name, value in figures.items()}
