"""What evaluations while training share: whose rows they read, at which moment they run, and where the figures go."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger

from lit_embed.batches import PairRows
from lit_embed.errors import UserError

FEW = 32      # rows of a split that `fast_dev_run` looks at: it asks whether the code runs, not how good the model is
WORST = 20    # rows in a table of the worst misses
_READ: WeakKeyDictionary[pl.LightningDataModule, dict[str, PairRows]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Evaluated:
    """What one evaluation found.

    metrics   figures by name, prefix included
    corpus    passages that were searched, None where nothing was
    samples   a few questions: {"question": text, "found": the first passages, "right": whether each is an answer}
    """

    metrics: dict[str, float]
    corpus: int | None = None
    samples: list[dict] = field(default_factory=list)


def evaluations(trainer: pl.Trainer) -> Iterator[pl.Callback]:
    """The callbacks of a run that evaluate: those with evaluate(trainer, module, split)."""
    return (callback for callback in trainer.callbacks if hasattr(callback, "evaluate"))


def split_now(trainer: pl.Trainer, split: str | None) -> str:
    return split or ("test" if trainer.testing else "validation")


def data_of(trainer: pl.Trainer, data: pl.LightningDataModule | None) -> pl.LightningDataModule:
    """`data`, or the run's own; data without a path is looked for where the training data is."""
    own = trainer.datamodule
    if data is None and not hasattr(own, "rows"):
        raise UserError("an evaluation needs data with rows of text: train with a data module of lit_embed.data, or "
                        "give the callback its own (`data`)")
    if data is not None and getattr(data, "path", "") is None:
        data.path = getattr(own, "path", None)
    return own if data is None else data


def rows_of(trainer: pl.Trainer, data: pl.LightningDataModule | None, split: str) -> PairRows:
    """The rows of a split as text, read once however many callbacks ask.

    Raises
        UserError   the data has no such split, or no rows in it
    """
    source = data_of(trainer, data)
    known = _READ.setdefault(source, {})
    if split not in known:
        known[split] = source.rows(split)
    rows = known[split]
    if rows is None or not len(rows):
        raise UserError(f"{type(source).__name__} has no {split} rows to evaluate: hold out a share of the training "
                        "rows (`validation: 0.1`), name another split, or take the callback out")
    limit = getattr(source, "limit", None)
    limit = min(FEW, limit or FEW) if trainer.fast_dev_run else limit
    labels = None if rows.labels is None else rows.labels[:limit]
    return PairRows(rows.queries[:limit], [texts[:limit] for texts in rows.documents], labels)


def check_name(callback: pl.Callback, trainer: pl.Trainer) -> None:
    """Two callbacks of one kind need two prefixes: figures logged under one name would be averaged.

    Raises
        UserError   two share a prefix
    """
    same = [c for c in trainer.callbacks if type(c) is type(callback) and c.prefix == callback.prefix]
    if len(same) > 1:
        raise UserError(f"{len(same)} {type(callback).__name__} callbacks log under the same names: give each its own "
                        "`prefix`")


def check_validation_runs(trainer: pl.Trainer) -> None:
    """Evaluations come at the end of each validation, so there has to be one.

    Raises
        UserError   the training data gives no validation batches
    """
    batches = trainer.num_val_batches
    if trainer.limit_val_batches and trainer.val_dataloaders is not None and not sum(batches):
        raise UserError("the training data has no validation rows, so no evaluation would ever run: set "
                        "`validation: 0.1` to hold out a share of the training rows, or take the callbacks out")


def log(module: pl.LightningModule, metrics: dict[str, float]) -> None:
    """Under their names, the same on every process, so that ModelCheckpoint can monitor them anywhere."""
    for name, value in metrics.items():
        module.log(name, value, batch_size=1, sync_dist=True)     # the mean of equal values; Lightning warns without it


def log_worst(trainer: pl.Trainer, name: str, columns: list[str], rows: list[list[object]]) -> None:
    """A table of the worst misses, to Weights & Biases where the run logs there."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_table(f"worst_misses/{name}", columns=columns, data=rows, step=trainer.global_step)
