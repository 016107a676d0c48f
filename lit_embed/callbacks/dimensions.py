"""What are the first numbers of the embeddings worth alone? Spearman or retrieval figures at several widths."""

import numpy as np
import pytorch_lightning as pl
from torch import Tensor

from lit_embed.callbacks.embedding import embed, from_first_process
from lit_embed.callbacks.evaluation import Evaluated, Evaluation, rows_of
from lit_embed.callbacks.hit_rate import HitRate
from lit_embed.callbacks.scored_pairs import ScoredPairs, scored_pairs
from lit_embed.distributed import rank
from lit_embed.errors import UserError
from lit_embed.metrics import cosine, retrieval_metrics, spearman
from lit_embed.search.retrieval import RetrievalTask, rank_answers


class Dimensions(Evaluation):
    """Logs spearman_cosine@64 and so on of rows with scores, hit_rate@1@64 ... ndcg@10@64 of questions and answers.

    Every text is embedded once; its first numbers alone are compared by cosine.

    sizes     how many of the first numbers are looked at, each at most the encoder's width
    data      whose rows; None: the training data module
    split     "train", "validation" or "test"; None: test while testing, else validation
    prefix    before each logged name, to tell two such callbacks apart
    """

    def __init__(self, sizes: list[int], data: pl.LightningDataModule | None = None, split: str | None = None,
                 prefix: str = ""):
        super().__init__(data, split, prefix)
        if not sizes or min(sizes) < 1:
            raise UserError(f"Dimensions: sizes {sizes}: give widths of 1 or more, such as [384, 128, 64]")
        self.sizes = sizes

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        super().setup(trainer, module, stage)
        if max(self.sizes) > module.encoder.width:
            raise UserError(f"Dimensions: size {max(self.sizes)} is above the encoder's width, {module.encoder.width}")

    def read(self, trainer: pl.Trainer, split: str) -> ScoredPairs | RetrievalTask:
        """Pairs with their scores, or questions and the passages of their split."""
        rows = rows_of(trainer, self.data, split)
        return HitRate(self.data, split).read(trainer, split) if rows.answered else scored_pairs(rows, 0)

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The figures of a split at every size, equal on all processes, which must all call this."""
        task = self.task(trainer, split)
        figures = _correlation if isinstance(task, ScoredPairs) else _retrieval
        texts = (task.first, task.second) if isinstance(task, ScoredPairs) else (task.questions, task.corpus)
        asked, found = (embed(trainer, module, some, role) for some, role in zip(texts, ("query", "document")))
        few = slice(None) if rank() == 0 else slice(0)                 # only process 0 does the sums
        metrics = {f"{self.prefix}{name}@{size}": value for size in self.sizes
                   for name, value in figures(task, asked[:, :size], found[:, :size], few).items()}
        self.found = Evaluated(from_first_process(metrics, module.device))
        return self.found.metrics


def _correlation(pairs: ScoredPairs, first: Tensor, second: Tensor, few: slice) -> dict[str, float]:
    cosines = cosine(*(x[few].cpu().numpy().astype(np.float64) for x in (first, second)))                # (N,)
    return {"spearman_cosine": spearman(cosines, pairs.scores[few])}


def _retrieval(task: RetrievalTask, questions: Tensor, corpus: Tensor, few: slice) -> dict[str, float]:
    ranking = rank_answers(questions[few], corpus, task.answers[few], k=10)
    return retrieval_metrics(ranking.relevance, np.array([len(own) for own in task.answers[few]]))
