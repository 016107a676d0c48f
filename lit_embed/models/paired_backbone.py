"""CLIP and SigLIP as transformers has them: what each wants of its texts, and which of its weights a loss never sees."""

import logging

import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModel, PretrainedConfig, PreTrainedModel

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.backbone import padded_inputs
from lit_embed.models.weights import load_weights

log = logging.getLogger(__name__)
WIDTHS = {"clip": lambda config: config.projection_dim, "siglip": lambda config: config.text_config.projection_size}


def load_pair(backbone: str) -> PreTrainedModel:
    """Both towers with their projections.

    Raises
        UserError   nothing there, or a model of another kind
    """
    model, report = load_weights(AutoModel, backbone)
    if model.config.model_type not in WIDTHS:
        raise UserError(f"backbone {backbone} is of type {model.config.model_type}, not one of {', '.join(WIDTHS)}: other vision "
                        "models go beside a TextEncoder in ImageTextTowers")
    if missing := sorted(report["missing_keys"]):
        log.warning("%s has no weights for %s and %d more: these start at random", backbone, missing[0], len(missing) - 1)
    # Scale and bias of its own loss: ours has its own, and DDP would wait for gradients of these that never come.
    for name in ("logit_scale", "logit_bias"):
        if hasattr(model, name):
            getattr(model, name).requires_grad_(False)
    return model


def width_of(config: PretrainedConfig) -> int:
    return WIDTHS[config.model_type](config)


def text_inputs(config: PretrainedConfig, tokens: Tokens, padding: int) -> dict[str, Tensor]:
    """N texts padded on the right as the model was trained: (N, T) each.

    CLIP takes a mask and reads its end-of-text token. SigLIP reads its last slot: always as many slots as it has
    positions, and it attends to the padding (Zhai et al. 2023, arXiv 2303.15343, as published with the weights).
    """
    inputs = padded_inputs(tokens, padding)
    if config.model_type == "clip":
        return inputs
    missing = config.text_config.max_position_embeddings - inputs["input_ids"].size(1)
    return {"input_ids": F.pad(inputs["input_ids"], (0, missing), value=padding)}
