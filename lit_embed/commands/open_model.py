"""Which model is meant by --model: one place that opens whatever embeds or scores, for every command."""

import argparse
from pathlib import Path
from typing import get_args

import torch

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.models.inference import Precision
from lit_embed.models.onnx_encoder import OnnxEncoder, is_onnx, open_onnx


def open_encoder(folder: str | Path, max_length: int | None = None, precision: Precision = "float32",
                 device: torch.device | str | None = None) -> TextEncoder | OnnxEncoder:
    """The model of a folder, on the GPU if there is one; max_length cuts texts elsewhere than the folder says."""
    if not (Path(folder) / "config.json").is_file() and not (Path(folder) / "modules.json").is_file():
        raise UserError(f"no model in {folder}: give <run>/model or another folder with a config.json")
    if is_onnx(folder):
        return open_onnx(folder, max_length, precision)
    changes = {} if max_length is None else {"max_length": max_length}
    encoder = TextEncoder.from_folder(folder, **changes).to(device or device_here())
    encoder.precision = precision
    return encoder


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
