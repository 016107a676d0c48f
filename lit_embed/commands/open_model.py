"""Which model is meant by --model: one place that opens whatever embeds or scores, for every command."""

import argparse
import sys
from pathlib import Path
from typing import get_args

import torch

from lit_embed.errors import UserError
from lit_embed.models import ImageTextEncoder, ImageTextTowers, TextEncoder, TextPairScorer
from lit_embed.models.endpoint import Endpoint
from lit_embed.models.endpoint_name import is_endpoint
from lit_embed.models.image_text_towers import holds_images_and_texts, open_image_text
from lit_embed.models.inference import Precision
from lit_embed.models.onnx_encoder import OnnxEncoder, is_onnx, open_onnx

Encoder = TextEncoder | ImageTextEncoder | ImageTextTowers | OnnxEncoder | Endpoint


def open_encoder(folder: str | Path, max_length: int | None = None, precision: Precision = "float32",
                 device: torch.device | str | None = None) -> Encoder:
    """The model of a folder, on the GPU if there is one; max_length cuts texts elsewhere than the folder says.

    openai:MODEL and openai:MODEL@URL are models behind an endpoint, which encode texts alike.
    """
    if is_endpoint(folder):
        if max_length is not None:
            print(f"{folder}: --max-length is for models of this machine, the endpoint cuts as it likes", file=sys.stderr)
        return Endpoint.from_name(str(folder))
    if not any((Path(folder) / name).is_file() for name in ("config.json", "modules.json", "adapter_config.json")):
        raise UserError(f"no model in {folder}: give <run>/model or another folder with a config.json")
    if is_onnx(folder):
        return open_onnx(folder, max_length, precision)
    changes = {} if max_length is None else {"max_length": max_length}
    kind = open_image_text if holds_images_and_texts(folder) else TextEncoder.from_folder
    encoder = kind(folder, **changes).to(device or device_here())
    encoder.precision = precision
    return encoder


def place_of(model: str | Path) -> str:
    """How an index remembers its model: the folder from wherever it is searched, or the name of an endpoint."""
    return str(model) if is_endpoint(model) else str(Path(model).resolve())


def tell_cost(encoder: Encoder) -> None:
    """What an endpoint has cost, on standard error; a model of this machine says nothing."""
    if isinstance(encoder, Endpoint):
        print(encoder.spent(), file=sys.stderr)


def open_scorer(folder: str | Path, precision: Precision = "float32") -> TextPairScorer:
    """The cross-encoder of a folder, on the GPU if there is one."""
    if not (Path(folder) / "config.json").is_file():
        raise UserError(f"no cross-encoder in {folder}: give <run>/model or another folder with a config.json")
    scorer = TextPairScorer.from_folder(folder).to(device_here())
    scorer.precision = precision
    return scorer


def add_precision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--precision", choices=get_args(Precision), default="float32",
                        help="of the model's products: bfloat16 is two to three times as fast where the machine has it, and moves a "
                             "cosine by a few thousandths (default float32)")


def device_here() -> torch.device | str:
    return torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
