"""Matryoshka: any loss on the first numbers of the embeddings too, so that they can be cut short after training."""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError


def matryoshka(losses: list[nn.Module], sizes: list[int], weights: list[float], queries: Tensor, documents: Tensor,
               batch: PairBatch) -> Tensor:
    """Sum over sizes m of weight_m * loss_m(the first m numbers) (Kusupati et al. 2022, arXiv 2205.13147, equation 1).

    losses      one for each size: forward(queries, documents, batch) -> ()
    queries     (B, D)
    documents   (B, C, D)
    """
    terms = [weight * loss(queries[..., :size], documents[..., :size], batch)
             for loss, size, weight in zip(losses, sizes, weights, strict=True)]
    return torch.stack(terms).sum()


class Matryoshka(nn.Module):
    """`matryoshka` of a loss, of which every size has its own copy: a classifier of its width, its own temperature.

    loss      on embeddings, as BiEncoder takes it
    sizes     widths to train, all at most that of the encoder; name the whole width too, or it is left to chance
    weights   of each size; None: 1 each, as in the paper

    Raises
        UserError   sizes or weights that say nothing
    """

    def __init__(self, loss: nn.Module, sizes: list[int], weights: list[float] | None = None):
        super().__init__()
        if not sizes or min(sizes) < 1 or len(set(sizes)) < len(sizes):
            raise UserError(f"sizes {sizes}: give different widths of 1 or more, such as [384, 128, 64]")
        if weights is not None and (len(weights) != len(sizes) or min(weights) <= 0):
            raise UserError(f"weights {weights}: give a number above 0 for each of the {len(sizes)} sizes")
        self.sizes, self.weights = sizes, weights
        self.losses = nn.ModuleList(deepcopy(loss) for _ in sizes)

    @property
    def loss(self) -> nn.Module:
        """One of the copies; as they were given, all are alike."""
        return self.losses[0]

    def build(self, width: int) -> None:
        """Checks the sizes against the encoder's width; losses with weights of their own learn theirs."""
        if max(self.sizes) > width:
            raise UserError(f"Matryoshka: size {max(self.sizes)} is above the encoder's width, {width}: give sizes up to it")
        for loss, size in zip(self.losses, self.sizes):
            if hasattr(loss, "build"):
                loss.build(size)

    def check(self, labels: np.ndarray | None, choices: int) -> None:
        """Raises UserError if the loss cannot be trained on such rows."""
        if hasattr(self.loss, "check"):
            self.loss.check(labels, choices)

    def hold_back(self) -> None:
        """As the loss holds back what it learns."""
        for loss in self.losses:
            if hasattr(loss, "hold_back"):
                loss.hold_back()

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        return matryoshka(self.losses, self.sizes, self.weights or [1.0] * len(self.sizes), queries, documents, batch)
