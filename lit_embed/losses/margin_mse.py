"""Margin-MSE: by how much an answer is better than a negative, learned from a teacher that reads both together."""

from typing import Literal

import numpy as np
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.check_labels import need_teacher
from lit_embed.losses.full_precision import in_full_precision
from lit_embed.losses.own_choices import SIMILARITIES, own_choices


@in_full_precision
def margin_mse(queries: Tensor, documents: Tensor, teacher: Tensor, similarity: str = "dot", scale: float = 1.0) -> Tensor:
    """((s_0 - s_j) - (t_0 - t_j))^2 of a query's answer 0 and each of its negatives j, s the student's scores, t the teacher's.

    Hofstätter et al. 2020 (arXiv 2010.02666, Margin-MSE), with `scale` times the similarity as s.

    queries     (B, D)
    documents   (B, C, D)      documents[i, 0] answers queries[i]; documents[i, 1:] are its hard negatives
    teacher     (B, C)         scores without a sigmoid: margins do not survive one
    similarity  "dot", as in the paper, or "cosine"
    returns     ()             mean over the B*(C-1) margins; 0 without negatives
    """
    student = scale * own_choices(queries, documents, similarity)                              # (B, C)
    error = _margins(student) - _margins(teacher.to(student.dtype))                            # (B, C - 1)
    return error.square().sum() / max(1, error.numel())


def _margins(scores: Tensor) -> Tensor:                                                        # (B, C) -> (B, C - 1)
    return scores[:, :1] - scores[:, 1:]


class MarginMSE(nn.Module):
    """`margin_mse` of queries and their choices, on rows that carry a teacher's scores (`data.teacher_scores`).

    similarity   "dot", or "cosine" for models whose cosine is what counts
    scale        what the similarity is multiplied by: a cross-encoder's logits spread over ten and more, cosines over one
    """

    def __init__(self, similarity: Literal["dot", "cosine"] = "dot", scale: float = 1.0):
        super().__init__()
        if similarity not in SIMILARITIES:
            raise UserError(f"similarity {similarity!r}: there are {', '.join(SIMILARITIES)}")
        if scale <= 0:
            raise UserError(f"scale {scale}: give a number above 0")
        self.similarity, self.scale = similarity, scale

    def check(self, labels: np.ndarray | None, choices: int) -> None:
        """Raises UserError if rows with these labels and so many choices cannot be trained on."""
        need_teacher("MarginMSE", labels, choices)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        return margin_mse(queries, documents, batch.labels, self.similarity, self.scale)
