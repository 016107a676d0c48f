"""What a photo may be turned into without its caption becoming wrong: another cut, its mirror image."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

Augmentation = Literal["none", "flip", "crop_and_flip"]
SMALLEST, NARROWEST = 0.5, 0.75         # share of the area that a cut keeps; its width over its height, relative to the photo's


def as_it_is(image: "Image", draw: np.random.Generator) -> "Image":
    return image


def flip(image: "Image", draw: np.random.Generator) -> "Image":
    """Left and right exchanged, in half of all cases."""
    from PIL.Image import Transpose

    return image.transpose(Transpose.FLIP_LEFT_RIGHT) if draw.random() < 0.5 else image


def crop_and_flip(image: "Image", draw: np.random.Generator) -> "Image":
    """A cut of half of the area or more (Szegedy et al. 2014, arXiv 1409.4842, section 6), then perhaps its mirror image."""
    area, ratio = draw.uniform(SMALLEST, 1), np.exp(draw.uniform(np.log(NARROWEST), -np.log(NARROWEST)))
    width = max(1, round(image.width * min(1.0, (area * ratio) ** 0.5)))
    height = max(1, round(image.height * min(1.0, (area / ratio) ** 0.5)))
    left, top = draw.integers(image.width - width + 1), draw.integers(image.height - height + 1)
    return flip(image.crop((left, top, left + width, top + height)), draw)


AUGMENTATIONS: dict[str, Callable[["Image", np.random.Generator], "Image"]] = {
    "none": as_it_is, "flip": flip, "crop_and_flip": crop_and_flip}
