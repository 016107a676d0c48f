"""Passages for an index, block by block, from a file, a folder or a Hub data set of any size.

    31715818    New opportunities: the use of nanotechnologies ...    One of the main challenges in ...
    14717500    Identification of cellular pathways of ...            Alternative lengthening of telomeres ...

with --column text --title-column title --id-column _id: each passage is "New opportunities: ... One of the main ...".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import pyarrow as pa

from lit_embed.data.locate import split_source
from lit_embed.data.notice import notice
from lit_embed.data.stream_file import STEP, count_rows, has_columns, rows_of, rows_of_table
from lit_embed.errors import UserError


@dataclass(frozen=True)
class PassageStream:
    """
    path, name, split    as in datasets.load_dataset; split None: the only one, or train
    column               of the texts; None: `text`, or the only column there is
    title                column put before the text, with a space between, as in BEIR
    identity             column of the ids; None: there are none
    on_bad_row           a row without text or id: stop, or leave it out and say how many
    """

    path: str
    name: str | None = None
    split: str | None = None
    column: str | None = None
    title: str | None = None
    identity: str | None = None
    on_bad_row: Literal["error", "skip"] = "error"

    def blocks(self, size: int) -> Iterator[tuple[list[str] | None, list[str]]]:
        """Ids (or None, where rows have none) and texts of `size` passages at a time.

        Raises
            UserError   nothing to read, a column that is not there, a row without text or id, with its place
        """
        ids, texts, skipped, row = [], [], 0, -1
        # Where rows are left out, those that stay keep the numbers they had.
        numbered = self.identity is None and self.on_bad_row == "error"
        for row, (identity, text) in enumerate(self._passages()):
            if text is None:
                skipped += 1
                continue
            ids.append(str(row) if identity is None else identity)
            texts.append(text)
            if len(texts) == size:
                yield None if numbered else ids, texts
                ids, texts = [], []
        if texts:
            yield None if numbered else ids, texts
        if skipped == row + 1:
            raise UserError(f"{self.path}: there is no passage in it")
        if skipped:
            notice(f"{self.path}: {skipped} rows left out, they have no text or no id")

    def count(self) -> int:
        """How many rows there are, more or less."""
        parts = split_source(self.path, self.name, self.split)
        return parts.num_rows if isinstance(parts, pa.Table) else sum(count_rows(part) for part in parts)

    def _passages(self) -> Iterator[tuple[str | None, str | None]]:
        parts = split_source(self.path, self.name, self.split)
        if isinstance(parts, pa.Table):
            return self._read(rows_of_table(self.path, iter(parts.to_batches(STEP))), True)
        wanted = [self.column or "text", *filter(None, (self.title, self.identity))]
        return chain.from_iterable(self._read(rows_of(part, wanted), has_columns(part)) for part in parts)

    def _read(self, rows: Iterator[tuple[str, dict]], columns: bool) -> Iterator[tuple[str | None, str | None]]:
        """Id and text of each row; text None where the row is left out."""
        chosen = [self.column, self.title, self.identity]
        for number, (where, row) in enumerate(rows):
            if number == 0:
                chosen = self._columns(where, row, columns)
            text, title, identity = (None if name is None else _value(where, row, name) for name in chosen)
            text = " ".join(filter(None, (title, text)))
            missing = chosen[0] if not text else chosen[2] if chosen[2] and identity is None else None
            if missing and self.on_bad_row == "error":
                what = f"column '{missing}' is empty" if columns else "the line is empty"
                raise UserError(f"{where}: {what}; fill it, or leave such rows out with --on-bad-row skip")
            yield identity, None if missing else text

    def _columns(self, where: str, row: dict, columns: bool) -> list[str | None]:
        given = [name for name in (self.column, self.title, self.identity) if name is not None]
        if not columns and given:
            raise UserError(f"{self.path} has no columns, so that there is no '{given[0]}' in it: a line is a passage")
        for name in given:
            if name not in row:
                raise UserError(f"{where}: no column '{name}'; there are {', '.join(map(repr, row))}")
        column = self.column or ("text" if "text" in row else next(iter(row)) if len(row) == 1 else None)
        if column is None:
            raise UserError(f"{self.path}: name the column of the texts with --column; there are "
                            f"{', '.join(map(repr, row))}")
        return [column, self.title, self.identity]


def _value(where: str, row: dict, name: str) -> str | None:
    """What a row has in a column, as a text; None where nothing is written."""
    value = row.get(name)
    if isinstance(value, (dict, list)):
        raise UserError(f"{where}: column '{name}' holds {str(value)[:40]}, which is not a text")
    text = None if value is None else str(value)
    return text if text and not text.isspace() else None
