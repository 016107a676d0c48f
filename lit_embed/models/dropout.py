"""Dropout on a CPU at a tenth of the cost: torch draws one random number an element there, this draws one for four.

A random 64-bit integer is four lanes of sixteen bits, and each lane decides over one element; zeroing is an AND with
the element's bits. The numbers come from torch's own generator, so that recomputation replays them and a resumed run
goes on with them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

BITS = 15                                             # of a lane; its sign is left for the comparison
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """As torch.nn.functional.dropout; on a CPU p counts in steps of 2 ** -15, and both differ in what is dropped."""
    if not training or not 0 < p < 1 or x.device.type != "cpu":
        return F.dropout(x, p, training)
    return _Dropout.apply(x, p)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, p: float) -> Tensor:
        kept = kept_bits(x.numel(), p).view(x.shape)
        ctx.save_for_backward(kept)
        ctx.p = p
        return drop(x, kept, p)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        return drop(grad, *ctx.saved_tensors, ctx.p), None


def kept_bits(count: int, p: float) -> Tensor:
    """(count,) int16: all bits set where an element stays, with probability 1 - p, none where it goes."""
    lanes = torch.empty(-(-count // 4), dtype=torch.int64).random_(-2**63, None).view(torch.int16)[:count]
    # A lane of 0 .. 2^15 - 1 minus the share that stays is negative where it stays; the shift spreads the sign.
    return lanes.bitwise_and_(2**BITS - 1).sub_(round((1 - p) * 2**BITS)).bitwise_right_shift_(BITS)


def drop(x: Tensor, kept: Tensor | None, p: float) -> Tensor:
    """x / (1 - p) where it stays, 0 where it goes; kept (x.shape) from kept_bits, None for everything."""
    if kept is None:
        return x
    integers = INTEGERS[x.element_size()]
    return (x.contiguous().view(integers) & kept.to(integers)).view(x.dtype).mul_(1 / (1 - p))


class Dropout(nn.Dropout):
    """torch's module with the function above."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)


def with_fast_dropout(model: nn.Module) -> nn.Module:
    """The same model, each of its dropout layers replaced."""
    for part in list(model.modules()):
        for name, child in part.named_children():
            if type(child) is nn.Dropout:
                setattr(part, name, Dropout(child.p))
                part.get_submodule(name).train(child.training)
    return model
