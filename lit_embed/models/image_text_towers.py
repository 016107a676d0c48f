"""Images and texts in one space: two separate towers, any vision model and any TextEncoder, each with a projection."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.models.folder import for_readers, read_json, write_json
from lit_embed.models.image_passes import encode_images, in_passes
from lit_embed.models.image_text_encoder import ImageTextEncoder
from lit_embed.models.image_tower import ImageTower
from lit_embed.models.inference import Precision
from lit_embed.models.text_encoder import TextEncoder
from lit_embed.models.weights import in_float32

if TYPE_CHECKING:
    from PIL.Image import Image

Locked = Literal["none", "image", "text"]
TYPE = "lit_embed_image_text_towers"            # model_type in config.json
PROJECTIONS = "projections.safetensors"


class ImageTextTowers(nn.Module):
    """Images (N, 3, H, W) and texts alike -> (N, D), compared by their cosine; each tower ends in a linear projection.

    image         the images' tower
    text          the texts' tower; its pooling, prefixes and max_length are those of the pair
    width         D
    locked        a tower that keeps its weights, called locked-image tuning where it is the image's (Zhai et al. 2021,
                  arXiv 2111.07991); its projection is trained
    micro_batch   images of one pass in training; a batch of more runs in several, each computed again in backward, with the
                  gradient of one. None: one pass. Texts have the max_tokens of their own encoder
    """

    def __init__(self, image: ImageTower, text: TextEncoder, width: int = 256, locked: Locked = "none",
                 micro_batch: int | None = None):
        super().__init__()
        if locked not in get_args(Locked):
            raise UserError(f"locked {locked!r}: there are {', '.join(get_args(Locked))}")
        self.image, self.text, self.width, self.locked, self.micro_batch = image, text, width, locked, micro_batch
        self.image_projection = nn.Linear(image.width, width, bias=False)
        self.text_projection = nn.Linear(text.width, width, bias=False)
        if locked != "none":
            getattr(self, locked).requires_grad_(False)

    def forward(self, pixels: Tensor, tokens: Tokens) -> Tensor:
        """N images (N, 3, H, W) and M texts -> (N + M, D), the images first."""
        images = in_passes(self, lambda places: self.embed_images(pixels[places.to(pixels.device)]), len(pixels))
        return torch.cat([images, self.embed_texts(tokens)])

    def embed_images(self, pixels: Tensor) -> Tensor:                                  # (N, 3, H, W) -> (N, D)
        return self.image_projection(self.image(pixels))

    def embed_texts(self, tokens: Tokens) -> Tensor:                                   # N texts -> (N, D)
        return self.text_projection(self.text(tokens))

    @torch.no_grad()
    def encode(self, texts: list[str], role: Literal["text", "query", "document"] = "text", batch_tokens: int | None = None,
               progress: bool = False) -> np.ndarray:
        """Embeddings of any number of texts, as TextEncoder.encode, projected.  -> (N, D) float32"""
        hidden = torch.from_numpy(self.text.encode(texts, role, batch_tokens, progress)).to(self.device)
        return self.text_projection(hidden.to(self.text_projection.weight.dtype)).float().cpu().numpy()

    def encode_images(self, images: "list[str | Path | bytes | Image]", at_once: int = 64, progress: bool = False) -> np.ndarray:
        """Embeddings of pictures: paths, the bytes of files, or Pillow's; as `image_passes.encode_images`.  -> (N, D) float32"""
        return encode_images(self, images, at_once, progress)

    @property
    def transform(self):
        return self.image.transform

    @property
    def tokenizer(self):
        return self.text.tokenizer

    @property
    def max_length(self) -> int:
        return self.text.max_length

    @property
    def query_prefix(self) -> str:
        return self.text.query_prefix

    @property
    def document_prefix(self) -> str:
        return self.text.document_prefix

    @property
    def device(self) -> torch.device:
        return self.text_projection.weight.device

    @property
    def precision(self) -> Precision:
        return self.text.precision

    @precision.setter
    def precision(self, precision: Precision) -> None:
        self.text.precision = precision

    def save_folder(self, path: str | Path) -> None:
        """A folder that `from_folder` reads, with one of each tower inside that stands by itself; whole or not at all."""
        with write_beside(path) as beside:
            beside.mkdir()
            write_json(beside / "config.json", {"model_type": TYPE, "width": self.width})
            vision = self.image.backbone
            vision.save_pretrained(beside / "image", state_dict=in_float32(vision), safe_serialization=True)
            write_json(beside / "image/config.json", for_readers(read_json(beside / "image/config.json")))
            self.transform.save(beside / "image")
            self.text.save_folder(beside / "text")
            save_file({name: getattr(self, name).weight.detach().float().cpu().contiguous()
                       for name in ("image_projection", "text_projection")}, beside / PROJECTIONS)

    @classmethod
    def from_folder(cls, path: str | Path, max_length: int | None = None) -> "ImageTextTowers":
        """The towers a run left.

        max_length   cuts texts elsewhere than the folder says
        """
        path, changes = Path(path), {} if max_length is None else {"max_length": max_length}
        towers = cls(ImageTower(str(path / "image")), TextEncoder.from_folder(path / "text", **changes),
                     read_json(path / "config.json")["width"])
        for name, weight in load_file(path / PROJECTIONS).items():
            getattr(towers, name).weight.data.copy_(weight)
        return towers


KINDS = {"clip": ImageTextEncoder, "siglip": ImageTextEncoder, TYPE: ImageTextTowers}


def holds_images_and_texts(folder: str | Path) -> bool:
    """Whether `open_image_text` reads this folder."""
    return read_json(Path(folder) / "config.json").get("model_type") in KINDS


def open_image_text(folder: str | Path, **changes: object) -> ImageTextEncoder | ImageTextTowers:
    """The model of images and texts in a folder, whichever kind it is."""
    return KINDS[read_json(Path(folder) / "config.json")["model_type"]].from_folder(folder, **changes)
