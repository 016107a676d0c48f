"""LoRA (Hu et al. 2021, arXiv 2106.09685): the backbone keeps its weights, and a product of two narrow matrices is trained beside
each of its linear layers: W x + alpha / r * B A x."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from transformers import PreTrainedModel

from lit_embed.errors import UserError
from lit_embed.models.cpu_linear import with_fast_linear
from lit_embed.models.dropout import with_fast_dropout
from lit_embed.models.whole_weights import copy_of

if TYPE_CHECKING:
    from peft import LoraConfig

    from lit_embed.models.text_encoder import TextEncoder

ALL = "all-linear"
SAMPLED = 64            # values of each weight that tell one backbone from another


@dataclass
class Lora:
    """Which matrices are trained, and how narrow they are."""

    r: int = 16
    """Rank: rows of A and columns of B."""
    alpha: int = 32
    """What the product is scaled by, times 1 / r."""
    dropout: float = 0.05
    """Share of A's inputs dropped in training."""
    target_modules: list[str] | str = ALL
    """Names of the linear layers that get adapters, such as [q_proj, v_proj], or all-linear."""
    quantize: Literal["none", "4bit"] = "none"
    """4bit: the backbone's weights in four bits (QLoRA, arXiv 2305.14314), on a GPU with bitsandbytes."""


def peft_here() -> object:
    """The package peft.

    Raises
        UserError   it is not installed
    """
    try:
        import peft
    except ImportError as error:
        raise UserError('LoRA needs the package peft: pip install "lit-embed[lora]"') from error
    return peft


def with_lora(backbone: PreTrainedModel, lora: Lora, base: str) -> PreTrainedModel:
    """The same model with new adapters, B zero, so that it computes what it did; nothing else of it is trained from here on.

    base   where the backbone's own weights are, for whoever reads the adapters

    Raises
        UserError   a setting out of range, or a target that the backbone does not have
    """
    if lora.r < 1 or lora.alpha <= 0 or not 0 <= lora.dropout < 1:
        raise UserError(f"lora: r {lora.r}, alpha {lora.alpha}, dropout {lora.dropout}; r is 1 or more, alpha above 0, dropout at "
                        "least 0 and below 1")
    config = peft_here().LoraConfig(r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout,
                                    target_modules=targets(backbone, lora.target_modules), base_model_name_or_path=base)
    return inject(backbone, config)


def inject(backbone: PreTrainedModel, config: "LoraConfig") -> PreTrainedModel:
    """Adapters as PEFT's own settings describe them, and from now on `backbone.base_fingerprint`."""
    backbone.base_fingerprint = fingerprint(backbone)
    peft_here().inject_adapter_in_model(config, backbone)
    return with_fast_linear(with_fast_dropout(backbone))          # the adapters' own layers too


def targets(backbone: nn.Module, asked: list[str] | str) -> list[str]:
    """The last names of the linear layers meant, in alphabetical order.

    Raises
        UserError   there is none of that name
    """
    linear = [name for name, part in backbone.named_modules() if isinstance(part, nn.Linear)]
    there = sorted({name.rpartition(".")[2] for name in linear})
    if not there:
        raise UserError(f"lora: {type(backbone).__name__} has no linear layers of the kind that adapters are trained beside here")
    if asked == ALL:
        return there
    names = [asked] if isinstance(asked, str) else list(asked)
    for name in names or [""]:
        if not name or not any(f".{layer}".endswith(f".{name}") for layer in linear):
            raise UserError(f"lora.target_modules: {type(backbone).__name__} has no linear layer {name!r}; there are "
                            f"{', '.join(there)}, and {ALL} means all of them")
    return sorted(names)


def settings_of(config: "LoraConfig") -> Lora:
    """PEFT's settings in the words of this library."""
    names = config.target_modules
    return Lora(config.r, config.lora_alpha, config.lora_dropout, names if isinstance(names, str) else sorted(names))


def fingerprint(backbone: nn.Module) -> str:
    """Changes with the weights: a few values of each are looked at."""
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in backbone.named_parameters():
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        values = weight.detach().flatten()[:: max(1, weight.numel() // SAMPLED)].cpu().contiguous()
        digest.update(values.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def base_names(encoder: nn.Module) -> set[str]:
    """Names of the weights of `encoder` that come from its backbone's folder and never change; none without adapters."""
    backbone = getattr(encoder, "backbone", None)
    if not hasattr(backbone, "base_fingerprint"):
        return set()
    trained = {name for name, weight in backbone.named_parameters() if weight.requires_grad or "lora_" in name}
    return {f"backbone.{name}" for name in backbone.state_dict() if name not in trained}


def merged(encoder: "TextEncoder") -> "TextEncoder":
    """An encoder without adapters and with the same embeddings: each product added to the weights it stands beside.

    A copy in float32, which `save_folder` writes as a plain model; `encoder` is left as it is. One without adapters is
    returned itself.

    Raises
        UserError   the backbone's weights are in four bits, which cannot take up the product
    """
    if not hasattr(encoder.backbone, "base_fingerprint"):
        return encoder
    if encoder.lora.quantize != "none":
        raise UserError("adapters cannot be merged into weights of four bits: save_folder the adapters, read them with "
                        "TextEncoder.from_folder, which loads the backbone whole, and merge that")
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = copy_of(encoder, {})
    if plain.backbone.dtype in (torch.bfloat16, torch.float16):
        plain.backbone.float()
    for part in list(plain.backbone.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, BaseTunerLayer):
                child.merge()
                setattr(part, name, child.get_base_layer())
    del plain.backbone.peft_config, plain.backbone.base_fingerprint
    plain.lora = plain.settings["lora"] = None
    return plain.requires_grad_(True)
