"""Triplet loss: the answer shall be nearer than each hard negative, by a margin. Beyond the margin nothing is learned."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.check_labels import need_negatives
from lit_embed.losses.full_precision import in_full_precision

# (B, 1, D), (B, C, D) -> (B, C)
DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "euclidean": lambda x, y: torch.linalg.vector_norm(x - y, dim=-1),
    "cosine": lambda x, y: 1 - F.cosine_similarity(x, y, dim=-1),
}


@in_full_precision
def triplet(queries: Tensor, documents: Tensor, margin: float = 1.0, distance: str = "euclidean") -> Tensor:
    """max(0, distance to the answer - distance to a negative + margin).

    Reimers and Gurevych 2019 (arXiv 1908.10084, section 3, triplet objective), with a euclidean distance and margin 1.
    Schroff et al. 2015 (arXiv 1503.03832, section 3.1) take squared distances of unit vectors, twice the cosine distance:
    "cosine" with half of their margin is half of their loss.

    queries     (B, D)
    documents   (B, C, D)      documents[i, 0] answers queries[i]; documents[i, 1:] are its hard negatives
    distance    one of DISTANCES
    returns     ()             mean over the B*(C-1) triplets; 0 without negatives
    """
    distances = DISTANCES[distance](queries.unsqueeze(1), documents)                           # (B, C)
    losses = F.relu(distances[:, :1] - distances[:, 1:] + margin)                              # (B, C - 1)
    return losses.sum() / max(1, losses.numel())


class Triplet(nn.Module):
    """`triplet` of queries, their answers and their hard negatives.

    margin     1 suits euclidean distances of plain embeddings, 0.1 to 0.5 cosine distances, which end at 2
    distance   "euclidean" or "cosine" (1 - cosine)
    """

    def __init__(self, margin: float = 1.0, distance: Literal["euclidean", "cosine"] = "euclidean"):
        super().__init__()
        if margin <= 0:
            raise UserError(f"margin {margin}: give a number above 0, or embeddings that are all the same cost nothing")
        if distance not in DISTANCES:
            raise UserError(f"distance {distance!r}: there are {', '.join(DISTANCES)}")
        self.margin, self.distance = margin, distance

    def check(self, labels: np.ndarray | None, choices: int) -> None:
        """Raises UserError if rows with these labels and so many choices cannot be trained on."""
        need_negatives("Triplet", choices)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        return triplet(queries, documents, self.margin, self.distance)
