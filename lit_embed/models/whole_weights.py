"""Where parameters are sharded no process can use the encoder alone: for evaluation and saving it gets a whole one."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from lit_embed.distributed import is_sharded

# What is left of an encoder without its weights, to be filled with them.
_HOLLOW: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()


def remember_whole(encoder: nn.Module) -> None:
    """To be called before the encoder is sharded: its buffers and settings are kept, of its parameters the shapes."""
    memo = {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in encoder.parameters()}
    _HOLLOW[encoder] = copy_of(encoder, memo)


def own_weights(module: nn.Module) -> dict[str, Tensor]:
    """What `module.load_state_dict` takes: layers of four bits write more into a state_dict than they read from one."""
    own = {name for name, _ in [*module.named_parameters(), *module.named_buffers()]}
    return {name: value for name, value in module.state_dict().items() if name in own}


def copy_of(encoder: nn.Module, memo: dict[int, object]) -> nn.Module:
    """A copy that shares the tokenizer, and whatever else `memo` puts in the place of a part, by the part's id."""
    if hasattr(encoder, "tokenizer"):                        # large, and nothing changes it
        memo[id(encoder.tokenizer)] = encoder.tokenizer
    return copy.deepcopy(encoder, memo)


@contextmanager
def whole(module: nn.Module) -> Iterator[None]:
    """Inside, `module.encoder` has all its weights on every process; all must enter, and each may then use it alone.

    A sharded encoder is replaced by a copy, which costs the memory of its weights, not of gradients or an optimizer,
    for as long as it lasts. What is done to the weights of the copy is gone with it. Any other encoder stays itself.
    """
    sharded = getattr(module, "encoder", None)
    if not isinstance(sharded, nn.Module) or not is_sharded(sharded):
        yield
        return
    module.encoder = _gathered(sharded)
    try:
        yield
    finally:
        module.encoder = sharded


@torch.no_grad()
def _gathered(sharded: nn.Module) -> nn.Module:
    hollow, weights = _HOLLOW[sharded], sharded.state_dict()
    # Cloned: with one process the whole tensor is the shard itself.
    filled = {id(p): nn.Parameter(weights[name].full_tensor().clone(), p.requires_grad)
              for name, p in hollow.named_parameters()}
    return copy_of(hollow, filled).to(next(iter(weights.values())).device)
