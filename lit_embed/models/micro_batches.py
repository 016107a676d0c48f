"""Many texts through a model in several passes: alike in length, under a budget of tokens, with the gradient of one pass."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from lit_embed.distributed import largest
from lit_embed.errors import UserError
from lit_embed.models.token_budget import Recompute


def micro_batches(lengths: Tensor, max_tokens: int, packed: bool) -> Iterator[Tensor]:
    """Places of texts alike in length, the shortest first, whose slots (padding included, if any) are max_tokens at most.

    lengths   (N,) on the host
    packed    texts run end to end, so that a text costs its own tokens; otherwise it costs those of the longest
    """
    order = lengths.argsort(stable=True)                                               # (N,)
    start, slots = 0, 0
    for place, length in enumerate(lengths[order].tolist()):
        slots = slots + length if packed else (place - start + 1) * length
        if slots > max_tokens and place > start:
            yield order[start:place]
            start, slots = place, length
    if start < len(order):
        yield order[start:]


def as_many(places: list[Tensor], parts: int) -> list[Tensor]:
    """The same places in so many parts, those with the most texts halved; with fewer texts than parts one comes twice."""
    places = list(places)
    while len(places) < parts:
        widest = max(range(len(places)), key=lambda i: len(places[i]))
        half = len(places[widest]) // 2
        places[widest:widest + 1] = [places[widest][:half], places[widest][half:]] if half else [places[widest]] * 2
    return places


def in_micro_batches(run: Callable[[Tensor], Tensor], lengths: Tensor, max_tokens: int, packed: bool,
                     recompute: Recompute = "auto", in_step: bool = False) -> Tensor:
    """The rows of all N texts (one at least) in their order, computed part by part: run(places (n,)) -> (n, ...).

    recompute   auto: where there are several parts, each is computed again in backward; always: a single one too;
                never: the activations of all parts are kept; layers: as auto, and the layers of a part do so one by one
    in_step     as many parts on every process, where a part needs all of them: each gathers the sharded weights

    Recomputing part by part in backward is GradCache (Gao et al. 2021, arXiv 2101.06983) in one line: the
    activations of one part live at a time, and dropout is replayed.
    """
    places = list(micro_batches(lengths, max_tokens, packed))
    if in_step:
        places = as_many(places, largest(len(places)))
    again = recompute == "always" or recompute in ("auto", "layers") and len(places) > 1
    if not again or not torch.is_grad_enabled():
        parts = [run(part) for part in places]
    else:
        parts = [checkpoint(run, part, use_reentrant=False) for part in places]
    order = torch.cat(places)                                                          # (N,)
    back = order.new_empty(len(lengths)).index_copy(0, order, torch.arange(len(order)))
    return torch.cat(parts)[back.to(parts[0].device, non_blocking=True)]


def recompute_layers(backbone: PreTrainedModel) -> None:
    """From now on a layer keeps its input in training and nothing else, and computes again in backward.

    Raises
        UserError   the architecture cannot
    """
    if not backbone.supports_gradient_checkpointing:
        raise UserError(f"recompute layers: {type(backbone).__name__} cannot; there are auto, always and never")
    backbone.activation_checkpointing_enable({"use_reentrant": False})
