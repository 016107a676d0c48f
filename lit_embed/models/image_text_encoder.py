"""Images and texts in one space: a pretrained pair of towers, CLIP or SigLIP, as transformers has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.models.folder import for_readers, read_json, write_json
from lit_embed.models.image_passes import encode_images, in_passes
from lit_embed.models.image_transform import ImageTransform
from lit_embed.models.inference import Precision, inferring
from lit_embed.models.micro_batches import micro_batches
from lit_embed.models.paired_backbone import load_pair, text_inputs, width_of
from lit_embed.models.tokenizer import TextTokenizer
from lit_embed.models.weights import in_float32

if TYPE_CHECKING:
    from PIL.Image import Image

SETTINGS = "lit_embed.json"         # in the folder, beside what transformers reads: the arguments below
NAMES = ("max_length", "query_prefix", "document_prefix")


class ImageTextEncoder(nn.Module):
    """A CLIP or SigLIP model: images (N, 3, H, W) and texts alike -> (N, D), compared by their cosine.

    backbone       a folder or a Hub id of a CLIP or SigLIP model
    max_length     tokens of a text, special ones included; longer texts are cut. None: as many as it has positions
    query_prefix, document_prefix   put before each text, by its role
    micro_batch    images, and texts, of one pass in training; a batch of more runs in several, each computed again in
                   backward, with the gradient of one. None: one pass

    Raises
        UserError   nothing to load at `backbone`, a model of another kind, more tokens than it has positions, or Pillow is missing
    """

    def __init__(self, backbone: str, max_length: int | None = None, query_prefix: str = "", document_prefix: str = "",
                 micro_batch: int | None = None):
        super().__init__()
        self.transform = ImageTransform.load(backbone)
        self.backbone = load_pair(backbone)
        self.settings = {"backbone": backbone}              # the attribute of that name is the model itself
        positions = self.backbone.config.text_config.max_position_embeddings
        if max_length is not None and max_length > positions:
            raise UserError(f"max_length {max_length} is more than the {positions} positions of {backbone}")
        self.max_length, self.micro_batch = max_length or positions, micro_batch
        self.query_prefix, self.document_prefix = query_prefix, document_prefix
        self.tokenizer = TextTokenizer(backbone, self.max_length)
        self.width: int = width_of(self.backbone.config)
        self.precision: Precision = "float32"

    def forward(self, pixels: Tensor, tokens: Tokens) -> Tensor:
        """N images (N, 3, H, W) and M texts -> (N + M, D), the images first."""
        images = in_passes(self, lambda places: self.embed_images(pixels[places.to(pixels.device)]), len(pixels))
        return torch.cat([images, in_passes(self, lambda places: self.embed_texts(tokens.select(places)), len(tokens))])

    def embed_images(self, pixels: Tensor) -> Tensor:                                  # (N, 3, H, W) -> (N, D)
        return self.backbone.get_image_features(pixel_values=pixels).pooler_output

    def embed_texts(self, tokens: Tokens) -> Tensor:                                   # N texts -> (N, D)
        padding = self.tokenizer.hugging_face.pad_token_id
        return self.backbone.get_text_features(**text_inputs(self.backbone.config, tokens, padding)).pooler_output

    def encode(self, texts: list[str], role: Literal["text", "query", "document"] = "text", batch_tokens: int | None = None,
               progress: bool = False) -> np.ndarray:
        """Embeddings of any number of texts, in eval mode, without gradient; order kept.  -> (N, D) float32

        role           which prefix goes before each text: none, the query's, or the document's
        batch_tokens   slots of one pass (default: 4,096 on CPU, 65,536 on a GPU)
        progress       as TextEncoder's; texts are few and short beside images, so that nothing is shown
        """
        prefix = {"text": "", "query": self.query_prefix, "document": self.document_prefix}[role]
        batch_tokens = batch_tokens or (4_096 if self.device.type == "cpu" else 65_536)
        embeddings = np.zeros((len(texts), self.width), dtype=np.float32)
        ids, lengths, _ = self.tokenizer.tokenize(list(texts), prefix)
        tokens = Tokens(torch.from_numpy(ids).long(), torch.from_numpy(lengths).long())
        with inferring(self, self.precision, self.device, len(texts)):
            for part in micro_batches(tokens.lengths, batch_tokens, packed=False):
                embeddings[part.numpy()] = self.embed_texts(tokens.select(part).to(self.device)).float().cpu().numpy()
        return embeddings

    def encode_images(self, images: "list[str | Path | bytes | Image]", at_once: int = 64, progress: bool = False) -> np.ndarray:
        """Embeddings of pictures: paths, the bytes of files, or Pillow's; as `image_passes.encode_images`.  -> (N, D) float32"""
        return encode_images(self, images, at_once, progress)

    @property
    def device(self) -> torch.device:
        return self.backbone.device

    def save_folder(self, path: str | Path) -> None:
        """A plain folder that `from_folder` and transformers' CLIPModel or SiglipModel read; it appears whole or not at all."""
        with write_beside(path) as beside:
            beside.mkdir()
            self.backbone.save_pretrained(beside, state_dict=in_float32(self.backbone), safe_serialization=True)
            write_json(beside / "config.json", for_readers(read_json(beside / "config.json")))
            self.tokenizer.hugging_face.save_pretrained(beside)
            self.transform.save(beside)
            write_json(beside / SETTINGS, {name: getattr(self, name) for name in NAMES})

    @classmethod
    def from_folder(cls, path: str | Path, **changes: object) -> "ImageTextEncoder":
        """The encoder a run left, or any folder of a CLIP or SigLIP model.

        changes   arguments of the constructor that shall differ from what the folder says
        """
        return cls(str(path), **{**read_json(Path(path) / SETTINGS), **changes})
