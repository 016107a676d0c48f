"""Cosine regression: the cosine of two texts shall be their score."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.losses.check_labels import need_scores
from lit_embed.losses.full_precision import in_full_precision


@in_full_precision
def cosine_regression(first: Tensor, second: Tensor, target: Tensor) -> Tensor:
    """Squared error of the cosine (Reimers and Gurevych 2019, arXiv 1908.10084, section 3, regression objective).

    first, second   (B, D)
    target          (B,)   in -1..1
    returns         ()     mean over the B pairs
    """
    return F.mse_loss(F.cosine_similarity(first, second, dim=-1), target.to(first.dtype))


class CosineRegression(nn.Module):
    """`cosine_regression` of queries and their documents on the batch's scores."""

    def check(self, labels: np.ndarray | None, choices: int) -> None:
        """Raises UserError if rows with these labels and so many choices cannot be trained on."""
        need_scores("CosineRegression", labels)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        return cosine_regression(queries, documents[:, 0], batch.labels)
