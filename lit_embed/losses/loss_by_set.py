"""Each data set of a mixture has a loss of its own: the batch says which set it is from."""

import re

from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.errors import UserError


class LossBySet(nn.Module):
    """The loss that bears the name of the batch's set, times the set's weight.

    losses    one for each set, under the set's name: {sts: CosineRegression, nli: InfoNCE}
    weights   what each is multiplied by; a set that is not named here has 1

    Every parameter of every loss takes part in every step, those of other sets with a gradient of zero: a step in which
    a parameter had none would stop DistributedDataParallel, and one process would move it otherwise than two.

    Raises
        UserError   a name that is no word, a weight below 0 or of a set that has no loss; while training, a batch of a
                    set that has no loss
    """

    def __init__(self, losses: dict[str, nn.Module], weights: dict[str, float] | None = None):
        super().__init__()
        if not losses:
            raise UserError("LossBySet: name a loss for each set: losses: {sts: ..., nli: ...}")
        for name in losses:
            if not re.fullmatch(r"\w[\w-]*", name) or hasattr(nn.ModuleDict(), name):
                raise UserError(f"LossBySet: a set cannot be called {name!r}: use letters, digits and _, and no word that "
                                "Python's dictionaries use")
        for name, weight in (weights or {}).items():
            if name not in losses or weight < 0:
                raise UserError(f"LossBySet: weight {weight:g} for the set '{name}': there are {', '.join(losses)}, and no "
                                "weight is below 0")
        self.losses, self.weights = nn.ModuleDict(losses), dict(weights or {})

    @property
    def sets(self) -> list[str]:
        """Names of the sets that have a loss."""
        return list(self.losses)

    def build(self, width: int) -> None:
        """Losses with weights of their own learn the width of embeddings here."""
        for loss in self.losses.values():
            if hasattr(loss, "build"):
                loss.build(width)

    def hold_back(self) -> None:
        """Losses that keep a parameter within bounds do so, each its own."""
        for loss in self.losses.values():
            if hasattr(loss, "hold_back"):
                loss.hold_back()

    def forward(self, *inputs: Tensor | PairBatch) -> Tensor:
        """What the losses take, the batch last: (B, D), (B, C, D), PairBatch -> ()"""
        source = inputs[-1].source
        if source is None or source not in self.losses:
            what = "of no set" if source is None else f"of the set '{source}'"
            raise UserError(f"LossBySet chooses by the set of a batch and has losses for {', '.join(self.losses)}, but this "
                            f"batch is {what}: train with lit_embed.data.Mixture and the same names")
        loss = self.losses[source](*inputs) * self.weights.get(source, 1.0)
        for name, other in self.losses.items():
            if name != source:
                loss = loss + sum(0 * parameter.sum() for parameter in other.parameters())
        return loss
