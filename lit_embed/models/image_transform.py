"""Pictures -> the numbers that a vision model reads: resized, cropped and scaled as its own image processor does it."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from lit_embed.errors import UserError, first_line
from lit_embed.models.images import need_pillow
from lit_embed.models.resolve import resolve
from lit_embed.models.weights import quietly

if TYPE_CHECKING:
    from PIL.Image import Image
    from transformers import BaseImageProcessor


class ImageTransform:
    """N pictures in RGB -> (N, 3, H, W) float32. Pillow resizes, also where torchvision is there: the same numbers everywhere."""

    def __init__(self, processor: "BaseImageProcessor"):
        self.processor = processor

    @classmethod
    def load(cls, backbone: str) -> "ImageTransform":
        """The image processor in a model's folder or on the Hub; never code from the Hub.

        Raises
            UserError   none there, or Pillow is missing
        """
        need_pillow()
        from transformers import AutoImageProcessor

        try:
            with quietly():
                return cls(AutoImageProcessor.from_pretrained(resolve(backbone), backend="pil", trust_remote_code=False))
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"no image processor in {backbone} ({first_line(error)}): give a folder that holds a "
                            "preprocessor_config.json") from error

    @classmethod
    def square(cls, side: int) -> "ImageTransform":
        """Pictures of side x side, squeezed where they are not square; values from -1 to 1."""
        need_pillow()
        from transformers import ViTImageProcessorPil

        return cls(ViTImageProcessorPil(size={"height": side, "width": side}))

    @property
    def fingerprint(self) -> str:
        """Changes whenever the numbers of a picture could change."""
        return hashlib.blake2b(self.processor.to_json_string().encode(), digest_size=16).hexdigest()

    def __call__(self, images: "list[Image]") -> Tensor:
        return self.processor(images=images, return_tensors="pt")["pixel_values"]

    def save(self, folder: str | Path) -> None:
        self.processor.save_pretrained(folder)
