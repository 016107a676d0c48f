"""The file of ids and texts of an index, written block by block: its bytes follow from the passages alone."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.errors import UserError

ROW_GROUP = 1_000       # passages that are read for one that is asked for
SCHEMA = pa.schema([("id", pa.string()), ("text", pa.large_string())])


class PassageWriter:
    """Ids and texts in row groups of one size; what has not filled one waits in memory."""

    def __init__(self, file: Path):
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")
        self._ids: list[str] = []
        self._texts: list[str] = []

    def write(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        self._ids += ids
        self._texts += texts
        self._flush(len(self._ids) - len(self._ids) % ROW_GROUP)

    def _flush(self, count: int) -> None:
        table = pa.table([pa.array(self._ids[:count], pa.string()), pa.array(self._texts[:count], pa.large_string())],
                         SCHEMA)
        if count:
            self._writer.write_table(table, row_group_size=ROW_GROUP)
        del self._ids[:count], self._texts[:count]

    def __enter__(self) -> "PassageWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self._flush(len(self._ids))
        self._writer.close()


def names(ids: Sequence[str] | None, texts: Sequence[str], embeddings: Sequence, first: int = 0) -> list[str]:
    """The ids of passages that have a text and an embedding each; without any they are numbers from `first` on."""
    ids = [str(number) for number in range(first, first + len(texts))] if ids is None else list(ids)
    if not len(embeddings) == len(texts) == len(ids):
        raise ValueError(f"{len(texts)} texts have {len(embeddings)} embeddings and {len(ids)} ids")
    return ids


def refuse_repeated(ids: Sequence[str]) -> None:
    """
    Raises
        UserError   an id stands there twice, with the rows
    """
    if len(set(ids)) < len(ids):
        rows: dict[str, int] = {}
        for row, each in enumerate(ids, start=1):
            if each in rows:
                raise UserError(f"id {each!r} is that of row {rows[each]} and of row {row}: each passage needs its own")
            rows[each] = row
