"""What an index is on disk: a folder of plain files, with the sizes and checksums that tell a damaged one.

    vectors.faiss     FAISS's own file
    texts.parquet     columns `id` and `text`, in the order of the vectors
    removed.npy       only where a graph holds vectors that were removed: their numbers
    settings.json     model (fingerprint, folder), similarity, kind, FAISS's parameters, count, width, files
"""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from lit_embed.errors import UserError, first_line
from lit_embed.search.passages import Passages
from lit_embed.search.vector_file import read_vectors, write_vectors
from lit_embed.search.vectors import Vectors

VECTORS, TEXTS, REMOVED, SETTINGS = "vectors.faiss", "texts.parquet", "removed.npy", "settings.json"
PIECE, PIECES = 1 << 20, 256             # a checksum reads 256 MB at most, so that opening takes no minute


def checksum(file: Path) -> str:
    """Of the whole file up to 256 MB; of a larger one, of 256 pieces of it, the first and the last among them."""
    size = file.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    last = max(0, size - PIECE)
    starts = range(0, size, PIECE) if size <= PIECE * PIECES else [last * i // (PIECES - 1) for i in range(PIECES)]
    with open(file, "rb") as stream:
        for start in starts:
            stream.seek(start)
            digest.update(stream.read(PIECE))
    return digest.hexdigest()


def write(folder: Path, vectors: Vectors, passages: Passages, model: dict[str, str]) -> None:
    """All files, into a folder that is not there yet."""
    folder.mkdir()
    write_vectors(vectors.index, folder / VECTORS)
    passages.write(folder / TEXTS)
    if len(vectors.removed):
        np.save(folder / REMOVED, vectors.removed)
    write_settings(folder, model | vectors.description())


def write_settings(folder: Path, settings: dict) -> None:
    """settings.json, with size and checksum of the files that are there already."""
    files = {file.name: {"bytes": file.stat().st_size, "checksum": checksum(file)} for file in sorted(folder.iterdir())}
    content = json.dumps(settings | {"files": files}, indent=2, ensure_ascii=False) + "\n"
    (folder / SETTINGS).write_text(content, encoding="utf8")


def read(folder: Path, device: str = "auto") -> tuple[Vectors, Passages, dict]:
    """Vectors, mapped into memory, passages and settings: of one moment, while another process may replace the folder.

    Raises
        UserError   no index there, or one whose files are damaged or do not belong together
    """
    while True:
        before = _identity(folder)
        try:
            found = _read(folder, device)
        except UserError:
            if _identity(folder) == before:
                raise
            continue
        if _identity(folder) == before:
            return found


def _identity(folder: Path) -> tuple[int, int] | None:
    for _ in range(5):
        try:
            status = folder.stat()
            return status.st_ino, status.st_mtime_ns
        except OSError:
            time.sleep(0.01)             # where folders cannot be swapped, there is none for a moment
    return None


def _read(folder: Path, device: str) -> tuple[Vectors, Passages, dict]:
    missing = [name for name in (VECTORS, TEXTS, SETTINGS) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"no search index in {folder} ({', '.join(missing)} missing): lit-embed index makes one, and a "
                        "finished run with the SearchIndex callback leaves one in <run>/index")
    try:
        settings = read_settings(folder)
        _check_files(folder, settings)
        passages = Passages.open(folder / TEXTS)
        removed = np.load(folder / REMOVED) if (folder / REMOVED).is_file() else None
        vectors = Vectors(read_vectors(folder / VECTORS), settings["kind"], settings["similarity"], removed, device)
        if not len(vectors) == len(passages) == settings.get("count"):
            raise ValueError(f"{len(vectors)} vectors for {len(passages)} texts")
        return vectors, passages, settings
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"the search index in {folder} cannot be read ({first_line(error)}): build it again") from error


def read_settings(folder: Path) -> dict:
    """What settings.json says, and for an index made before there were kinds what it was."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf8"))
    if not isinstance(settings, dict):
        raise ValueError(f"{SETTINGS} holds no settings")
    before_kinds = {"kind": "flat", "similarity": "cosine", "files": {}}
    return {"model": "", "model_folder": "", "role": "document"} | before_kinds | settings


def _check_files(folder: Path, settings: dict) -> None:
    for name, written in settings["files"].items():
        size = (folder / name).stat().st_size
        if size != written["bytes"]:
            raise ValueError(f"{name} has {size:,} bytes, {written['bytes']:,} were written")
        if checksum(folder / name) != written["checksum"]:
            raise ValueError(f"{name} is not what was written")


@dataclass(frozen=True)
class Origin:
    """The folder that an index was opened from, and what its settings said then."""

    folder: Path
    settings: dict

    def check(self) -> None:
        """
        Raises
            UserError   another process has changed the index since
        """
        if not (self.folder / SETTINGS).is_file() or read_settings(self.folder) != self.settings:
            raise UserError(f"the index in {self.folder} was changed by another process meanwhile: open it again")

    def vectors(self) -> faiss.Index:
        """In memory, to be changed: FAISS dies of adding to an index that is mapped."""
        self.check()
        return read_vectors(self.folder / VECTORS, mapped=False)
