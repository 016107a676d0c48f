"""How large is the gradient, parameter by parameter? Two callbacks ask, before anything is clipped."""

import torch
from torch import Tensor, nn

from lit_embed.distributed import is_sharded


def gradient_norms(module: nn.Module) -> tuple[list[str], Tensor]:
    """The names of the P parameters that have a gradient, and its norm for each in float32, the shares of all processes together.  -> P names, (P,)"""
    found = {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}
    if not found:
        return [], torch.zeros(0)
    # All in one call, as torch's own clipping does it: a kernel for each parameter would cost more than the arithmetic.
    norms = torch.stack(torch._foreach_norm(list(found.values()), 2, dtype=torch.float32))
    return list(found), norms.full_tensor() if is_sharded(norms) else norms
