"""The first moment of a run: its folder gets a config.yaml and a metrics.csv, once data and model are known to be good."""

import csv
from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from lit_embed.files import drop_rows_after, write_beside
from lit_embed.run.run_folder import METRICS, remove_earlier_run


class StartRun(SaveConfigCallback):
    """Writes <run>/config.yaml when fitting starts, and hands the same tree to the loggers that keep one.

    Lightning calls this after the data were prepared and set up, so a mistake in them leaves an earlier run as it was.
    """

    replaces_earlier_run = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit" or self.already_saved:
            return
        if self.replaces_earlier_run and trainer.is_global_zero:
            remove_earlier_run(Path(trainer.default_root_dir))
        self.overwrite = True                       # whether the folder may be used was asked before anything was built
        super().setup(trainer, pl_module, stage)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = Path(trainer.default_root_dir, METRICS)
        if trainer.global_step and trainer.is_global_zero and metrics.is_file():
            # What the run logged beyond its checkpoint comes once more. Rows count from 0: the last is one less.
            drop_rows_after(metrics, trainer.global_step - 1)

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for logger in trainer.loggers:
            logger.log_hyperparams(self.config.as_dict())


class MetricsFile(Logger):
    """All that is logged, one row a call, in one csv file of the run folder; a resumed run goes on in the same file.

    Lightning's own CSV logger deletes the file it finds, which loses the first half of a resumed run.
    """

    def __init__(self, folder: Path, file: str = METRICS):
        super().__init__()
        self.file = Path(folder, file)
        self.rows: list[dict[str, float]] = []

    name = version = ""                             # no folder per name and version below the run's own

    @property
    def save_dir(self) -> str:
        return str(self.file.parent)

    def log_hyperparams(self, params: object = None) -> None:
        """Nothing: config.yaml has them, in the form that can be run again."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append({"step": step, **metrics})

    @rank_zero_only
    def save(self) -> None:
        if not self.rows:
            return
        found = self._columns()
        columns = list(dict.fromkeys([*found, *(name for row in self.rows for name in row)]))
        if columns != found:
            self._write_with(columns)
        with open(self.file, "a", newline="", encoding="utf8") as file:
            csv.DictWriter(file, columns).writerows(self.rows)
        self.rows = []

    def finalize(self, status: str) -> None:
        self.save()

    def _columns(self) -> list[str]:
        if not self.file.is_file():
            return []
        with open(self.file, newline="", encoding="utf8") as file:
            return next(csv.reader(file), [])

    def _write_with(self, columns: list[str]) -> None:
        """A first evaluation brings new columns: the rows there are get them too, empty."""
        earlier = []
        if self.file.is_file():
            with open(self.file, newline="", encoding="utf8") as file:
                earlier = list(csv.DictReader(file))
        with write_beside(self.file) as beside, open(beside, "w", newline="", encoding="utf8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(earlier)
