"""Attention over texts laid end to end: each token sees the tokens of its own text, and no slot is padding.

Registered once with transformers under the name PACKED; a backbone set to it takes (1, S) ids with restarting
positions and a `segments=Segments(lengths)` argument, which its layers hand down to `packed_attention`.
"""

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from lit_embed.models.dropout import dropout as fast_dropout
from lit_embed.models.half_attention import half_attention
from lit_embed.models.varlen import varlen_attention

PACKED = "lit_embed_packed"
# Padding inside one group of texts may cost this share of its slots, plus a few, before a new group is cheaper.
SLACK, FEW = 1.25, 8
CHANGING = ("softcap", "s_aux", "position_bias")       # what some architectures (Gemma 2, GPT-OSS, T5) do to the scores besides
LONGEST = 1_024         # tokens of a text up to which a CPU holds the shares of all its tokens when it only infers


class Segments:
    """Where each text begins and ends in one packed sequence; made once a micro-batch, shared by all layers.

    lengths   (N,) on the host, ascending, so that neighbours are alike in length
    filler    slots behind the last text, of no text
    """

    def __init__(self, lengths: Tensor, device: torch.device, filler: int = 0):
        self.lengths, self.device, self.filler = lengths, device, filler
        self.longest = int(lengths.max())

    @cached_property
    def cumulative(self) -> Tensor:                                                    # (N + 1,) int32
        return F.pad(self.lengths.cumsum(0), (1, 0)).to(torch.int32).to(self.device, non_blocking=True)

    @cached_property
    def groups(self) -> list["Group"]:
        groups, texts, start = [], [], 0
        for length in self.lengths.tolist():
            if texts and length > texts[0] * SLACK + FEW:
                groups.append(Group(start, texts, self.device))
                start, texts = start + sum(texts), []
            texts.append(length)
        return groups + [Group(start, texts, self.device)]


class Group:
    """Neighbouring texts of about the same length, attended in one padded (n, heads, T, d) call."""

    def __init__(self, start: int, lengths: list[int], device: torch.device):
        self.texts, self.longest = len(lengths), lengths[-1]
        self.tokens = slice(start, start + sum(lengths))
        self.even = lengths[0] == lengths[-1]
        places = torch.arange(self.longest)                                            # (T,)
        real = places < torch.tensor(lengths).unsqueeze(1)                             # (n, T)
        self.slots = real.flatten().nonzero().squeeze(1).to(device)                    # (tokens,) place in (n * T,)
        self.keys = None if self.even else real[:, None, None, :].to(device)           # (n, 1, 1, T)

    def pad(self, x: Tensor) -> Tensor:                                  # (S, heads, d) -> (n, heads, T, d)
        x = x[self.tokens]
        if not self.even:
            x = x.new_zeros(self.texts * self.longest, *x.shape[1:]).index_copy(0, self.slots, x)
        return x.unflatten(0, (self.texts, self.longest)).transpose(1, 2)

    def unpad(self, x: Tensor) -> Tensor:                                # (n, heads, T, d) -> (tokens, heads, d)
        x = x.transpose(1, 2).flatten(0, 1)
        return x if self.even else x[self.slots]

    def mask(self, causal: bool, window: int | None) -> Tensor | None:
        """(n or 1, 1, 1 or T, T), True where a token may look; None where it may look everywhere."""
        mask = self.keys
        if causal or window is not None:
            places = torch.arange(self.longest, device=self.slots.device)
            distance = places.unsqueeze(1) - places                                    # (T, T) query minus key
            near = distance.abs() < window if window is not None else torch.ones_like(distance, dtype=torch.bool)
            allowed = near & (distance >= 0) if causal else near
            # A padding query that sees nothing would be NaN; the diagonal is always allowed.
            mask = allowed if mask is None else (allowed & mask) | torch.eye(self.longest, dtype=torch.bool, device=near.device)
        return mask


def packed_attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: None = None,
                     scaling: float | None = None, dropout: float = 0.0, sliding_window: int | None = None,
                     is_causal: bool | None = None, segments: Segments | None = None, **others) -> tuple[Tensor, None]:
    """transformers' attention signature: query (1, heads, S, d), key and value (1, key heads, S, d) -> (1, S, heads, d)."""
    if segments is None:
        raise ValueError("this backbone does not hand `segments` down to its attention")
    if unknown := [name for name in CHANGING if others.get(name) is not None]:
        raise ValueError(f"packed attention knows no {unknown[0]}")       # too small in random weights for the probe to see
    causal = is_causal if is_causal is not None else getattr(module, "is_causal", False)
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))                      # (S, heads, d)
    dropout = dropout if module.training else 0.0
    scaling = scaling if scaling is not None else q.size(-1) ** -0.5
    out = varlen_attention(q, k, v, segments, scaling, dropout, causal, sliding_window)
    if out is None:
        repeat = q.size(1) // k.size(1)                                                # grouped key/value heads
        k, v = (x.repeat_interleave(repeat, dim=1) if repeat > 1 else x for x in (k, v))
        out = [group.unpad(_attend(*map(group.pad, (q, k, v)), group.mask(causal, sliding_window), scaling, dropout))
               for group in segments.groups]
        if segments.filler:
            out.append(out[0].new_zeros(segments.filler, *out[0].shape[1:]))
        out = torch.cat(out)                                                           # (S, heads, d)
    return out.unsqueeze(0), None


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scaling: float, dropout: float) -> Tensor:
    half = q.dtype in (torch.bfloat16, torch.float16)
    if q.is_cuda or not dropout and not half or q.size(-2) > LONGEST and not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, scale=scaling)
    if half:                                                      # 1.3 to 2 times as fast as torch's at every length
        return half_attention(q, k, v, mask, scaling, dropout)
    scores = torch.matmul(q, k.transpose(-1, -2)) * scaling                            # (n, heads, T, T)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.matmul(fast_dropout(torch.softmax(scores, dim=-1), dropout), v)


def no_mask(*_, **__) -> None:
    """transformers asks for a mask before the layers run; packed attention needs none."""


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, no_mask)
