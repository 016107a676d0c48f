"""A Hugging Face model as a function from Tokens to token vectors, packed where that gives the same numbers as padded."""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from lit_embed.batches import Tokens
from lit_embed.models.packed_attention import PACKED, Segments
from lit_embed.models.weights import load_weights, quietly

log = logging.getLogger(__name__)
PADDED = "sdpa"
SHORT = 256             # slots of a pass below which its kernels are quickly made


def load_backbone(backbone: str, quantization: dict[str, object] | None = None) -> PreTrainedModel:
    """The encoder alone, without a head.

    quantization   what from_pretrained takes to hold linear layers in fewer bits

    Raises
        UserError   nothing there, or no hub to take it from
    """
    model, report = load_weights(AutoModel, backbone, quantization=quantization)
    # transformers prints a page for a missing pooler, which is not used here; any other gap deserves a line.
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        log.warning("%s has no weights for %s and %d more: these start at random", backbone, missing[0], len(missing) - 1)
    # A pooler that no loss sees would leave DDP waiting for gradients that never come.
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradient; afterwards every submodule is in the mode it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def packed_inputs(tokens: Tokens, first_position: int, filler: int = 0) -> dict[str, object]:
    """What a backbone on packed attention takes: one sequence with positions that restart at each text; lengths ascending.

    filler   slots behind the last text, which nothing attends to and which attend to nothing
    """
    device, ids = tokens.ids.device, tokens.ids
    starts = tokens.lengths.cumsum(0) - tokens.lengths                                            # (N,)
    place = torch.arange(len(ids)) - starts.repeat_interleave(tokens.lengths)                     # (S,)
    if filler:
        ids, place = (torch.cat([x, x.new_zeros(filler)]) for x in (ids, place))                  # (S + filler,)
    place = (place + first_position).unsqueeze(0).to(device, non_blocking=True)
    return {"input_ids": ids.unsqueeze(0), "position_ids": place, "segments": Segments(tokens.lengths, device, filler)}


def filler(tokens: Tokens) -> int:
    """Slots behind the last text of a training pass on a CPU, at most a sixteenth of all.

    oneDNN writes and compiles a kernel for each new number of rows, which takes longer than multiplying a few more; so
    the numbers are few.
    """
    slots = len(tokens.ids)
    if tokens.ids.device.type != "cpu" or not torch.is_grad_enabled() or slots < SHORT:
        return 0
    return -slots % (1 << (slots // 16).bit_length() - 1)


def padded_inputs(tokens: Tokens, padding: int) -> dict[str, Tensor]:
    """Texts padded on the right to the longest: ids and mask, (N, T) each."""
    real = torch.arange(int(tokens.lengths.max())) < tokens.lengths.unsqueeze(1)                  # (N, T)
    real = real.to(tokens.ids.device)
    ids = torch.full(real.shape, padding, dtype=torch.long, device=real.device)
    ids[real] = tokens.ids.long()
    return {"input_ids": ids, "attention_mask": real.long()}


def run_packed(backbone: PreTrainedModel, tokens: Tokens, first_position: int) -> Tensor:
    """Lengths ascending.  -> (S, D)"""
    hidden = backbone(**packed_inputs(tokens, first_position, filler(tokens))).last_hidden_state[0]
    return hidden[:len(tokens.ids)]


def run_padded(backbone: PreTrainedModel, tokens: Tokens) -> Tensor:
    """-> (S, D), without the padding"""
    inputs = padded_inputs(tokens, backbone.config.pad_token_id or 0)
    return backbone(**inputs).last_hidden_state[inputs["attention_mask"].bool()]


def attend_padded(backbone: PreTrainedModel) -> None:
    """torch's fused attention, or the plain one for architectures that it does not fit: Gemma 2 caps its scores."""
    try:
        backbone.set_attn_implementation(PADDED)
    except ValueError:
        backbone.set_attn_implementation("eager")


def probe(backbone: PreTrainedModel, max_length: int | None = None) -> int | None:
    """The first position id with which packed equals padded on a few texts, or None: then only padding is right.

    RoBERTa and its kin count from padding_idx + 1, the others from 0. Some architectures take the packed call and
    answer with wrong numbers (relative position biases), so nothing but a comparison tells. Leaves the model
    on packed attention if that is right, on padded attention otherwise.

    max_length   of the texts to come, where it is known: a window that none of them fills needs no long text
    """
    tokens = probe_texts(backbone, max_length).to(backbone.device)
    with quietly(), evaluating(backbone):
        attend_padded(backbone)
        expected = run_padded(backbone, tokens)
        for first_position in sorted({0, (backbone.config.pad_token_id or 0) + 1}):
            if _agrees(backbone, tokens, first_position, expected):
                return first_position
        log.info("%s cannot be packed; texts are padded to similar lengths instead", type(backbone).__name__)
        attend_padded(backbone)
        return None


def _agrees(backbone: PreTrainedModel, tokens: Tokens, first_position: int, expected: Tensor) -> bool:
    if "position_ids" not in inspect.signature(backbone.forward).parameters:
        return False
    try:
        backbone.set_attn_implementation(PACKED)
        packed = run_packed(backbone, tokens, first_position)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError):   # its own attention, or none of ours
        return False
    # Products in four bits are of bf16: the same numbers in other shapes are rounded otherwise.
    near = 0.05 * float(expected.abs().max()) if getattr(backbone, "is_loaded_in_4bit", False) else 1e-4
    return packed.shape == expected.shape and bool(torch.allclose(packed, expected, rtol=1e-3, atol=near))


def probe_texts(backbone: PreTrainedModel, max_length: int | None = None) -> Tokens:
    config = backbone.config
    window = getattr(config, "sliding_window", None) or 0
    if max_length and window >= 2 * max_length:             # twice: some count a window to both sides
        window = 0
    longest = min(max(2 * window + 9, 11), (getattr(config, "max_position_embeddings", None) or 512) - 2)
    lengths = torch.tensor([2, 3, 7, longest])                                                    # ascending, uneven
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(min(10, config.vocab_size - 1), config.vocab_size, (int(lengths.sum()),), generator=generator)
    return Tokens(ids, lengths)
