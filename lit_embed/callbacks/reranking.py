"""What is a cross-encoder worth behind a search? BM25's best passages, re-ranked at every validation and test."""

import numpy as np
import pytorch_lightning as pl
import torch

from lit_embed.callbacks.embedding import from_first_process, score
from lit_embed.callbacks.evaluation import WORST, Evaluated, Evaluation, data_of, log_worst, rows_of
from lit_embed.callbacks.samples import first_found, spread
from lit_embed.distributed import gather, rank
from lit_embed.errors import UserError
from lit_embed.metrics import hit_rate, retrieval_metrics
from lit_embed.search import Bm25, RetrievalSet, retrieval_task
from lit_embed.search.rerank import rerank


class Rerank(Evaluation):
    """Logs rerank_hit_rate@1, @5, @10, rerank_mrr@10 and rerank_ndcg@10, and the same of BM25's order as bm25_...

    Each question of a split is searched by BM25 among the distinct passages of that split, and the model puts what was
    found in its own order. An answer that BM25 missed stays missed, as in a search: bm25_hit_rate@<candidates> is the
    most that any order can reach. `questions` times `candidates` pairs are scored each time.

    data         whose rows to search; None: the training data module
    split        "train", "validation" or "test"; None: test while testing, else validation
    candidates   passages that BM25 hands over for each question
    questions    so many of the split, drawn once by chance; None: all
    prefix       before each logged name, to tell two such callbacks apart
    """

    needs = "score"

    def __init__(self, data: pl.LightningDataModule | str | None = None, split: str | None = None, candidates: int = 30,
                 questions: int | None = 200, prefix: str = ""):
        super().__init__(data, split, prefix)
        if candidates < 1 or questions is not None and questions < 1:
            raise UserError(f"Rerank: candidates {candidates}, questions {questions}: at least 1 of each is needed")
        self.candidates, self.questions = candidates, questions
        self._retrieved: dict[str, np.ndarray] = {}

    def read(self, trainer: pl.Trainer, split: str) -> RetrievalSet:
        """The questions of a split, its passages, and which answer which.

        Raises
            UserError   the rows have labels, or the model has no single score
        """
        rows, known = rows_of(trainer, self.data, split), getattr(trainer.lightning_module.encoder, "num_labels", 1)
        if known != 1:
            raise UserError(f"Rerank orders passages by one score, but the model gives {known} a pair: set "
                            "`num_labels: 1` of the encoder, or use PairScores")
        if not rows.answered:
            raise UserError("Rerank needs rows that are questions and answers, but those of "
                            f"{type(data_of(trainer, self.data)).__name__} have labels: use PairScores, or give it "
                            "other data")
        return RetrievalSet.of_task(retrieval_task(rows, [rows])).sample(self.questions)

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The figures of a split, equal on all processes, which must all call this."""
        asked = self.task(trainer, split)
        if split not in self._retrieved:
            self._retrieved[split] = self._retrieve(asked, module.device)
        before = self._retrieved[split]                                                               # (Q, K)
        _, after = rerank(lambda pairs: score(trainer, module, pairs).cpu().numpy(), asked.questions, before,
                          asked.passages.__getitem__, keep=before.shape[1])                           # (Q, K)
        found = from_first_process(self._figures(asked, before, after), module.device)
        metrics = {self.prefix + name: value for name, value in found.items()}
        self.found = Evaluated(metrics, len(asked.passages), _samples(asked, before, after))
        if rank() == 0:
            log_worst(trainer, f"{self.prefix}rerank", *_worst(asked, before, after))
        return metrics

    def _figures(self, asked: RetrievalSet, before: np.ndarray, after: np.ndarray) -> dict[str, float]:
        right_before, right_after = asked.gains(before) > 0, asked.gains(after) > 0                   # (Q, K) each
        answers = np.array([len(own) for own in asked.relevant])                                      # (Q,)
        figures = {f"rerank_{name}": value for name, value in retrieval_metrics(right_after, answers).items()}
        figures |= {f"bm25_{name}": value for name, value in retrieval_metrics(right_before, answers).items()}
        return figures | {f"bm25_hit_rate@{self.candidates}": hit_rate(right_before, self.candidates)}

    def _retrieve(self, asked: RetrievalSet, device: torch.device) -> np.ndarray:                     # -> (Q, K)
        """BM25's candidates, searched by one process, so that all score the same pairs."""
        places = np.full((len(asked), min(self.candidates, len(asked.passages))), -1, dtype=np.int64)
        if rank() == 0:
            _, places = Bm25.build(asked.passages).search(asked.questions, self.candidates)
        return gather(torch.from_numpy(places).to(device)[None])[0].cpu().numpy()


def _samples(asked: RetrievalSet, before: np.ndarray, after: np.ndarray) -> list[dict]:               # (Q, K) each
    right_before, right_after = asked.gains(before) > 0, asked.gains(after) > 0
    return [{"question": asked.questions[i], **first_found(asked.passages, after[i], right_after[i]),
             "retrieved": {"by": "bm25", **first_found(asked.passages, before[i], right_before[i])}}
            for i in spread(len(asked))]


def _worst(asked: RetrievalSet, before: np.ndarray, after: np.ndarray) -> tuple[list[str], list[list[object]]]:
    """Questions whose best answer among the candidates came last; what BM25 missed is not the model's fault."""
    right_before, right_after = asked.gains(before) > 0, asked.gains(after) > 0                       # (Q, K) each
    found = np.flatnonzero(right_after.any(axis=1))
    last = found[np.argsort(-right_after[found].argmax(axis=1), kind="stable")[:WORST]].tolist()
    first = {i: int(right_after[i].argmax()) for i in last}
    rows = [[asked.questions[i], asked.passages[after[i, first[i]]], first[i] + 1, int(right_before[i].argmax()) + 1,
             asked.passages[after[i, 0]]] for i in last]
    return ["question", "answer", "rank_of_answer", "rank_before", "ranked_first"], rows
