"""Adapters as a folder in PEFT's layout: their weights, a few megabytes, and a reference to the backbone that they belong to."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from transformers.utils import cached_file
from transformers.utils.peft_utils import find_adapter_config_file

from lit_embed.errors import UserError
from lit_embed.models.lora import Lora, inject, peft_here, settings_of, targets
from lit_embed.models.resolve import resolve

if TYPE_CHECKING:
    from peft import PeftConfig

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."            # what PEFT puts before the names of the backbone


def is_adapter(backbone: str | Path) -> bool:
    """Whether this is a folder, or a model on the Hub, of adapters alone."""
    return find_adapter_config_file(resolve(str(backbone))) is not None


def base_of(backbone: str) -> str:
    """The backbone that the adapters of this folder belong to.

    Raises
        UserError   it is not where the folder says
    """
    base = _config(backbone).base_model_name_or_path
    try:
        resolve(str(base))
    except UserError as error:
        raise UserError(f"the adapters in {backbone} belong to the backbone {base}, which is not there: put it there, or name "
                        f"another place as base_model_name_or_path in {backbone}/adapter_config.json") from error
    return base


def reference(backbone: str) -> str:
    """How a folder of adapters names its backbone: an id on the Hub as it is, a folder by its whole path."""
    found = resolve(backbone)
    return str(Path(found).resolve()) if Path(found).is_dir() else found


def tokenizer_of(backbone: str) -> str:
    """Where the tokenizer is: in the folder itself, or, for adapters that came without one, beside the weights they belong to."""
    folder = Path(resolve(backbone))
    if folder.is_dir() and (folder / "adapter_config.json").is_file() and not any(folder.glob("*token*")):
        return base_of(backbone)
    return backbone


def load_adapters(backbone: PreTrainedModel, folder: str, asked: Lora | None) -> PreTrainedModel:
    """`backbone` with the adapters of a folder, to be trained on.

    asked   other settings than the folder's, of which only the dropout may differ

    Raises
        UserError   damaged, of another kind than LoRA, of another shape than `asked`, or of another backbone
    """
    config = _config(folder)
    if config.peft_type != "LORA":
        raise UserError(f"{folder} holds adapters of the kind {config.peft_type}; only LoRA is read")
    config.inference_mode = False
    config.base_model_name_or_path = reference(config.base_model_name_or_path)
    if asked is not None:
        _refuse_other_shapes(backbone, settings_of(config), asked, folder)
        config.lora_dropout = asked.dropout
    try:
        inject(backbone, config)
    except ValueError as error:
        raise UserError(f"the adapters in {folder} do not fit {type(backbone).__name__}: {error}") from error
    _fill(backbone, folder)
    return backbone


def _fill(backbone: PreTrainedModel, folder: str) -> None:
    head = f"{backbone.base_model_prefix}."         # adapters of a language model name its body before each layer
    found = {name.removeprefix(PREFIX).removeprefix(head): value for name, value in load_file(_weights(folder)).items()}
    try:
        result = peft_here().set_peft_model_state_dict(backbone, found)
    except RuntimeError as error:
        raise UserError(f"the adapters in {folder} have other shapes than {type(backbone).__name__}: another backbone?") from error
    missing = [name for name in result.missing_keys if "lora_" in name]
    if missing or result.unexpected_keys:
        raise UserError(f"{folder}/{WEIGHTS} does not fit {type(backbone).__name__}: "
                        f"{len(missing)} weights are missing and {len(result.unexpected_keys)} belong elsewhere, the first is "
                        f"{[*missing, *result.unexpected_keys][0]}")


def save_adapters(backbone: PreTrainedModel, folder: Path) -> None:
    """The adapters of `backbone` into `folder`, as PEFT writes them; no config.json, which readers take for a whole model's."""
    weights = peft_here().get_peft_model_state_dict(backbone)
    weights = {PREFIX + name: value.detach().to("cpu", torch.float32).contiguous() for name, value in weights.items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    config = backbone.peft_config["default"]
    config.inference_mode = True
    try:
        config.save_pretrained(folder)
    finally:
        config.inference_mode = False


def _config(folder: str) -> "PeftConfig":
    try:
        return peft_here().PeftConfig.from_pretrained(resolve(folder))
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(f"{folder}/adapter_config.json cannot be read: {error}") from error


def _weights(folder: str) -> str:
    try:
        return cached_file(resolve(folder), WEIGHTS)
    except OSError as error:
        raise UserError(f"no {WEIGHTS} in {folder}") from error


def _refuse_other_shapes(backbone: PreTrainedModel, found: Lora, asked: Lora, folder: str) -> None:
    same = found.r == asked.r and found.alpha == asked.alpha
    if isinstance(found.target_modules, list):
        same = same and targets(backbone, asked.target_modules) == found.target_modules
    if not same:
        raise UserError(f"{folder} holds adapters of r {found.r}, alpha {found.alpha} on {', '.join(found.target_modules)}, the "
                        "config asks for others: leave out lora to train these on, or merge them first")
