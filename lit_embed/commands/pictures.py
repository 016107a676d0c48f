"""Pictures as the input of a command: when they are meant, and how they are embedded."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lit_embed.data.image_stream import holds_images
from lit_embed.data.read_file import READERS
from lit_embed.data.read_images import FILES
from lit_embed.errors import UserError
from lit_embed.models import ImageTextEncoder, ImageTextTowers
from lit_embed.models.image_text_towers import holds_images_and_texts

AT_ONCE = 64            # pictures between two movements of a progress bar


def pictures_meant(options: argparse.Namespace) -> bool:
    """Whether --input holds pictures and --model reads them. To a model of texts, a data set with a few pictures is its texts.

    Raises
        UserError   nothing but pictures and their captions, for a model of texts
    """
    if not holds_images(options.input):
        return False
    if holds_images_and_texts(options.model):
        return True
    place = Path(options.input).expanduser()
    if place.is_dir() and not any(file.suffix.lower() in READERS and file.name not in FILES for file in place.rglob("*")):
        raise UserError(f"{options.input} holds pictures, and the model in {options.model} reads texts only: give one of images "
                        "and texts")
    return False


def embedding_pictures_by(encoder: ImageTextEncoder | ImageTextTowers, done: Callable[[int], None]
                          ) -> Callable[[list[str]], np.ndarray]:
    """Paths -> (n, D), telling after every few how many are done."""

    def encode(paths: list[str]) -> np.ndarray:
        parts = []
        for start in range(0, len(paths), AT_ONCE):
            parts.append(encoder.encode_images(paths[start:start + AT_ONCE]))
            done(len(parts[-1]))
        return np.concatenate(parts)

    return encode
