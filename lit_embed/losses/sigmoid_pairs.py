"""The sigmoid loss of SigLIP: each pair of an image and a text is judged by itself, do they belong together or not?"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import ImageTextBatch, PairBatch
from lit_embed.distributed import gather_with_grad, rank
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision
from lit_embed.losses.same_text import same_text


@in_full_precision
def sigmoid_pairs(images: Tensor, texts: Tensor, scale: float | Tensor = 10.0, bias: float | Tensor = -10.0,
                  same: Tensor | None = None) -> Tensor:
    """Minus the log-likelihood of every pair (Zhai et al. 2023, arXiv 2303.15343, algorithm 1).

    images, texts   (B, D), row i of one belongs to row i of the other
    scale, bias     ()         what the cosine is multiplied by, and what is added then; learnable ones may be tensors
    same            (B, W*B)   True where a text belongs to the image though it stands in another row: such pairs are left out
    returns         ()         the sum over this process's B images and the texts of all processes, divided by B; B must be
                               equal on all processes
    """
    batch = len(images)
    everyones = gather_with_grad(texts)                                                          # (W*B, D)
    logits = F.normalize(images, dim=-1) @ F.normalize(everyones, dim=-1).T * scale + bias       # (B, W*B)
    rows = torch.arange(batch, device=images.device)
    signs = torch.full_like(logits, -1.0)                                                        # (B, W*B)
    signs[rows, rank() * batch + rows] = 1.0
    likelihoods = F.logsigmoid(signs * logits)                                                   # (B, W*B)
    if same is not None:
        likelihoods = likelihoods.masked_fill(same, 0.0)
    return -likelihoods.sum() / batch


class SigmoidPairs(nn.Module):
    """`sigmoid_pairs` of queries (images) and their answers (captions), with learnable scale and bias; hard negatives have
    no part in it.

    temperature   at the start: the cosine is divided by it, as in InfoNCE; 0.1 is a scale of 10
    bias          at the start: so low that the many wrong pairs do not outweigh the right ones
    """

    def __init__(self, temperature: float = 0.1, bias: float = -10.0):
        super().__init__()
        if temperature <= 0:
            raise UserError(f"temperature {temperature}: give a number above 0, such as 0.1")
        self.settings = {"temperature": temperature, "bias": bias}
        # (1,), since a parameter without dimensions cannot be sharded.
        self.log_scale = nn.Parameter(torch.tensor([-math.log(temperature)]))
        self.bias = nn.Parameter(torch.tensor([float(bias)]))

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch | ImageTextBatch) -> Tensor:
        same = same_text(batch.query_ids, batch.document_ids[:, :1])
        return sigmoid_pairs(queries, documents[:, 0], self.log_scale.exp().squeeze(0), self.bias.squeeze(0), same)
