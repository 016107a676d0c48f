"""CoSENT: pairs that people call more alike shall have the higher cosine. Only the order of the scores counts."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch
from lit_embed.distributed import gather, gather_with_grad
from lit_embed.errors import UserError
from lit_embed.losses.check_labels import need_scores
from lit_embed.losses.full_precision import in_full_precision


@in_full_precision
def cosent(first: Tensor, second: Tensor, target: Tensor, scale: float = 20.0) -> Tensor:
    """log(1 + sum of exp(scale * (cos_j - cos_i)) over all i, j with target_i > target_j), over the pairs of all processes.

    Su 2022 (https://kexue.fm/archives/8847), whose lambda is `scale`.

    first, second   (B, D)
    target          (B,)   higher where the two are more alike
    returns         ()     no mean: the same on every process, 0 if no target is above another. B must be equal on all processes

    Every process holds this one loss of the whole batch. The gather sums the gradient over processes and
    DistributedDataParallel averages it: W times a W-th, so that nothing is to be scaled.
    """
    cosines = gather_with_grad(F.cosine_similarity(first, second, dim=-1))               # (W*B,)
    target, order = gather(target).sort()                                                # (W*B,) lowest first
    logits = scale * cosines[order]
    # All j below i stand before it, so their exponentials are one running sum: no matrix of pairs of pairs.
    sums = logits.logcumsumexp(dim=0)
    below = torch.searchsorted(target, target)                                           # (W*B,) targets below each
    some = below > 0
    terms = sums[below[some] - 1] - logits[some]                                         # (P,) one for each such i
    return torch.cat([terms.new_zeros(1), terms]).logsumexp(dim=0)


class CoSENT(nn.Module):
    """`cosent` of queries and their documents on the batch's scores.

    scale   what differences of cosines are multiplied by, the inverse of a temperature
    """

    def __init__(self, scale: float = 20.0):
        super().__init__()
        if scale <= 0:
            raise UserError(f"scale {scale}: give a number above 0, such as 20")
        self.scale = scale

    def check(self, labels: np.ndarray | None, choices: int) -> None:
        """Raises UserError if rows with these labels and so many choices cannot be trained on."""
        need_scores("CoSENT", labels)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        return cosent(queries, documents[:, 0], batch.labels, self.scale)
