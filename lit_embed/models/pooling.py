"""From token vectors to one vector a text: four functions on texts laid end to end, (S, D), (N,) -> (N, D).

Each runs in float32 or wider whatever comes in, since a mean in half precision loses what the backbone computed;
a text without tokens gets zeros.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def mean(hidden: Tensor, lengths: Tensor) -> Tensor:
    """The average of a text's token vectors (Reimers and Gurevych 2019, arXiv 1908.10084, section 3)."""
    total = hidden.new_zeros(len(lengths), hidden.size(1)).index_add(0, _owner(hidden, lengths), hidden)    # (N, D)
    return total / lengths.clamp(min=1).to(hidden.device).unsqueeze(1)


def cls(hidden: Tensor, lengths: Tensor) -> Tensor:
    """The first token of each text."""
    return _token(hidden, lengths, lengths.cumsum(0) - lengths)


def max(hidden: Tensor, lengths: Tensor) -> Tensor:                                     # noqa: A001
    """The largest value of each coordinate over a text's tokens."""
    owner = _owner(hidden, lengths).unsqueeze(1).expand_as(hidden)                      # (S, D)
    start = hidden.new_zeros(len(lengths), hidden.size(1))                              # (N, D)
    return start.scatter_reduce(0, owner, hidden, "amax", include_self=False)


def last(hidden: Tensor, lengths: Tensor) -> Tensor:
    """The last token of each text, the only one that has seen all of it in a decoder."""
    return _token(hidden, lengths, lengths.cumsum(0) - 1)


def _owner(hidden: Tensor, lengths: Tensor) -> Tensor:                                  # (S,) which text a token is of
    return torch.arange(len(lengths)).repeat_interleave(lengths).to(hidden.device, non_blocking=True)


def _token(hidden: Tensor, lengths: Tensor, places: Tensor) -> Tensor:
    places = places.clamp(0, len(hidden) - 1).to(hidden.device, non_blocking=True)
    return hidden[places] * (lengths > 0).to(hidden).unsqueeze(1)


POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mean": mean, "cls": cls, "max": max, "last": last}


def pool(hidden: Tensor, lengths: Tensor, pooling: str) -> Tensor:
    """(S, D) token vectors, (N,) lengths on the host -> (N, D) in float32 (float64 stays)."""
    if not len(lengths):
        return hidden.new_zeros(0, hidden.size(1)).float()
    if not len(hidden):
        return hidden.new_zeros(len(lengths), hidden.size(1)).float()
    return POOLINGS[pooling](hidden if hidden.dtype == torch.float64 else hidden.float(), lengths.long())
