"""A corpus and its embeddings in parquet files of equal numbers of passages, written by any number of processes.

    encoding.json                             which model, role and precision; how many files there are, once that is known
    part-000000.parquet, part-000001 ...      columns id, text, embedding; the passages in their order

Which process writes a file follows from its number, each file appears whole or not at all, and one that is there is not
made again: a start with other numbers of processes, or after any of them died, goes on from the files.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.batches import text_ids
from lit_embed.errors import UserError
from lit_embed.files import write_beside

SETTINGS = "encoding.json"
CONTENT = b"lit_embed.content"              # in a file's metadata: what its ids and texts were


@dataclass(frozen=True)
class Encoding:
    """What the embeddings depend on.

    model       fingerprint
    size        passages of a file; the last has fewer
    """

    model: str
    role: str
    precision: str
    size: int


class EncodedShards:
    """
    Raises
        UserError   the folder holds something else, or the shards of another model or other settings
    """

    def __init__(self, folder: str | Path, encoding: Encoding):
        self.folder, self.encoding = Path(folder), encoding
        # Listed before the settings are read: another process may be writing these just now, and its files after them.
        names = [file.name for file in self.folder.iterdir()] if self.folder.is_dir() else []
        there = read_settings(self.folder)
        if there is None and not all(name.startswith(".") for name in names):
            raise UserError(f"{folder} is there and holds no embeddings of texts: choose another folder")
        for name, value in asdict(encoding).items():
            if there is not None and there.get(name) != value:
                raise UserError(f"{folder} holds embeddings with {name} {there.get(name)}, these would have {value}: "
                                "choose another folder, or remove that one")
        if there is None:
            self._write_settings({})

    def has(self, number: int, ids: list[str], texts: list[str]) -> bool:
        """Whether the file is there, whole, with these passages."""
        try:
            found = pq.read_metadata(self._file(number))
        except (OSError, pa.ArrowException):
            return False
        return found.num_rows == len(texts) and (found.metadata or {}).get(CONTENT) == _content(ids, texts)

    def write(self, number: int, ids: list[str], texts: list[str], embeddings: np.ndarray) -> None:
        """embeddings (n, D) float32"""
        flat = pa.array(np.ascontiguousarray(embeddings, dtype=np.float32).reshape(-1))
        table = pa.table({"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.large_string()),
                          "embedding": pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1])})
        with write_beside(self._file(number)) as beside:
            pq.write_table(table.replace_schema_metadata({CONTENT: _content(ids, texts)}), beside, compression="zstd")

    def finish(self, files: int) -> None:
        """The input has been read to its end, and there are so many files in all; every process says the same."""
        for file in sorted(self.folder.glob("part-*.parquet"))[files:]:          # of an input that was longer
            file.unlink(missing_ok=True)
        self._write_settings({"files": files})

    def _file(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"

    def _write_settings(self, more: dict) -> None:
        with write_beside(self.folder / SETTINGS) as beside:
            beside.write_text(json.dumps(asdict(self.encoding) | more, indent=2) + "\n")


def _content(ids: list[str], texts: list[str]) -> bytes:
    digest = hashlib.blake2b(text_ids(ids).tobytes(), digest_size=12)
    digest.update(text_ids(texts).tobytes())
    return digest.hexdigest().encode()


def read_settings(folder: str | Path) -> dict | None:
    """What encoding.json says; None where there is none.

    Raises
        UserError   a file of that name that is something else
    """
    file = Path(folder) / SETTINGS
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise UserError(f"{file}: broken JSON ({error}); remove the folder and encode again") from error
    if not isinstance(found, dict) or "model" not in found:
        raise UserError(f"{file}: this is not what `lit-embed encode` writes")
    return found


class EncodedPassages:
    """What an index is built from: blocks of ids and texts, and, after each, their embeddings.

    Raises
        UserError   the encoding has not come to its end, or a file of it is missing
    """

    def __init__(self, folder: str | Path):
        self.folder, self.settings = Path(folder), read_settings(folder)
        files = self.settings.get("files")
        if files is None:
            raise UserError(f"{folder}: not all passages are encoded yet; start the same `lit-embed encode` again")
        self.files = [self.folder / f"part-{number:06d}.parquet" for number in range(files)]
        for file in self.files:
            if not file.is_file():
                raise UserError(f"{file} is missing; start the same `lit-embed encode` again, the other files are kept")
        self._embeddings = np.zeros((0, 0), dtype=np.float32)

    def count(self) -> int:
        return sum(pq.read_metadata(file).num_rows for file in self.files)

    def blocks(self) -> Iterator[tuple[list[str], list[str]]]:
        """Ids and texts of a file at a time; `encode` then gives their embeddings."""
        for file in self.files:
            try:
                table = pq.read_table(file)
            except (OSError, pa.ArrowException) as error:
                raise UserError(f"{file}: not a whole parquet file; remove it and start the same `lit-embed encode` again") from error
            column = table["embedding"].combine_chunks()
            self._embeddings = column.flatten().to_numpy().reshape(len(table), -1)             # (n, D)
            yield table["id"].to_pylist(), table["text"].to_pylist()

    def encode(self, texts: list[str]) -> np.ndarray:
        """Of the block that was given last.  -> (n, D)"""
        if len(texts) != len(self._embeddings):
            raise ValueError(f"{len(texts)} texts are not the block of {len(self._embeddings)} that was given last")
        return self._embeddings
