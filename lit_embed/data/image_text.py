"""Images with captions: a folder of pictures with a captions file, parquet that holds the pictures, or a Hub data set.

    image                                     captions
    <1000268201_693b08cb0e.jpg, 9,948 bytes>  [A child in a pink dress is climbing up a set of stairs ..., A girl going into ...]
    <1001773457_577c3a7d70.jpg, 7,342 bytes>  [A black dog and a spotted dog are fighting, Two dogs on pavement moving ..., ...]
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from lit_embed.batches import CaptionedImages, PairRows
from lit_embed.data.augment import AUGMENTATIONS, Augmentation
from lit_embed.data.image_dataset import ImageDataset
from lit_embed.data.pair_data import PairData, tell_truncated
from lit_embed.data.read_images import captions_file, read_images
from lit_embed.data.splits import split_rows
from lit_embed.errors import UserError


@dataclass(eq=False)
class ImageText(PairData):
    """Images and their captions -> batches. Tokenizer, prefix and image transform are those of the module's encoder."""

    image: str | None = None
    """Column of the images: file names, contents, or both; None: `image` or `file_name`."""
    caption: str | None = None
    """Column of the captions: a text, or a list of texts; None: `caption`, `captions` or `text`."""
    captions: Literal["draw", "all"] = "draw"
    """Of an image with several captions: one drawn anew each epoch, or a training pair for every one."""
    augmentation: Augmentation = "none"
    """Of training images, drawn anew each epoch: none, mirrored (flip), or cut and mirrored (crop_and_flip)."""

    validation_splits: ClassVar[tuple[str, ...]] = ("validation", "val", "dev")

    def __post_init__(self):
        super().__post_init__()
        self._read: dict[str, CaptionedImages] = {}

    def images(self, split: str) -> CaptionedImages:
        """The images of a split with all their captions; a share is held out of the images, never of an image's captions."""
        if self.path is None:
            raise UserError("ImageText needs data.path: a folder of images with a captions file, a file, or a Hub data set")
        return split_rows(self, split, captions_file(self.path), self._read_once)

    def _read_once(self, path: str, name: str | None, split: str) -> CaptionedImages:
        # Training, validation and evaluations ask for parts of one split, and pictures in parquet are large.
        if split not in self._read:
            self._read[split] = read_images(path, name, split, self.image, self.caption, self.on_bad_row)
        return self._read[split]

    def rows(self, split: str) -> PairRows:
        """The name of each image, and the caption that evaluation batches have of it: its first."""
        found = self.images(split)
        return PairRows(found.names, [[own[0] for own in found.captions]])

    def pairs(self, split: str) -> ImageDataset:
        """The images of a split, with captions tokenised, made once for each tokenizer and transform."""
        encoder = getattr(self.trainer and self.trainer.lightning_module, "encoder", None)
        if not hasattr(encoder, "transform"):
            raise UserError("ImageText prepares images for a module whose encoder reads them: train "
                            "lit_embed.modules.ImageTextBiEncoder")
        self._check()
        key = (split, encoder.query_prefix, encoder.tokenizer.fingerprint, encoder.transform.fingerprint)
        if key not in self._pairs:
            found, train = self.images(split), split == "train"
            if not train:
                found = CaptionedImages(found.images, found.names, [own[:1] for own in found.captions], found.where)
            self._pairs[key] = ImageDataset(found, encoder.tokenizer, encoder.query_prefix, Path(self.cache).expanduser(),
                                            encoder.transform, self.captions if train else "draw",
                                            self.augmentation if train else "none", self.seed)
            tell_truncated(split, [self._pairs[key].texts], encoder.tokenizer.max_length)
        return self._pairs[key]

    def _check(self) -> None:
        if self.random_negatives:
            raise UserError("data.random_negatives: images have no hard negatives, the others of the batch are the wrong ones")
        if self.captions not in ("draw", "all"):
            raise UserError(f"data.captions {self.captions!r}: there are draw and all")
        if self.augmentation not in AUGMENTATIONS:
            raise UserError(f"data.augmentation {self.augmentation!r}: there are {', '.join(AUGMENTATIONS)}")
