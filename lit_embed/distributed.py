"""The only file that talks to other processes. Without a process group every function is that of one process."""

import torch
import torch.distributed as dist
from torch import Tensor


def in_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    return dist.get_rank() if in_group() else 0


def world_size() -> int:
    return dist.get_world_size() if in_group() else 1


def barrier() -> None:
    if in_group():
        dist.barrier()


def gather(x: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks; no gradient.  (B, ...) -> (W*B, ...)"""
    if world_size() == 1:
        return x
    x = x.detach().contiguous()
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x)
    return torch.cat(parts)


def gather_with_grad(x: Tensor) -> Tensor:
    """The rows of all processes; the gradient of a row is the sum over all processes' losses.  (B, ...) -> (W*B, ...)

    With a loss that is a mean over this process's rows, and DistributedDataParallel averaging over processes,
    the parameters get exactly the gradient of one process holding the whole batch. B must be equal everywhere.
    """
    return x if world_size() == 1 else _Gather.apply(x)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:                    # (B, ...) -> (W*B, ...)
        return gather(x)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:                # (W*B, ...) -> (B, ...)
        # The copy is made contiguous on purpose: gloo scrambles strided tensors (pytorch issue 192920).
        grad = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(grad)
        return grad.chunk(world_size())[rank()]


def gather_examples(index: Tensor, values: Tensor, total: int) -> Tensor:
    """Every example once, in the order of its index, however the processes shared them out.

    index     (n,)       which of the `total` examples this process holds; n may differ between processes, repeats are dropped
    values    (n, ...)   what was computed for each
    returns   (total, ...) on every process
    raises    ValueError  if an example is held by no process
    """
    index, values = _gather_uneven(index), _gather_uneven(values)
    result = values.new_empty((total, *values.shape[1:]))
    seen = torch.zeros(total, dtype=torch.bool, device=index.device)
    result[index], seen[index] = values, True
    if not seen.all():
        raise ValueError(f"example {int((~seen).nonzero()[0])} of {total} was computed by no process")
    return result


def _gather_uneven(x: Tensor) -> Tensor:                      # (n, ...) -> (sum of n, ...)
    if world_size() == 1:
        return x
    sizes = gather(torch.tensor([len(x)], device=x.device)).tolist()
    padded = x.new_zeros((max(sizes), *x.shape[1:]))
    padded[: len(x)] = x
    parts = gather(padded).split(max(sizes)) if max(sizes) else [x] * len(sizes)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
