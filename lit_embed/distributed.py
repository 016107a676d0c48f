"""The only file that talks to other processes. Without a process group every function is that of one process."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from lit_embed.errors import UserError


def in_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    return dist.get_rank() if in_group() else 0


def world_size() -> int:
    return dist.get_world_size() if in_group() else 1


def barrier() -> None:
    if in_group():
        dist.barrier()


def lost_a_process(error: RuntimeError) -> bool:
    """Whether this is what gloo says when another process ended, or did not answer in time."""
    said = str(error)
    return "/gloo/" in said and any(words in said for words in ("by peer", "Broken pipe", "Timed out waiting"))


@contextmanager
def group_on_this_machine(rank: int, world: int, meeting_point: Path, timeout: float) -> Iterator[None]:
    """Inside, this process is number `rank` of `world` that talk over the loopback, by gloo.

    meeting_point   a file that does not exist yet, the same for all
    timeout         seconds after which whoever waits for another raises
    """
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    if loopback:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    dist.init_process_group("gloo", init_method=Path(meeting_point).absolute().as_uri(), rank=rank, world_size=world,
                            timeout=timedelta(seconds=timeout))
    try:
        yield
        dist.barrier()              # who leaves early closes connections that the others are still using
    finally:
        dist.destroy_process_group()


def gather(x: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks; no gradient.  (B, ...) -> (W*B, ...)

    Raises
        UserError   a process holds rows of another number or shape (on a GPU: an assertion that says so)
    """
    if world_size() == 1:
        return x
    _refuse_unequal(x)
    return _all_gather(x)


def _all_gather(x: Tensor) -> Tensor:
    x = x.detach().contiguous()
    parts = [torch.empty_like(x) for _ in range(world_size())]
    dist.all_gather(parts, x)
    return torch.cat(parts)


def _refuse_unequal(x: Tensor) -> None:
    # Unequal parts would end in a crash of the collective, in a hang or in wrong rows, without a word of why.
    # Filled and compared where x lives: neither copies to a GPU nor waits for one.
    mine = torch.stack([torch.full((), size, device=x.device) for size in x.shape])            # (dimensions of x,)
    everyones = _all_gather(mine.unsqueeze(0))                                                 # (W, dimensions of x)
    equal = (everyones == everyones[0]).all()
    advice = ("a batch must have the same shape on every process; let the loader drop an incomplete last batch and share "
              "the rows out evenly")
    if x.device.type != "cpu":
        torch._assert_async(equal, advice)
    elif not equal:
        shapes = [" x ".join(map(str, shape)) for shape in everyones.tolist()]
        other = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
        raise UserError(f"process 0 holds a batch of {shapes[0]}, process {other} one of {shapes[other]}: {advice}")


def gather_with_grad(x: Tensor) -> Tensor:
    """The rows of all processes; the gradient of a row is the sum over all processes' losses.  (B, ...) -> (W*B, ...)

    With a loss that is a mean over this process's rows, and DistributedDataParallel averaging over processes,
    the parameters get exactly the gradient of one process holding the whole batch. Raises as `gather` does.
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

    index     (n,)       which of the `total` examples this process holds; n may differ between processes, repeats are
                         dropped
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
    sizes = _all_gather(torch.tensor([len(x)], device=x.device)).tolist()
    padded = x.new_zeros((max(sizes), *x.shape[1:]))
    padded[: len(x)] = x
    parts = _all_gather(padded).split(max(sizes)) if max(sizes) else [x] * len(sizes)
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def largest(number: int) -> int:
    """The largest that any process holds."""
    if world_size() == 1:
        return number
    everyones = torch.tensor(number, device="cuda" if dist.get_backend() == "nccl" else "cpu")
    dist.all_reduce(everyones, dist.ReduceOp.MAX)
    return int(everyones)


def shard(parts: list[nn.Module], device: str) -> None:
    """Spreads the parameters of each part, the inner ones first, evenly over all processes: FSDP2, from its forward on."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device, (world_size(),))
    for part in parts:
        fully_shard(part, mesh=mesh, reshard_after_forward=True)


def is_sharded(x: Tensor | nn.Module) -> bool:
    """Whether a tensor, or any parameter of a module, is spread over the processes."""
    return any(map(is_sharded, x.parameters())) if isinstance(x, nn.Module) else hasattr(x, "full_tensor")
