"""The float32 island: similarities and log-sum-exp never run in half precision, whatever surrounds them.

A bfloat16 similarity product leaves the loss value looking right and puts its gradient off by several per cent.
"""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor


def in_full_precision(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Runs a loss outside autocast, its half-precision tensors widened to float32; float64 stays float64."""

    @wraps(loss)
    def widened(*arguments: object, **named: object) -> Tensor:
        tensors = [x for x in (*arguments, *named.values()) if isinstance(x, Tensor)]
        with torch.autocast(tensors[0].device.type, enabled=False):
            return loss(*map(_widen, arguments), **{name: _widen(x) for name, x in named.items()})

    return widened


def _widen(x: object) -> object:
    return x.float() if isinstance(x, Tensor) and x.dtype in (torch.float16, torch.bfloat16) else x
