"""The shapes that data hands to modules: texts laid end to end without padding, pairs of them, and images with captions."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """N texts laid end to end, without padding.

    ids       (S,)   all token ids, S = lengths.sum()
    lengths   (N,)   tokens of each text; stays on the host, since it decides shapes and asking a GPU for it would stall
    """

    ids: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Tokens":
        return replace(self, ids=self.ids.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Tokens":
        return replace(self, ids=self.ids.pin_memory())

    @staticmethod
    def join(parts: list["Tokens"]) -> "Tokens":
        """The texts of all parts, one after the other."""
        return Tokens(torch.cat([part.ids for part in parts]), torch.cat([part.lengths for part in parts]))

    def select(self, order: Tensor) -> "Tokens":
        """The texts at the places `order` (M,), in that order."""
        lengths = self.lengths[order]                                                    # (M,)
        starts = (self.lengths.cumsum(0) - self.lengths)[order]                          # (M,)
        shift = starts - (lengths.cumsum(0) - lengths)                                   # (M,)
        index = torch.arange(int(lengths.sum())) + shift.repeat_interleave(lengths)      # (S',)
        return Tokens(self.ids[index.to(self.ids.device, non_blocking=True)], lengths)


class PairBatch:
    """B pairs: queries, and C choices for each, of which the first is the answer and the rest its hard negatives.

    queries        B texts
    documents      B*C texts, the C choices of a query next to each other
    labels         (B,) class (int64) or score (float32), (B, C) a teacher's scores of the choices (float32), or None
    query_ids      (B,)     64-bit identity of each text: equal text, equal id
    document_ids   (B, C)
    source         which data set of a mixture all of them are from, or None where there is only one

    No dataclass, on purpose: Lightning takes those apart to cast what floats in them to the precision of the weights,
    and with weights in bf16 a score of 0.76 would become 0.7617.
    """

    def __init__(self, queries: Tokens, documents: Tokens, labels: Tensor | None, query_ids: Tensor,
                 document_ids: Tensor, source: str | None = None):
        self.queries, self.documents, self.labels = queries, documents, labels
        self.query_ids, self.document_ids, self.source = query_ids, document_ids, source

    def __len__(self) -> int:
        return len(self.query_ids)

    @property
    def tokens(self) -> int:
        """Of all texts together."""
        return int(self.queries.lengths.sum()) + int(self.documents.lengths.sum())

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "PairBatch":
        return self._each(lambda part: part.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "PairBatch":
        return self._each(lambda part: part.pin_memory())

    def _each(self, function: Callable) -> "PairBatch":
        return PairBatch(**{name: part if part is None or isinstance(part, str) else function(part)
                            for name, part in vars(self).items()})


class ImageTextBatch:
    """B images, each with one of its captions. To a loss the images are the queries, the captions their documents.

    images         (B, 3, H, W) float32, as the model's own transform made them
    captions       B texts
    query_ids      (B,)     64-bit identity of each image: equal file, equal id
    document_ids   (B, 1)   the same of each caption

    No dataclass, as PairBatch.
    """

    labels = None

    def __init__(self, images: Tensor, captions: Tokens, query_ids: Tensor, document_ids: Tensor):
        self.images, self.captions, self.query_ids, self.document_ids = images, captions, query_ids, document_ids

    def __len__(self) -> int:
        return len(self.query_ids)

    @property
    def tokens(self) -> int:
        """Of all captions together."""
        return int(self.captions.lengths.sum())

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "ImageTextBatch":
        return ImageTextBatch(*(part.to(device, non_blocking=non_blocking) for part in vars(self).values()))

    def pin_memory(self) -> "ImageTextBatch":
        return ImageTextBatch(*(part.pin_memory() for part in vars(self).values()))


@dataclass(frozen=True)
class CaptionedImages:
    """N images before they are decoded.

    images     N paths, or contents of image files
    names      N names to show; a row's number where the data has none
    captions   N lists of texts, one at least each
    where      N places in the data, for messages
    """

    images: list[Path | bytes]
    names: list[str]
    captions: list[list[str]]
    where: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> "CaptionedImages":
        """The images at these places (M,), in this order."""
        return CaptionedImages(*([column[row] for row in rows] for column in vars(self).values()))


@dataclass(frozen=True)
class PairRows:
    """N pairs as text, before tokenising.

    queries     N texts
    documents   C lists of N texts: documents[0] are the answers, documents[1:] the hard negatives
    labels      (N,) class or score, (N, C) a teacher's scores of the choices, or None
    """

    queries: list[str]
    documents: list[list[str]]
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def answered(self) -> bool:
        """Whether documents[0] answer the queries: nothing else is said of them, or a teacher scored the choices."""
        return self.labels is None or self.labels.ndim == 2


def text_ids(texts: list[str]) -> np.ndarray:
    """64-bit identity of each text (BLAKE2b), the same on every machine and in every process.  -> (N,) int64"""
    digests = b"".join(hashlib.blake2b(text.encode("utf8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<i8")
