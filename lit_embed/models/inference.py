"""Precision of embedding and scoring: float32, unless whoever opened the model said otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock, RLock
from typing import Literal, get_args
from weakref import WeakKeyDictionary

import torch
from torch import nn

from lit_embed.distributed import is_sharded
from lit_embed.errors import UserError
from lit_embed.models.backbone import evaluating
from lit_embed.models.cpu_linear import prepared

Precision = Literal["float32", "bfloat16", "float16"]
MANY = 16               # texts from which laying out the weights pays
_TURNS: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()
_NEW_TURN = Lock()


@contextmanager
def inferring(model: nn.Module, precision: Precision, device: torch.device, texts: int = 0) -> Iterator[None]:
    """Eval mode without gradient, products of matrices in `precision`; float32 leaves a precision set around it as it is.

    texts   how many will come: for many of them the weights are laid out first

    Raises
        UserError   no such precision, or weights that are spread over several processes
    """
    if is_sharded(model):
        raise UserError("the weights of this model are sharded over the processes of its training run: use the folder "
                        "<run>/model that it leaves")
    if precision not in get_args(Precision):
        raise UserError(f"precision {precision!r}: there are {', '.join(get_args(Precision))}")
    half = nullcontext() if precision == "float32" else torch.autocast(device.type, getattr(torch, precision))
    around = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
    dtype = around if precision == "float32" else getattr(torch, precision)
    # One thread at a time: the mode of a model and the layout of its weights are its own, not the thread's.
    with _turn(model), evaluating(model), half, prepared(model, dtype) if texts >= MANY else nullcontext():
        yield


def _turn(model: nn.Module) -> RLock:
    with _NEW_TURN:
        return _TURNS.setdefault(model, RLock())
