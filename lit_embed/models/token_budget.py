"""How many tokens go through a model in one training pass: as many as their activations find room for."""

import logging
from typing import Literal
from weakref import WeakKeyDictionary

import torch
from torch import nn

log = logging.getLogger(__name__)

Recompute = Literal["auto", "always", "never", "layers"]
ON_CPU = 16_384             # small enough for the activations of a base model to fit beside it on a laptop
IN_CACHE = 2_048            # of a CPU: a fifth faster than passes of 16,384, in half the memory, where there are several anyway
SHARE = 0.7                 # of the free memory; the rest is for the loss, the largest layer's workspace and fragments
_FOUND: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()
LEAST, STEP = 1_024, 1_024  # a budget is a round number, so that a little less free memory is still the same run


def tokens_of_a_pass(encoder: nn.Module, tokens: int) -> int:
    """`encoder.max_tokens`; where that is None, what its device has room for, asked once, when it is where it is trained.

    tokens   of the whole batch
    """
    if encoder.max_tokens is not None:
        return encoder.max_tokens
    if encoder.device.type == "cpu":
        return ON_CPU if tokens <= ON_CPU else IN_CACHE
    if encoder not in _FOUND:
        _FOUND[encoder] = token_budget(encoder.backbone, encoder.device)
    return _FOUND[encoder]


def token_budget(backbone: nn.Module, device: torch.device) -> int:
    """Tokens of one pass on this device: what free memory holds on a GPU, a fixed number elsewhere."""
    if device.type != "cuda":
        return ON_CPU
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    half = torch.is_autocast_enabled("cuda") or backbone.dtype in (torch.bfloat16, torch.float16)
    again = getattr(backbone, "is_activation_checkpointing", False)
    tokens = fitting(free - missing(backbone), backbone.config, 2 if half else 4, again)
    log.info("max_tokens: %d tokens in one pass, from %.1f GB of free memory", tokens, free / 1e9)
    return tokens


def missing(backbone: nn.Module) -> int:
    """Bytes that training will still ask for: gradients, and AdamW's two averages, of the parameters that are trained."""
    return sum((3 - (p.grad is not None)) * p.numel() * p.element_size() for p in backbone.parameters() if p.requires_grad)


def fitting(free: int, config: object, bytes_per_number: int, again: bool = False) -> int:
    """Tokens whose activations take up SHARE of `free` bytes.

    A transformer layer keeps 34 bytes a token and unit of width in half precision with feed-forward layers four times as
    wide, 17 numbers of two bytes, and no attention matrix, which the variable-length kernel never stores (Korthikanti et
    al. 2022, arXiv 2205.05198, section 4.1). With `again` a layer keeps its input alone, and one at a time all of that.
    """
    width = config.hidden_size
    wider = (getattr(config, "intermediate_size", None) or 4 * width) / (4 * width)
    of_layer = width * (8 + 9 * wider)
    numbers = config.num_hidden_layers * width + of_layer if again else config.num_hidden_layers * of_layer
    tokens = int(SHARE * max(free, 0) / (numbers * bytes_per_number))
    return max(LEAST, tokens // STEP * STEP)
