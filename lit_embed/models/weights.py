"""Weights from a folder or the Hub into a Hugging Face model, in float32: from safetensors or PyTorch files that hold nothing but
weights, never code from the Hub, and without transformers' pages of warnings."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel
from transformers.utils import logging as logging_of_transformers

from lit_embed.errors import UserError, first_line
from lit_embed.models.cpu_linear import with_fast_linear
from lit_embed.models.dropout import with_fast_dropout
from lit_embed.models.resolve import resolve


@contextmanager
def quietly() -> Iterator[None]:
    verbosity, bar = logging_of_transformers.get_verbosity(), logging_of_transformers.is_progress_bar_enabled()
    logging_of_transformers.set_verbosity_error()
    logging_of_transformers.disable_progress_bar()
    try:
        yield
    finally:
        logging_of_transformers.set_verbosity(verbosity)
        if bar:
            logging_of_transformers.enable_progress_bar()


def load_weights(kind: type, backbone: str, num_labels: int | None = None,
                 quantization: dict[str, object] | None = None) -> tuple[PreTrainedModel, dict]:
    """A model of an Auto class, and what transformers says of weights that were missing or had another shape.

    num_labels     for a kind with a classification head: how wide it is; one of another width gives way to a new one
    quantization   what from_pretrained takes to hold linear layers in fewer bits

    Raises
        UserError   nothing there, or no hub to take it from
    """
    head = {} if num_labels is None else {"num_labels": num_labels, "ignore_mismatched_sizes": True}
    try:
        with quietly():
            model, report = kind.from_pretrained(resolve(backbone), dtype=torch.float32, trust_remote_code=False,
                                                 output_loading_info=True, **head, **(quantization or {}))
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"backbone {backbone} cannot be loaded ({first_line(error)}); without a model hub, give a local folder: "
                        "--model.encoder.backbone FOLDER") from error
    model.config.use_cache = False
    return with_fast_linear(with_fast_dropout(model)), report


def in_float32(model: PreTrainedModel) -> dict[str, Tensor]:
    """The weights for a folder, whatever they were trained in: most readers compute in the type that they find."""
    return {name: value.float() if value.is_floating_point() else value for name, value in model.state_dict().items()}


def check_positions(config: PretrainedConfig, backbone: str, max_length: int) -> None:
    """Raises UserError if texts of `max_length` tokens have no positions in this model."""
    longest = positions(config)
    if longest and max_length > longest:
        raise UserError(f"max_length {max_length} is more than the {longest} positions of {backbone}")


def positions(config: PretrainedConfig) -> int | None:
    """How many tokens a text may have; None where the architecture sets no end."""
    found = getattr(config, "max_position_embeddings", None)
    if not found or getattr(config, "position_embedding_type", "absolute") != "absolute":
        return None
    # RoBERTa's first positions are taken by its padding index.
    taken = (config.pad_token_id or 0) + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0
    return found - taken
