"""Classification of pairs of texts, for example into entailment, neutral and contradiction."""

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision


@in_full_precision
def pair_classification(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of choosing the class of each pair (Devlin et al. 2018, arXiv 1810.04805, section 4.1).

    logits    (B, L)
    labels    (B,)     class of each pair, 0..L-1
    returns   ()       mean over the B pairs
    """
    return F.cross_entropy(logits, labels)


class PairClassification(nn.Module):
    """`pair_classification` of a scorer with one logit for each class, on labelled pairs."""

    def check(self, labels: np.ndarray | None, choices: int, num_labels: int) -> None:
        """Raises UserError if rows with these labels (N,) and so many choices cannot be trained on."""
        if num_labels < 2:
            raise UserError("PairClassification needs a logit for each class: set `model.encoder.num_labels`")
        if labels is None or not np.issubdtype(labels.dtype, np.integer):
            raise UserError("PairClassification needs training pairs with classes: name their column with `data.label` and "
                            "the classes with `data.classes`")
        if choices > 1:
            raise UserError("PairClassification takes labelled pairs as they are: no negatives, since nobody knows their class")
        if len(labels) and not 0 <= labels.min() <= labels.max() < num_labels:
            raise UserError(f"the classes of the training pairs go from {labels.min()} to {labels.max()}, but "
                            f"model.encoder.num_labels is {num_labels}")

    def forward(self, logits: Tensor, batch: PairBatch) -> Tensor:                     # (B, 1, L) -> ()
        return pair_classification(logits[:, 0], batch.labels)
