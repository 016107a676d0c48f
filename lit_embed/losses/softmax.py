"""Softmax classification of text pairs, the objective of the first sentence encoders trained on inference data."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision

# What may stand in a concatenation, in the names of the paper's ablation (table 6).
PARTS = {"u": lambda u, v: u, "v": lambda u, v: v, "|u-v|": lambda u, v: (u - v).abs(), "u*v": lambda u, v: u * v}


@in_full_precision
def softmax_classification(first: Tensor, second: Tensor, labels: Tensor, weight: Tensor, bias: Tensor | None = None,
                           concatenation: str = "u,v,|u-v|") -> Tensor:
    """Cross-entropy of a linear classifier on (u, v, |u - v|) (Reimers and Gurevych 2019, arXiv 1908.10084, section 3).

    first, second   (B, D)     u and v
    labels          (B,)       class of each pair, 0..K-1
    weight, bias    (K, P*D), (K,)   P parts in the concatenation
    returns         ()         mean over the B pairs
    """
    features = torch.cat([PARTS[part](first, second) for part in concatenation.split(",")], dim=-1)    # (B, P*D)
    return F.cross_entropy(F.linear(features, weight, bias), labels)


class SoftmaxClassification(nn.Module):
    """`softmax_classification` with its classifier, which trains with the encoder and is thrown away after.

    classes         K
    concatenation   parts among u, v, |u-v|, u*v, joined by commas

    Raises
        UserError   a part that is none of these
    """

    def __init__(self, classes: int = 3, concatenation: str = "u,v,|u-v|"):
        super().__init__()
        self.classes, self.concatenation = classes, concatenation.replace(" ", "")
        if unknown := [part for part in self.concatenation.split(",") if part not in PARTS]:
            raise UserError(f"concatenation: {unknown[0]!r} is none of {', '.join(PARTS)}")

    def build(self, width: int) -> None:
        """The classifier for embeddings of `width`; the module that brings encoder and loss together calls this."""
        self.classifier = nn.Linear(width * len(self.concatenation.split(",")), self.classes)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        weight, bias = self.classifier.weight, self.classifier.bias
        return softmax_classification(queries, documents[:, 0], batch.labels, weight, bias, self.concatenation)
