"""The variable-length kernels of CUDA: attention on texts laid end to end, without even temporary padding."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lit_embed.models.packed_attention import Segments


def varlen_attention(q: Tensor, k: Tensor, v: Tensor, segments: "Segments", scaling: float, dropout: float,
                     causal: bool, window: int | None) -> Tensor | None:
    """(S, heads, d) three times -> (S, heads, d), or None where no such kernel fits and the caller pads groups.

    flash-attn's kernel is taken when it is installed, since it alone knows dropout; torch's own otherwise.
    Both want CUDA and half precision. A window counts the tokens in reach including the token itself.
    """
    if not q.is_cuda or q.dtype not in (torch.float16, torch.bfloat16):
        return None
    reach = -1 if window is None else window - 1
    sides = (reach, 0 if causal else reach)
    flash_attention = _flash_attn()
    if flash_attention is not None:
        return flash_attention(q, k, v, segments.cumulative, segments.cumulative, segments.longest, segments.longest,
                               dropout_p=dropout, softmax_scale=scaling, causal=causal, window_size=sides)
    if dropout:
        return None
    from torch.nn.attention.varlen import varlen_attn
    return varlen_attn(q, k, v, segments.cumulative, segments.cumulative, segments.longest, segments.longest,
                       scale=scaling, window_size=sides, enable_gqa=q.size(1) != k.size(1))


def _flash_attn():
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        return None
    return flash_attn_varlen_func
