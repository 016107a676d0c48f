"""Linear layers in float32 through oneDNN: torch takes MKL, which keeps AVX-512 for its maker's own processors, and on an
AMD EPYC oneDNN is 1.9 to 2.4 times as fast. The same products in float32, added up in another order."""

import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.activations import GELUActivation

FEW = 16            # rows below which the call itself costs more than is won
ROWS = 2_048        # for which `prepared` lays weights out; other numbers work with the same layout


@cache
def onednn_is_faster() -> bool:
    """On this machine, for float32: an AVX-512 processor for which MKL has no path of its own, and a torch with both."""
    return (platform.machine() in ("x86_64", "AMD64") and torch.backends.mkl.is_available()
            and torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"
            and hasattr(torch.ops.mkldnn, "_linear_pointwise") and "GenuineIntel" not in vendor())


def vendor() -> str:
    """The processor's maker as it calls itself."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line for line in lines if line.startswith("vendor_id")), platform.processor())


class Linear(nn.Linear):
    """torch's module, with products by oneDNN where they are float32, on a CPU, and more than a few rows."""

    ready: tuple[Tensor, Tensor | None, str] | None = None    # weight and bias as oneDNN likes them, and what follows, while
    #                                                           `prepared` lasts

    def forward(self, x: Tensor) -> Tensor:
        if x.size(-1) != self.in_features:
            return super().forward(x)                             # torch's message names the shapes
        if self.ready is not None and not torch.is_grad_enabled():
            return product(x.to(self.ready[0].dtype).flatten(0, -2), *self.ready).unflatten(0, x.shape[:-1])
        if (x.device.type != "cpu" or x.dtype != torch.float32 or self.weight.dtype != torch.float32
                or x.numel() < FEW * self.in_features or torch.is_autocast_enabled("cpu")
                or torch.compiler.is_compiling() or torch.jit.is_tracing() or not onednn_is_faster()):
            return super().forward(x)
        return _Linear.apply(x.flatten(0, -2), self.weight, self.bias).unflatten(0, x.shape[:-1])


@contextmanager
def prepared(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Weights cast to `dtype` and laid out for its products once, instead of in every pass; they must not change meanwhile.

    Only where oneDNN computes such a product anyway; elsewhere nothing happens.
    """
    layers = [part for part in model.modules() if type(part) is Linear and part.weight.device.type == "cpu"
              and part.weight.dtype == torch.float32] if _lays_out(dtype) else []
    with ExitStack() as afterwards:
        followed = {part.dense: afterwards.enter_context(_without(part)) for part in model.modules()
                    if layers and type(getattr(part, "intermediate_act_fn", None)) is GELUActivation and getattr(part, "dense", None) in layers}
        for layer in layers:
            afterwards.callback(setattr, layer, "ready", None)
            weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().to(dtype), ROWS)
            layer.ready = weight, None if layer.bias is None else layer.bias.detach().to(dtype), followed.get(layer, "none")
        yield


def _lays_out(dtype: torch.dtype) -> bool:
    """Whether products of this type run in oneDNN, in a version that takes weights laid out before."""
    return (hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
            and (onednn_is_faster() if dtype == torch.float32 else torch.ops.mkldnn._is_mkldnn_bf16_supported()
                 and dtype == torch.bfloat16))


@contextmanager
def _without(part: nn.Module) -> Iterator[str]:
    """The activation of a feed-forward layer left out, since the product before applies it on its way."""
    kept, part.intermediate_act_fn = part.intermediate_act_fn, nn.Identity()
    try:
        yield "gelu"
    finally:
        part.intermediate_act_fn = kept


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:        # (M, I), (O, I), (O,) -> (M, O)
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        grad = grad.contiguous()                                  # one that a sum expanded has no rows of its own
        return (product(grad, weight.t()) if of_x else None,
                _of_weight(grad, x) if of_weight else None,
                grad.sum(0) if of_bias else None)


def _of_weight(grad: Tensor, x: Tensor) -> Tensor:
    """grad^T x, (O, I). oneDNN copies the first factor when it is transposed, so the narrower one stands there."""
    if grad.size(1) <= x.size(1):
        return product(grad.t(), x.t())
    return product(x.t(), grad.t()).t().contiguous()


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None, after: str = "none") -> Tensor:
    """(M, I) and (O, I) -> x weight^T + bias, or its GELU (after="gelu"), (M, O)"""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, after, [], "none")


def with_fast_linear(model: nn.Module) -> nn.Module:
    """The same model; its linear layers become the ones above, with the parameters they have."""
    for part in model.modules():
        if type(part) is nn.Linear:
            part.__class__ = Linear
    return model
