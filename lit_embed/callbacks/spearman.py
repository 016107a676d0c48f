"""Do similarities follow what people say? Pearson and Spearman correlation at every validation and test."""

import numpy as np
import pytorch_lightning as pl

from lit_embed.callbacks.embedding import embed, from_first_process
from lit_embed.callbacks.evaluation import Evaluated, Evaluation, log_worst, rows_of
from lit_embed.callbacks.scored_pairs import ScoredPairs, farthest, scored_pairs
from lit_embed.distributed import rank
from lit_embed.metrics import similarities, similarity_correlations
from lit_embed.search.retrieval import distinct


class Spearman(Evaluation):
    """Logs pearson_cosine, spearman_cosine, the same for euclidean, manhattan and dot, pearson_max and spearman_max.

    data         whose rows to score; None: the training data module
    split        "train", "validation" or "test"; None: test while testing, else validation
    true_pairs   rows without labels: this many true pairs, and as many false ones with another row's document
    prefix       before each logged name, to tell two such callbacks apart
    """

    def __init__(self, data: pl.LightningDataModule | str | None = None, split: str | None = None, true_pairs: int = 100,
                 prefix: str = ""):
        super().__init__(data, split, prefix)
        self.true_pairs = true_pairs

    def read(self, trainer: pl.Trainer, split: str) -> ScoredPairs:
        """The pairs of a split with their scores."""
        return scored_pairs(rows_of(trainer, self.data, split), self.true_pairs)

    def evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, split: str) -> dict[str, float]:
        """The ten figures of a split, equal on all processes, which must all call this."""
        pairs = self.task(trainer, split)
        # Both (N, D).
        first, second = (self._embed(trainer, module, texts, role)
                         for texts, role in [(pairs.first, "query"), (pairs.second, "document")])
        few = slice(None) if rank() == 0 else slice(0)                 # only process 0 does the sums
        found = similarity_correlations(first[few], second[few], pairs.scores[few])
        found = from_first_process(found, module.device)
        self.found = Evaluated({self.prefix + name: value for name, value in found.items()})
        if rank() == 0:
            cosines = similarities(first, second)["cosine"]
            log_worst(trainer, f"{self.prefix}spearman", *farthest(pairs, cosines, "cosine"))
        return self.found.metrics

    def _embed(self, trainer: pl.Trainer, module: pl.LightningModule, texts: list[str], role: str) -> np.ndarray:
        once, place = distinct(texts)                        # equal texts must have equal embeddings to the last bit
        return embed(trainer, module, once, role).cpu().numpy()[place]
