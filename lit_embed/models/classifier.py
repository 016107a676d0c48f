"""A Hugging Face model with its own classification head, packed where that gives the same logits as padded.

Packed, the body of the model runs on one long sequence of all pairs; what the head needs of it, one vector a pair, takes
the place of that sequence on its way to the head, so that every architecture keeps the head it was published with.
"""

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.backbone import attend_padded, evaluating, packed_inputs, padded_inputs, probe, probe_texts
from lit_embed.models.packed_attention import PACKED
from lit_embed.models.pooling import cls, pool
from lit_embed.models.weights import load_weights, quietly

log = logging.getLogger(__name__)


def load_classifier(backbone: str, num_labels: int) -> tuple[PreTrainedModel, bool]:
    """The model and whether its head is new: a backbone without one, or with one of another width, gets a random one.

    Random weights come from torch's generator, so that the seed of the run decides them.

    Raises
        UserError   nothing there, no hub to take it from, or weights of the body have another shape
    """
    model, report = load_weights(AutoModelForSequenceClassification, backbone, num_labels)
    body = model.base_model_prefix + "."
    if wrong := sorted(key for key, *_ in report["mismatched_keys"] if key.startswith(body)):
        raise UserError(f"backbone {backbone}: {wrong[0]} has another shape than its config.json says")
    new = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])})
    if new:
        log.warning("%s has no classification head for %d label%s: %s start%s at random", backbone, num_labels,
                    "s" * (num_labels > 1), _list(new), "s" * (len(new) == 1))
    return model, bool(new)


def _list(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def logits_packed(model: PreTrainedModel, tokens: Tokens, types: Tensor, first_position: int) -> Tensor:
    """N pairs as one sequence; lengths ascending, types (S,).  -> (N, L)"""
    inputs = packed_inputs(tokens, first_position)
    if takes_types(model):
        inputs["token_type_ids"] = types.unsqueeze(0)
    with _one_vector_each(model, tokens.lengths):
        return model(**inputs).logits


def logits_padded(model: PreTrainedModel, tokens: Tokens, types: Tensor) -> Tensor:
    """N pairs padded on the right to the longest.  -> (N, L)"""
    inputs = padded_inputs(tokens, model.config.pad_token_id or 0)
    if takes_types(model):
        real = inputs["attention_mask"].bool()
        inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"]).masked_scatter(real, types)
    return model(**inputs).logits


def takes_types(model: PreTrainedModel) -> bool:
    """Whether the model tells the first text from the second by token types."""
    return getattr(model.config, "type_vocab_size", 0) > 1 and "token_type_ids" in inspect.signature(model.forward).parameters


@contextmanager
def _one_vector_each(model: PreTrainedModel, lengths: Tensor) -> Iterator[None]:
    """Inside, the body hands (N, 1, D) to the head: the first token of each pair, or the mean where the head takes that."""
    body = model.base_model
    # A pooler, where there is one, stands between the encoder and the head and belongs behind the change.
    last = getattr(body, "encoder", body)
    takes_mean = getattr(model.config, "classifier_pooling", "cls") == "mean"

    def shorten(_: object, __: object, output: ModelOutput) -> ModelOutput:
        hidden = output.last_hidden_state[0]                                                       # (S, D)
        vectors = pool(hidden, lengths, "mean") if takes_mean else cls(hidden, lengths)            # (N, D)
        output.last_hidden_state = vectors.unsqueeze(1)
        return output

    handle = last.register_forward_hook(shorten)
    try:
        yield
    finally:
        handle.remove()


def probe_classifier(model: PreTrainedModel) -> int | None:
    """The first position id with which packed equals padded, in the body and at the logits, or None: pairs are padded.

    The body is compared by itself, since a small random head would hide a difference. Leaves the model on packed
    attention if that is right, on padded attention otherwise.
    """
    first_position = probe(model.base_model)
    if first_position is None:
        return None
    tokens = probe_texts(model)
    types = torch.arange(len(tokens.ids)) % (2 if takes_types(model) else 1)
    with quietly(), evaluating(model):
        try:
            packed = logits_packed(model, tokens, types, first_position)
        except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError):    # a head that wants the sequence
            packed = None
        attend_padded(model)
        padded = logits_padded(model, tokens, types)
        if packed is not None and packed.shape == padded.shape and torch.allclose(packed, padded, rtol=1e-3, atol=1e-4):
            model.set_attn_implementation(PACKED)
            return first_position
    log.info("%s cannot be packed; pairs are padded to similar lengths instead", type(model).__name__)
    return None
