"""Captioned images: one array of row numbers in, one whole ImageTextBatch out, decoded and drawn for that epoch."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from lit_embed.batches import CaptionedImages, ImageTextBatch, text_ids
from lit_embed.data.augment import AUGMENTATIONS, Augmentation
from lit_embed.data.token_store import Tokenizer, open_store
from lit_embed.errors import UserError
from lit_embed.models.images import open_image


class ImageDataset(Dataset):
    """N rows: images with a caption drawn anew each epoch, or every caption of every image.

    found          the images
    tokenizer, prefix, folder   of the captions' token store
    transform      pictures of Pillow's -> (B, 3, H, W)
    captions       "draw": a row an image; "all": a row a caption
    augmentation   what is done to a picture before the transform, drawn anew each epoch
    epoch, seed    which captions and cuts a row gets; the loader sets the epoch

    What a row gets is a function of (seed, epoch, row) alone, whatever the batch, the worker or the process.
    """

    def __init__(self, found: CaptionedImages, tokenizer: Tokenizer, prefix: str, folder: Path,
                 transform: Callable[[list], Tensor], captions: Literal["draw", "all"] = "draw",
                 augmentation: Augmentation = "none", seed: int = 0):
        self.found, self.transform, self.augmentation, self.seed, self.epoch = found, transform, augmentation, seed, 0
        texts = [text for own in found.captions for text in own]                         # M captions
        self.texts = open_store(texts, prefix, tokenizer, folder)
        self.caption_places = self.texts.places(text_ids(texts))                         # (M,)
        counts = np.array([len(own) for own in found.captions], dtype=np.int64)          # (I,) of each image
        self.starts = np.cumsum(counts) - counts                                         # (I,)
        self.counts, self.image_ids = counts, image_ids(found.images)                    # (I,)
        # Which image a row shows, and which of all captions it has; -1 where that is drawn.
        self.image_of = np.arange(len(found)) if captions == "draw" else np.repeat(np.arange(len(found)), counts)      # (N,)
        self.caption_of = np.full(len(found), -1) if captions == "draw" else np.arange(len(texts))                     # (N,)

    def __len__(self) -> int:
        return len(self.image_of)

    def __getitems__(self, rows: np.ndarray) -> ImageTextBatch | UserError:
        try:
            return self._batch(np.asarray(rows))
        except UserError as error:
            if get_worker_info() is None:
                raise
            return error                                 # the loader raises it, in the process that people look at

    def _batch(self, rows: np.ndarray) -> ImageTextBatch:                                # (B,)
        draws = [np.random.default_rng([self.seed, self.epoch, int(row)]) for row in rows]
        captions = self.caption_places[self._captions(rows, draws)]                      # (B,)
        augment = AUGMENTATIONS[self.augmentation]
        pictures = [augment(open_image(self.found.images[image], self.found.where[image]), draw)
                    for image, draw in zip(self.image_of[rows], draws, strict=True)]
        return ImageTextBatch(images=self.transform(pictures), captions=self.texts.tokens(captions),
                              query_ids=torch.from_numpy(self.image_ids[self.image_of[rows]]),
                              document_ids=torch.from_numpy(self.texts.identities[captions]).unsqueeze(1))

    def _captions(self, rows: np.ndarray, draws: list[np.random.Generator]) -> np.ndarray:
        """Places among all M captions; the draw comes first, so that it is the same whatever the augmentation.  (B,)"""
        images = self.image_of[rows]
        drawn = np.array([draw.integers(self.counts[image]) for image, draw in zip(images, draws, strict=True)], dtype=np.int64)
        return np.where(self.caption_of[rows] < 0, self.starts[images] + drawn, self.caption_of[rows])

    def identities(self) -> np.ndarray:
        """Identity of each row's image, and of its caption where that is not drawn.  -> (N, 1 or 2) int64"""
        images = self.image_ids[self.image_of][:, None]
        if (self.caption_of < 0).any():
            return images
        return np.concatenate([images, self.texts.identities[self.caption_places[self.caption_of]][:, None]], axis=1)


def image_ids(images: list[Path | bytes]) -> np.ndarray:
    """64-bit identity of each image: of its path, or of its content.  -> (N,) int64"""
    return text_ids([image.hex() if isinstance(image, bytes) else str(image) for image in images])
