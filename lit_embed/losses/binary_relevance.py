"""Binary relevance: does this document answer this query, yes or no? The loss of most published cross-encoders."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision


@in_full_precision
def binary_relevance(logits: Tensor, labels: Tensor | None = None) -> Tensor:
    """Cross-entropy of the sigmoid of each logit (Nogueira and Cho 2019, arXiv 1901.04085), as a mean.

    logits    (B, C)   one of each query and choice
    labels    (B,)     how true the first choice is, 0..1; None: 1. The other choices are wrong
    returns   ()       mean over the B*C pairs
    """
    targets = logits.new_zeros(logits.shape)                                           # (B, C)
    targets[:, 0] = 1 if labels is None else labels
    return F.binary_cross_entropy_with_logits(logits, targets)


class BinaryRelevance(nn.Module):
    """`binary_relevance` of a scorer with one logit, on labelled pairs or on answers and their negatives."""

    def check(self, labels: np.ndarray | None, choices: int, num_labels: int) -> None:
        """Raises UserError if rows with these labels (N,) and so many choices cannot be trained on."""
        if num_labels != 1:
            raise UserError(f"BinaryRelevance trains one logit, model.encoder.num_labels is {num_labels}: use "
                            "PairClassification for classes")
        if labels is None and choices == 1:
            raise UserError("every training pair is a true one, so there is nothing to tell apart: set "
                            "`data.random_negatives: 1`, give hard negatives (`data.negatives`) or labels (`data.label`)")
        if labels is not None and labels.ndim == 2:
            raise UserError("BinaryRelevance learns from answers and labels, not from a teacher's scores: leave out "
                            "`data.teacher_scores`")
        if labels is not None and len(labels) and not 0 <= labels.min() <= labels.max() <= 1:
            raise UserError(f"the labels of the training pairs go from {labels.min():g} to {labels.max():g}, but those of "
                            "BinaryRelevance from 0 to 1: for classes set `model.encoder.num_labels`, for scores "
                            "`data.score_range`")

    def forward(self, logits: Tensor, batch: PairBatch) -> Tensor:                     # (B, C, 1) -> ()
        return binary_relevance(logits.squeeze(-1), batch.labels)
