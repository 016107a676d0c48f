"""Do a cross-encoder's scores of pairs say what their labels say? Correlations, accuracy, F1 and average precision."""

import numpy as np
import pytorch_lightning as pl

from lit_embed.callbacks.embedding import from_first_process, score
from lit_embed.callbacks.evaluation import WORST, Evaluated, Evaluation, data_of, log_worst, rows_of
from lit_embed.callbacks.scored_pairs import ScoredPairs, farthest, scored_pairs
from lit_embed.distributed import rank
from lit_embed.errors import UserError
from lit_embed.metrics import class_figures, pearson, spearman, two_class_figures


class PairScores(Evaluation):
    """Logs pair_pearson and pair_spearman of the scores and the labels of pairs.

    Labels of two classes, or true and false pairs: also pair_average_precision, and pair_accuracy and pair_f1, each at
    the threshold that is best for these pairs, as sentence-transformers reports them, with that threshold beside them
    (pair_accuracy_threshold, pair_f1_threshold). A model of two classes scores by the log odds of the second.
    More classes: pair_accuracy and pair_f1 (its mean over the classes) of the likeliest class, and nothing else.

    data         whose pairs to score; None: the training data module
    split        "train", "validation" or "test"; None: test while testing, else validation
    true_pairs   rows without labels: this many true pairs, and as many false ones with another row's document
    prefix       before each logged name, to tell two such callbacks apart
    """

    needs = "score"

    def __init__(self, data: pl.LightningDataModule | str | None = None, split: str | None = None, true_pairs: int = 100,
                 prefix: str = ""):
        super().__init__(data, split, prefix)
        self.true_pairs = true_pairs

    def read(self, trainer: pl.Trainer, split: str) -> ScoredPairs:
        """The pairs of a split with their scores or classes.

        Raises
            UserError   the labels are not what the model gives
        """
        rows, known = rows_of(trainer, self.data, split), getattr(trainer.lightning_module.encoder, "num_labels", 1)
        classes = rows.labels is not None and np.issubdtype(rows.labels.dtype, np.integer)
        there, source = int(rows.labels.max()) + 1 if classes else 0, type(data_of(trainer, self.data)).__name__
        if there > max(known, 2) or known > 2 and not there:
            raise UserError(f"PairScores: the rows of {source} have {there or 'no'} classes, but the model tells "
                            f"{max(known, 2)} apart: set `num_labels` of the encoder, or give the callback other data")
        if known > 2:
            return ScoredPairs(rows.queries, rows.documents[0], rows.labels)
        return scored_pairs(rows, self.true_pairs)

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The figures of a split, equal on all processes, which must all call this."""
        pairs = self.task(trainer, split)
        scores = score(trainer, module, list(zip(pairs.first, pairs.second))).cpu().numpy()       # (N,) or (N, L)
        if scores.ndim == 2 and scores.shape[1] == 2:
            scores = scores[:, 1] - scores[:, 0]                                                  # (N,)
        found = from_first_process(_figures(scores, pairs.scores), module.device)
        self.found = Evaluated({f"{self.prefix}pair_{name}": value for name, value in found.items()})
        if rank() == 0:
            worst = farthest(pairs, scores, "given") if scores.ndim == 1 else _mistaken(pairs, scores)
            log_worst(trainer, f"{self.prefix}pair_scores", *worst)
        return self.found.metrics


def _figures(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    if scores.ndim == 2:
        return class_figures(scores, labels)
    figures = {"pearson": pearson(scores, labels), "spearman": spearman(scores, labels)}
    if np.isin(labels, (0, 1)).all():
        figures |= two_class_figures(scores, labels == 1)
    return figures


def _mistaken(pairs: ScoredPairs, logits: np.ndarray) -> tuple[list[str], list[list[object]]]:
    """Pairs whose class is farthest behind the likeliest one."""
    chosen, rows = logits.argmax(axis=1), np.arange(len(logits))                                  # (N,) each
    behind = logits[rows, chosen] - logits[rows, pairs.scores]
    worst = np.argsort(-behind, kind="stable")[:WORST]
    return ["first", "second", "class", "likeliest", "behind"], [
        [pairs.first[i], pairs.second[i], int(pairs.scores[i]), int(chosen[i]), float(behind[i])] for i in worst]
