"""A Hugging Face model as a function from Tokens to token vectors, packed where that gives the same numbers as padded."""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.utils import logging as logging_of_transformers

from lit_embed.batches import Tokens
from lit_embed.errors import UserError, first_line
from lit_embed.models.packed_attention import PACKED, Segments
from lit_embed.models.resolve import resolve

log = logging.getLogger(__name__)
PADDED = "sdpa"


def load_backbone(backbone: str) -> PreTrainedModel:
    """The weights in float32, from safetensors or PyTorch files that hold nothing but weights; never code from the Hub.

    Raises
        UserError   nothing there, or no hub to take it from
    """
    try:
        with _quiet():
            model, report = AutoModel.from_pretrained(resolve(backbone), dtype=torch.float32, trust_remote_code=False,
                                                      output_loading_info=True)
    except (OSError, ValueError) as error:
        raise UserError(f"backbone {backbone} cannot be loaded ({first_line(error)}); without a model hub, give a local folder: "
                        "--model.encoder.backbone FOLDER") from error
    # transformers prints a page for a missing pooler, which is not used here; any other gap deserves a line.
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        log.warning("%s has no weights for %s and %d more: these start at random", backbone, missing[0], len(missing) - 1)
    model.config.use_cache = False
    # A pooler that no loss sees would leave DDP waiting for gradients that never come.
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    verbosity, bar = logging_of_transformers.get_verbosity(), logging_of_transformers.is_progress_bar_enabled()
    logging_of_transformers.set_verbosity_error()
    logging_of_transformers.disable_progress_bar()
    try:
        yield
    finally:
        logging_of_transformers.set_verbosity(verbosity)
        if bar:
            logging_of_transformers.enable_progress_bar()


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


def run_packed(backbone: PreTrainedModel, tokens: Tokens, first_position: int) -> Tensor:
    """One sequence with positions that restart at each text; lengths ascending.  -> (S, D)"""
    device = tokens.ids.device
    starts = tokens.lengths.cumsum(0) - tokens.lengths                                            # (N,)
    positions = torch.arange(len(tokens.ids)) - starts.repeat_interleave(tokens.lengths) + first_position
    answer = backbone(input_ids=tokens.ids.unsqueeze(0), position_ids=positions.unsqueeze(0).to(device, non_blocking=True),
                      segments=Segments(tokens.lengths, device))
    return answer.last_hidden_state[0]


def run_padded(backbone: PreTrainedModel, tokens: Tokens) -> Tensor:
    """Texts padded on the right to the longest.  -> (S, D), without the padding"""
    real = torch.arange(int(tokens.lengths.max())) < tokens.lengths.unsqueeze(1)                  # (N, T)
    real = real.to(tokens.ids.device)
    padding = backbone.config.pad_token_id or 0
    ids = torch.full(real.shape, padding, dtype=torch.long, device=real.device)
    ids[real] = tokens.ids.long()
    return backbone(input_ids=ids, attention_mask=real.long()).last_hidden_state[real]


def probe(backbone: PreTrainedModel) -> int | None:
    """The first position id with which packed equals padded on a few texts, or None: then only padding is right.

    RoBERTa and its kin count from padding_idx + 1, the others from 0. Some architectures take the packed call and
    answer with wrong numbers (relative position biases), so nothing but a comparison tells. Leaves the model
    on packed attention if that is right, on padded attention otherwise.
    """
    tokens = _probe_texts(backbone)
    with _quiet(), evaluating(backbone):
        backbone.set_attn_implementation(PADDED)
        expected = run_padded(backbone, tokens)
        for first_position in sorted({0, (backbone.config.pad_token_id or 0) + 1}):
            if _agrees(backbone, tokens, first_position, expected):
                return first_position
        log.info("%s cannot be packed; texts are padded to similar lengths instead", type(backbone).__name__)
        backbone.set_attn_implementation(PADDED)
        return None


def _agrees(backbone: PreTrainedModel, tokens: Tokens, first_position: int, expected: Tensor) -> bool:
    if "position_ids" not in inspect.signature(backbone.forward).parameters:
        return False
    try:
        backbone.set_attn_implementation(PACKED)
        packed = run_packed(backbone, tokens, first_position)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError):   # its own attention, or none of ours
        return False
    return packed.shape == expected.shape and bool(torch.allclose(packed, expected, rtol=1e-3, atol=1e-4))


def _probe_texts(backbone: PreTrainedModel) -> Tokens:
    config = backbone.config
    window = getattr(config, "sliding_window", None) or 0
    longest = min(max(2 * window + 9, 11), (getattr(config, "max_position_embeddings", None) or 512) - 2)
    lengths = torch.tensor([2, 3, 7, longest])                                                    # ascending, uneven
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(min(10, config.vocab_size - 1), config.vocab_size, (int(lengths.sum()),), generator=generator)
    return Tokens(ids, lengths)
