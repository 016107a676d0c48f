"""Is the right passage among the first results? HitRate, MRR and nDCG over a corpus at every validation and test."""

import numpy as np
import pytorch_lightning as pl

from lit_embed.callbacks.embedding import embed, from_first_process
from lit_embed.callbacks.evaluation import WORST, Evaluated, Evaluation, data_of, log_worst, rows_of
from lit_embed.callbacks.samples import samples
from lit_embed.distributed import rank
from lit_embed.errors import UserError
from lit_embed.metrics import retrieval_metrics
from lit_embed.search.retrieval import Ranking, RetrievalTask, rank_answers, retrieval_task


class HitRate(Evaluation):
    """Logs hit_rate@1, hit_rate@5, hit_rate@10, mrr@10 and ndcg@10: each question of a split against a corpus.

    data      whose rows to search; None: the training data module
    split     "train", "validation" or "test"; None: test while testing, else validation
    corpus    splits whose documents are searched; None: the split that asks. Equal passages are one
    prefix    before each logged name, to tell two such callbacks apart
    """

    def __init__(self, data: pl.LightningDataModule | str | None = None, split: str | None = None,
                 corpus: list[str] | None = None, prefix: str = ""):
        super().__init__(data, split, prefix)
        self.corpus = corpus

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The five figures of a split, equal on all processes, which must all call this."""
        task = self.task(trainer, split)
        questions = embed(trainer, module, task.questions, "query")                                   # (Q, D)
        corpus = embed(trainer, module, task.corpus, "document")                                      # (N, D)
        few = slice(None) if rank() == 0 else slice(0)                 # only process 0 searches
        ranking = rank_answers(questions[few], corpus, task.answers[few], k=10)
        found = retrieval_metrics(ranking.relevance, np.array([len(own) for own in task.answers[few]]))
        found = from_first_process(found, module.device)
        metrics = {self.prefix + name: value for name, value in found.items()}
        few = samples(task.questions, task.corpus, ranking.nearest, ranking.relevance) if rank() == 0 else []
        self.found = Evaluated(metrics, len(task.corpus), few)
        if rank() == 0:
            log_worst(trainer, f"{self.prefix}hit_rate", *_worst(task, ranking))
        return metrics

    def read(self, trainer: pl.Trainer, split: str) -> RetrievalTask:
        """The questions of a split and the passages they are asked of.

        Raises
            UserError   the rows have labels, or a question has no answer in the corpus
        """
        asked = rows_of(trainer, self.data, split)
        if not asked.answered:
            source = type(data_of(trainer, self.data)).__name__
            raise UserError(f"HitRate needs rows that are questions and answers, but those of {source} have "
                            "labels: use Spearman, or give it other data")
        parts = [asked if name == split else rows_of(trainer, self.data, name) for name in self.corpus or [split]]
        if trainer.fast_dev_run:                                       # of each split only a few rows were read
            parts.append(asked)
        task = retrieval_task(asked, parts)
        if unanswered := sum(not len(own) for own in task.answers):
            raise UserError(f"{unanswered} of {len(task.questions)} questions of {split} have no answer among the "
                            f"documents of {', '.join(self.corpus)}: add {split} to the `corpus` of HitRate")
        return task


def _worst(task: RetrievalTask, ranking: Ranking) -> tuple[list[str], list[list[object]]]:
    """Questions whose best right answer came last."""
    worst = np.argsort(-ranking.rank, kind="stable")[:WORST]
    rows = [[task.questions[i], task.corpus[task.answers[i][0]], int(ranking.rank[i]),
             task.corpus[ranking.nearest[i, 0]]] for i in worst]
    return ["question", "answer", "rank_of_answer", "found_first"], rows
