"""Work for a certificate under gathers that are wrong in ways that have been published."""

import torch

from lit_embed import distributed
from lit_embed.run.certificate import work

RIGHT = distributed._Gather.backward


def own_rows_only(*arguments):
    """What other processes' losses say of my documents is lost."""
    distributed._Gather.backward = staticmethod(lambda ctx, grad: _mine(grad))
    work(*arguments)


def without_gradient(*arguments):
    distributed._Gather.backward = staticmethod(lambda ctx, grad: torch.zeros_like(_mine(grad)))
    work(*arguments)


def mean_instead_of_sum(*arguments):
    distributed._Gather.backward = staticmethod(lambda ctx, grad: RIGHT(ctx, grad) / distributed.world_size())
    work(*arguments)


def _mine(grad: torch.Tensor) -> torch.Tensor:
    return grad.chunk(distributed.world_size())[distributed.rank()]
