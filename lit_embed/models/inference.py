"""Precision of embedding and scoring: float32, unless whoever opened the model said otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal, get_args

import torch
from torch import nn

from lit_embed.errors import UserError
from lit_embed.models.backbone import evaluating

Precision = Literal["float32", "bfloat16", "float16"]


@contextmanager
def inferring(model: nn.Module, precision: Precision, device: torch.device) -> Iterator[None]:
    """Eval mode without gradient, products of matrices in `precision`; float32 leaves a precision set around it as it is.

    Raises
        UserError   no such precision
    """
    if precision not in get_args(Precision):
        raise UserError(f"precision {precision!r}: there are {', '.join(get_args(Precision))}")
    half = nullcontext() if precision == "float32" else torch.autocast(device.type, getattr(torch, precision))
    with evaluating(model), half:
        yield
