"""Small tasks of the Massive Text Embedding Benchmark at every validation and test, by the package mteb."""

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.utilities.rank_zero import rank_zero_info
from pytorch_lightning.utilities.seed import isolate_rng

from lit_embed.benchmarks.mteb_data import load
from lit_embed.benchmarks.mteb_figures import task_figures
from lit_embed.benchmarks.mteb_model import MtebModel
from lit_embed.benchmarks.mteb_tasks import open_task
from lit_embed.callbacks.embedding import embed, from_first_process
from lit_embed.callbacks.evaluation import Evaluated, Evaluation

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask


class Mteb(Evaluation):
    """Logs mteb/TASK for each task: its main figure, such as mteb/STSBenchmark.

    tasks    names, as MTEB writes them; whole tasks are evaluated each time, so they had better be small
    folder   data sets in the layout of the Hub, as `lit-embed mteb --data` reads them; None: the Hub
    split    evaluate this one; None: the benchmark's, whose figures are then no longer of texts that the choice of a
             checkpoint never saw
    prefix   before each logged name
    """

    def __init__(self, tasks: list[str], folder: str | None = None, split: str | None = None, prefix: str = "mteb/"):
        super().__init__(None, split, prefix)
        self.tasks, self.folder = tasks, folder
        self._loaded: list[AbsTask] = []

    def read(self, trainer: pl.Trainer, split: str) -> list["AbsTask"]:
        """The tasks with their rows, the same for validation and test.

        Raises
            UserError   no such task, or no rows of it
        """
        if not self._loaded:
            with isolate_rng():                        # mteb seeds everything whenever a task is opened
                self._loaded = [open_task(name, self.split) for name in self.tasks]
                for task in self._loaded:
                    load(task, self.folder, rank_zero_info)
        return self._loaded

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The main figure of each task, equal on all processes, which must all call this: each embeds its share."""
        def encode(texts: list[str], role: str) -> np.ndarray:                                        # (N, D)
            return embed(trainer, module, texts, role).cpu().numpy()

        model = MtebModel(encode, type(module).__name__, f"step {trainer.global_step}")
        figures = {}
        with isolate_rng():
            for task in self.task(trainer, split):
                # A task draws samples as it goes: a copy draws the same ones at every validation.
                figures[self.prefix + task.metadata.name] = task_figures(model, copy.deepcopy(task)).get("main_score", float("nan"))
        figures = from_first_process(figures, module.device)
        self.found = Evaluated(figures)
        return figures
