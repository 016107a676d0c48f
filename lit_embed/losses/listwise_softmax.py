"""Listwise softmax: the answer against its own hard negatives. Where a list of candidates is re-ranked, this trains the order."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision


@in_full_precision
def listwise_softmax(logits: Tensor) -> Tensor:
    """Cross-entropy of choosing the first of C choices, called localized contrastive estimation (Gao et al. 2021,
    arXiv 2101.08751).

    logits    (B, C)   one of each query and choice; the first answers the query
    returns   ()       mean over the B queries
    """
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


class ListwiseSoftmax(nn.Module):
    """`listwise_softmax` of a scorer with one logit, on answers and their negatives."""

    def check(self, labels: np.ndarray | None, choices: int, num_labels: int) -> None:
        """Raises UserError if rows with these labels (N,) and so many choices cannot be trained on."""
        if num_labels != 1:
            raise UserError(f"ListwiseSoftmax compares one logit of each choice, model.encoder.num_labels is {num_labels}")
        if labels is not None:
            raise UserError("ListwiseSoftmax takes questions with answers and negatives, but the training pairs have labels: "
                            "use BinaryRelevance or PairClassification")
        if choices == 1:
            raise UserError("ListwiseSoftmax has nothing to choose from: give each question negatives with "
                            "`data.negatives` or `data.random_negatives`")

    def forward(self, logits: Tensor, batch: PairBatch) -> Tensor:                     # (B, C, 1) -> ()
        return listwise_softmax(logits.squeeze(-1))
