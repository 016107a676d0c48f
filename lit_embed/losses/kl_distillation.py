"""Distillation by KL divergence: how a teacher spreads its belief over a query's choices, not only which one it would take."""

from typing import Literal

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.check_labels import need_teacher
from lit_embed.losses.full_precision import in_full_precision
from lit_embed.losses.own_choices import SIMILARITIES, own_choices


@in_full_precision
def kl_distillation(queries: Tensor, documents: Tensor, teacher: Tensor, temperature: float = 0.05,
                    teacher_temperature: float = 1.0, similarity: str = "cosine") -> Tensor:
    """KL(teacher || student) = sum over choices of p (log p - log q), p and q softmaxes over a query's C choices.

    Hinton et al. 2015 (arXiv 1503.02531, section 2) on lists of documents, as in Lin et al. 2020 (arXiv 2010.11386). Student
    and teacher have a temperature each, since a cosine and a logit are no numbers of one kind; neither is multiplied back.

    queries              (B, D)
    documents            (B, C, D)
    teacher              (B, C)    scores without a sigmoid
    temperature          what the student's similarity is divided by
    teacher_temperature  what the teacher's scores are divided by
    similarity           "cosine" or "dot"
    returns              ()        mean over the B queries; 0 with one choice
    """
    student = own_choices(queries, documents, similarity) / temperature                        # (B, C)
    log_q, log_p = F.log_softmax(student, dim=-1), F.log_softmax(teacher.to(student.dtype) / teacher_temperature, dim=-1)
    return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


class KLDistillation(nn.Module):
    """`kl_distillation` of queries and their choices, on rows that carry a teacher's scores (`data.teacher_scores`).

    temperature           of the student's similarities; 0.05 is a scale of 20
    teacher_temperature   of the teacher's scores: above 1 its second thoughts count for more
    similarity            "cosine" or "dot"
    """

    def __init__(self, temperature: float = 0.05, teacher_temperature: float = 1.0,
                 similarity: Literal["dot", "cosine"] = "cosine"):
        super().__init__()
        if min(temperature, teacher_temperature) <= 0:
            raise UserError(f"temperatures {temperature} and {teacher_temperature}: give numbers above 0")
        if similarity not in SIMILARITIES:
            raise UserError(f"similarity {similarity!r}: there are {', '.join(SIMILARITIES)}")
        self.temperature, self.teacher_temperature, self.similarity = temperature, teacher_temperature, similarity

    def check(self, labels: np.ndarray | None, choices: int) -> None:
        """Raises UserError if rows with these labels and so many choices cannot be trained on."""
        need_teacher("KLDistillation", labels, choices)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        return kl_distillation(queries, documents, batch.labels, self.temperature, self.teacher_temperature, self.similarity)
