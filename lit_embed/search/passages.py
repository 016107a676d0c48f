"""Ids and texts of an index: a million of them stay in their file, read a row group at a time when asked for."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.errors import UserError
from lit_embed.search.passage_file import PassageWriter, refuse_repeated

GROUPS_KEPT = 16        # row groups that stay in memory


class Passages:
    """N ids and texts by place: rows of a parquet file, and behind them those in memory.

    file    its columns are `id` and `text`; a file without `id` has row numbers for ids
    """

    def __init__(self, ids: Sequence[str] = (), texts: Sequence[str] = (), file: pq.ParquetFile | None = None):
        self._ids, self._texts, self._file = list(ids), list(texts), file
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] if file else []
        self._starts = np.cumsum([0, *sizes])                                             # (groups + 1,)
        self._rows = np.arange(self._starts[-1], dtype=np.int32)                          # those still in use
        self._read = lru_cache(GROUPS_KEPT)(self._read_group)

    @classmethod
    def open(cls, file: Path) -> "Passages":
        """A file that `write` wrote, or one with the column `text` alone. Stays readable when the file is replaced."""
        opened = pq.ParquetFile(file, memory_map=True)
        if "text" not in opened.schema_arrow.names:
            raise ValueError(f"{file.name} has no column 'text'")
        return cls(file=opened)

    def __len__(self) -> int:
        return len(self._rows) + len(self._ids)

    @property
    def ids(self) -> "Column":
        return Column(self, "id")

    @property
    def texts(self) -> "Column":
        return Column(self, "text")

    def value(self, name: str, place: int) -> str:
        """The "id" or the "text" at a place."""
        if place >= len(self._rows):
            return (self._ids if name == "id" else self._texts)[place - len(self._rows)]
        row = int(self._rows[place])
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._read(group)[name][row - int(self._starts[group])].as_py()

    def _read_group(self, group: int) -> dict[str, pa.Array]:
        table = self._file.read_row_group(group).combine_chunks()
        columns = {name: table[name].chunk(0) for name in table.column_names}
        numbers = range(int(self._starts[group]), int(self._starts[group + 1]))
        return columns if "id" in columns else columns | {"id": pa.array(map(str, numbers), pa.string())}

    def blocks(self, name: str) -> Iterator[list[str]]:
        """All ids or all texts in order, a row group at a time."""
        for group, (start, stop) in enumerate(zip(self._starts, self._starts[1:])):
            first, last = np.searchsorted(self._rows, [start, stop])
            yield self._read(group)[name].take(pa.array(self._rows[first:last] - start)).to_pylist()
        yield self._ids if name == "id" else self._texts

    def places_of(self, ids: Sequence[str]) -> np.ndarray:
        """Where these M ids stand.  -> (M,)

        Raises
            UserError   an id is not there, or named twice
        """
        refuse_repeated(ids)
        wanted, place = dict.fromkeys(ids), 0
        for known in self.blocks("id"):
            wanted |= {each: place + i for i, each in enumerate(known) if each in wanted}
            place += len(known)
        unknown = [each for each, found in wanted.items() if found is None]
        if unknown:
            more = f", nor one of {len(unknown) - 1} others asked for" if len(unknown) > 1 else ""
            raise UserError(f"no passage has the id {unknown[0]!r}{more}")
        return np.array(list(wanted.values()), dtype=np.int64)

    def check_new(self, ids: Sequence[str]) -> None:
        """
        Raises
            UserError   an id is here already, or twice among these
        """
        refuse_repeated(ids)
        new = set(ids)
        for known in self.blocks("id"):
            if repeated := new.intersection(known):
                raise UserError(f"id {min(repeated)!r} is in the index already: remove it first, or leave it out")

    def next_number(self) -> int:
        """The first whole number above all ids that are numbers."""
        return max((int(each) + 1 for known in self.blocks("id") for each in known if each.isdecimal()), default=0)

    def add(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        self._ids += ids
        self._texts += texts

    def remove(self, places: np.ndarray) -> None:
        kept = np.ones(len(self), dtype=bool)
        kept[places] = False
        tail = np.flatnonzero(kept[len(self._rows):])
        self._rows = self._rows[kept[:len(self._rows)]]
        self._ids, self._texts = [self._ids[i] for i in tail], [self._texts[i] for i in tail]

    def write(self, file: Path) -> None:
        with PassageWriter(file) as writer:
            for ids, texts in zip(self.blocks("id"), self.blocks("text"), strict=True):
                writer.write(ids, texts)


class Column(Sequence[str]):
    """The ids or the texts as a sequence that is read when asked."""

    def __init__(self, passages: Passages, name: str):
        self._passages, self._name = passages, name

    def __len__(self) -> int:
        return len(self._passages)

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self._passages.value(self._name, i) for i in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"place {place} of {len(self)}")
        return self._passages.value(self._name, int(place) % len(self))

    def __iter__(self) -> Iterator[str]:
        return (each for block in self._passages.blocks(self._name) for each in block)
