"""What evaluations while training share: whose rows they read, at which moment they run, and where the figures go."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from weakref import WeakKeyDictionary

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger

from lit_embed.batches import PairRows
from lit_embed.callbacks.named_data import named_data, prefixes_of
from lit_embed.errors import UserError

FEW = 32      # rows of a split that `fast_dev_run` looks at: it asks whether the code runs, not how good the model is
WORST = 20    # rows in a table of the worst misses
INSTEAD = {"encode": "compares embeddings, and {} has none: use PairScores or Rerank",
           "encode_images": "compares images with texts, and {} reads no images: use HitRate",
           "score": "scores pairs of texts, which {} cannot: use Spearman or HitRate"}
_READ: WeakKeyDictionary[pl.LightningDataModule, dict[str, PairRows]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Evaluated:
    """What one evaluation found.

    metrics   figures by name, prefix included
    corpus    passages that were searched, None where nothing was
    samples   a few questions: {"question": text, "found": the first passages, "right": whether each is an answer};
              where they were re-ranked also "retrieved": what was found "by" what, "found" and "right" as above
    """

    metrics: dict[str, float]
    corpus: int | None = None
    samples: list[dict] = field(default_factory=list)


class Evaluation(pl.Callback):
    """Evaluates at every validation and test, and logs. A subclass writes read(...) and evaluate(...).

    data      whose rows to evaluate; None: the training data module; a text: the set of this name in its mixture
    split     "train", "validation" or "test"; None: test while testing, else validation
    prefix    before each logged name, to tell two such callbacks apart
    """

    needs: ClassVar[Literal["encode", "encode_images", "score"]] = "encode"         # what the encoder must be able to do

    def __init__(self, data: pl.LightningDataModule | str | None = None, split: str | None = None, prefix: str = ""):
        self.data, self.split, self.prefix = data, split, prefix
        self.found: Evaluated | None = None                            # the last evaluation
        self.history: dict[tuple[str, int], Evaluated] = {}            # those of the run, by split and optimizer steps
        self._tasks: dict[str, object] = {}

    def read(self, trainer: pl.Trainer, split: str) -> object:
        """What to evaluate of a split; a UserError where its rows do not fit."""
        raise NotImplementedError(f"{type(self).__name__} must define read(trainer, split)")

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The figures of a split, also left in `found`: equal on all processes, which must all call this."""
        raise NotImplementedError(f"{type(self).__name__} must define evaluate(trainer, module, split)")

    def task(self, trainer: pl.Trainer, split: str) -> object:
        """What `read` gives for a split, read once."""
        if split not in self._tasks:
            self._tasks[split] = self.read(trainer, split)
        return self._tasks[split]

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if not hasattr(getattr(module, "encoder", None), self.needs):
            raise UserError(f"{type(self).__name__} {INSTEAD[self.needs].format(type(module).__name__)}")
        _check_name(self, trainer)
        if stage == "fit":                                   # a mistake in the data shows before the first step
            self.task(trainer, self.split or "validation")

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        _check_validation_runs(trainer)

    def on_validation_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._evaluate_and_log(trainer, module)

    def on_test_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._evaluate_and_log(trainer, module)

    def figures(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """As `evaluate`, with the prefixes of the data where it has its own."""
        with prefixes_of(named_data(trainer, self.data), module.encoder):
            return self.evaluate(trainer, module, split)

    def _evaluate_and_log(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        split = self.split or ("test" if trainer.testing else "validation")
        # Under their names, the same on every process, so that ModelCheckpoint can monitor them anywhere.
        for name, value in self.figures(trainer, module, split).items():
            module.log(name, value, batch_size=1, sync_dist=True)      # the mean of equal values; else Lightning warns
        self.history[split, trainer.global_step] = self.found


def _check_name(callback: Evaluation, trainer: pl.Trainer) -> None:
    """Two callbacks of one kind need two prefixes: figures logged under one name would be averaged."""
    same = [c for c in trainer.callbacks if type(c) is type(callback) and c.prefix == callback.prefix]
    if len(same) > 1:
        raise UserError(f"{len(same)} {type(callback).__name__} callbacks log under the same names: give each its own "
                        "`prefix`")


def _check_validation_runs(trainer: pl.Trainer) -> None:
    """Evaluations come at the end of each validation, so there has to be one."""
    batches = trainer.num_val_batches
    if trainer.limit_val_batches and trainer.val_dataloaders is not None and not sum(batches):
        raise UserError("the training data has no validation rows, so no evaluation would ever run: set "
                        "`validation: 0.1` to hold out a share of the training rows, or take the callbacks out")


def evaluations(trainer: pl.Trainer) -> Iterator[Evaluation]:
    """The callbacks of a run that evaluate."""
    return (callback for callback in trainer.callbacks if isinstance(callback, Evaluation))


def data_of(trainer: pl.Trainer, data: pl.LightningDataModule | str | None) -> pl.LightningDataModule:
    """`data`, or the run's own; data without a path is looked for where the training data is."""
    own, found = trainer.datamodule, named_data(trainer, data)
    if data is None and hasattr(own, "sets"):
        raise UserError(f"the training data is a mixture of {', '.join(own.sets)}: say which of them an evaluation looks at, "
                        f"for example `data: {next(iter(own.sets))}`")
    if data is None and not hasattr(own, "rows"):
        raise UserError("an evaluation needs data with rows of text: train with a data module of lit_embed.data, or "
                        "give the callback its own (`data`)")
    if found is not own and getattr(found, "path", "") is None:
        found.path = getattr(own, "path", None)
    return found


def rows_of(trainer: pl.Trainer, data: pl.LightningDataModule | str | None, split: str) -> PairRows:
    """The rows of a split as text, read once however many callbacks ask.

    Raises
        UserError   the data has no such split, or no rows in it
    """
    source = data_of(trainer, data)
    if hasattr(source, "images"):
        raise UserError(f"{type(source).__name__} holds images, which this evaluation does not read: use ImageTextRecall")
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


def log_worst(trainer: pl.Trainer, name: str, columns: list[str], rows: list[list[object]]) -> None:
    """A table of the worst misses, to Weights & Biases where the run logs there."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_table(f"worst_misses/{name}", columns=columns, data=rows, step=trainer.global_step)
