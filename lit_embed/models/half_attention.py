"""Attention in half precision on a CPU, forward and backward by hand: the fused kernel's backward is slow there for
short texts, and autograd would keep the shares in float32, twice the memory that they take here."""

from itertools import repeat

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lit_embed.models.dropout import drop, kept_bits

CACHED = 2**20  # shares that a processor core's cache holds
LONG = 64       # keys from which torch's half-precision softmax is faster than one widened to float32


def half_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scaling: float, p: float) -> Tensor:
    """softmax(q k^T * scaling) v, with a share p of the softmax dropped.

    q, k, v   (n, heads, T, d) in bfloat16 or float16
    mask      (n or 1, 1, 1 or T, T) True where a query may look, None for everywhere
    returns   (n, heads, T, d)
    """
    if torch.is_grad_enabled():
        return _Attention.apply(q, k, v, mask, scaling, p)
    # Without a gradient nothing is kept, and the shares of a few texts at a time stay in the processor's cache.
    few = max(1, CACHED // (q.size(1) * q.size(2) * k.size(2)))
    parts = zip(*(x.split(few) for x in (q, k, v)), mask.split(few) if mask is not None and len(mask) == len(q) else repeat(mask))
    return torch.cat([_Attention.apply(*part, scaling, p) for part in parts])


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scaling: float, p: float) -> Tensor:
        scores = torch.matmul(q * scaling, k.transpose(-1, -2))                        # (n, heads, T, T)
        if mask is not None:               # adding costs a tenth of filling in place
            scores += torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, torch.finfo(scores.dtype).min)
        shares = _softmax(scores)
        kept = kept_bits(shares.numel(), p).view(shares.shape) if p else None
        ctx.save_for_backward(q, k, v, shares, kept)
        ctx.scaling, ctx.p = scaling, p
        return torch.matmul(drop(shares, kept, p), v)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:                      # (n, heads, T, d)
        q, k, v, shares, kept = ctx.saved_tensors
        of_v = torch.matmul(drop(shares, kept, ctx.p).transpose(-1, -2), grad)
        of_shares = drop(torch.matmul(grad, v.transpose(-1, -2)), kept, ctx.p)         # (n, heads, T, T)
        of_scores = _softmax_backward(of_shares, shares)
        of_q = torch.matmul(of_scores, k).mul_(ctx.scaling)
        of_k = torch.matmul(of_scores.transpose(-1, -2), q * ctx.scaling)
        return of_q, of_k, of_v, None, None, None


def _softmax(scores: Tensor) -> Tensor:
    """Over the last dimension; sums are float32 either way."""
    if scores.size(-1) >= LONG:
        return torch._softmax(scores, -1, False)        # torch.softmax would be widened by autocast
    return torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)


def _softmax_backward(grad: Tensor, shares: Tensor) -> Tensor:
    if shares.size(-1) >= LONG:
        return torch._softmax_backward_data(grad, shares, -1, shares.dtype)
    return torch._softmax_backward_data(grad.float(), shares.float(), -1, torch.float32).to(shares.dtype)
