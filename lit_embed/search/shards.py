"""Finished blocks of a long build, each in a folder of its own, so that a build that was killed goes on from the last.

A block is known by its content: the settings, the ids and the texts that its embeddings were made from are in its name
(000012-<hash>), so that other settings or a changed input are noticed where they matter, and nowhere else.
"""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.batches import text_ids
from lit_embed.files import write_beside
from lit_embed.search.passage_file import PassageWriter

EMBEDDINGS, TEXTS = "embeddings.npy", "texts.parquet"


class Shards:
    """The blocks of one build in order: N passages and their embeddings of width D, on disk.

    folder     where they are kept
    settings   whatever else the embeddings depend on: model, role, precision
    """

    def __init__(self, folder: Path, settings: str):
        self.folder, self.settings = folder, settings
        self._blocks: list[Path] = []
        self._starts = [0]
        self.differ = False                                 # whether an earlier build had another block in some place

    def __len__(self) -> int:
        return self._starts[-1]

    def find(self, ids: list[str], texts: list[str]) -> bool:
        """Whether an earlier build had finished the next block; if so it is taken."""
        place = self._place(ids, texts)
        if _is_whole(place, len(texts)):
            self._take(place, len(texts))
            return True
        self.differ |= not place.exists() and any(self.folder.glob(f"{len(self._blocks):06d}-*"))
        return False

    def add(self, ids: list[str], texts: list[str], embeddings: np.ndarray) -> None:
        """Keep the next block, whole or not at all."""
        place = self._place(ids, texts)
        with write_beside(place) as beside:
            beside.mkdir()
            np.save(beside / EMBEDDINGS, embeddings.astype(np.float32, copy=False))
            with PassageWriter(beside / TEXTS) as writer:
                writer.write(ids, texts)
        self._take(place, len(texts))

    def _place(self, ids: list[str], texts: list[str]) -> Path:
        digest = hashlib.blake2b(f"{len(texts)} {self.settings}".encode(), digest_size=12)
        digest.update(text_ids(ids).tobytes())
        digest.update(text_ids(texts).tobytes())
        return self.folder / f"{len(self._blocks):06d}-{digest.hexdigest()}"

    def _take(self, place: Path, count: int) -> None:
        self._blocks.append(place)
        self._starts.append(self._starts[-1] + count)

    def forget_others(self) -> None:
        """Remove what is left of builds that were otherwise, or died in the middle of a block."""
        own = {place.name for place in self._blocks}
        for place in self.folder.iterdir() if self.folder.is_dir() else ():
            if place.name not in own:
                shutil.rmtree(place)

    def embeddings(self) -> Iterator[np.ndarray]:
        """Block by block, from the file.  -> (n, D) each"""
        return (np.load(place / EMBEDDINGS, mmap_mode="r") for place in self._blocks)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The embeddings of some passages.  (M,) ascending -> (M, D)"""
        cuts = np.searchsorted(rows, self._starts)
        return np.concatenate([block[rows[first:last] - start] for block, start, first, last
                               in zip(self.embeddings(), self._starts, cuts, cuts[1:])])

    def passages(self) -> Iterator[tuple[list[str], list[str]]]:
        """Ids and texts, block by block."""
        for place in self._blocks:
            table = pq.read_table(place / TEXTS)
            yield table["id"].to_pylist(), table["text"].to_pylist()


def _is_whole(place: Path, count: int) -> bool:
    # A block is moved into place when it is finished; only a machine that lost power leaves a file without its end.
    try:
        return len(np.load(place / EMBEDDINGS, mmap_mode="r")) == pq.read_metadata(place / TEXTS).num_rows == count
    except (OSError, ValueError, EOFError, pa.ArrowException):
        return False
