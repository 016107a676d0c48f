"""Rows of the user's data as Arrow columns that remember where each row came from, so that an error can name it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lit_embed.errors import UserError

NOT_UTF8 = "bytes that are not UTF-8; save the file as UTF-8 (iconv -f latin1 -t utf-8, or -f cp949 for Korean Windows)"


def one_line(error: Exception) -> str:
    """What a library has to say, short enough for the end of ours."""
    return " ".join(str(error).split())[:200]


@dataclass(frozen=True)
class Sheet:
    """N rows.

    table     the columns
    sources   the files (or Hub splits) the rows were read from
    source    (N,) which of them
    number    (N,) the row's number there: the first row is 1, a csv header is not a row
    """

    table: pa.Table
    sources: list[str]
    source: np.ndarray
    number: np.ndarray

    @classmethod
    def of(cls, parts: list[tuple[str, pa.Table]]) -> "Sheet":
        """The rows of several (source, table) one after the other."""
        tables = [table for _, table in parts]
        sizes = [table.num_rows for table in tables]
        try:
            table = pa.concat_tables(tables, promote_options="permissive") if len(tables) > 1 else tables[0]
        except pa.ArrowException as error:
            raise UserError(f"{parts[0][0]} and its neighbours have different columns: {one_line(error)}") from error
        number = np.concatenate([np.arange(1, size + 1) for size in sizes])
        return cls(table, [source for source, _ in parts], np.repeat(np.arange(len(parts)), sizes), number)

    def __len__(self) -> int:
        return self.table.num_rows

    def take(self, rows: np.ndarray) -> "Sheet":
        """The rows at these places (M,), in this order."""
        rows = np.asarray(rows, dtype=np.int64)
        return Sheet(self.table.take(pa.array(rows)), self.sources, self.source[rows], self.number[rows])

    def where(self, row: int) -> str:
        return f"{self.sources[self.source[row]]}, row {self.number[row]}"

    @property
    def columns(self) -> list[str]:
        """Names of all columns; a column inside another is written with a dot, as in labels.label."""
        names = []
        for field in self.table.schema:
            inner = list(field.type) if pa.types.is_struct(field.type) else []
            names += [f"{field.name}.{part.name}" for part in inner] or [field.name]
        return names

    def column(self, name: str) -> pa.ChunkedArray:
        """
        Raises
            UserError   there is no such column (or two of them), with those there are
        """
        outer, _, inner = name.partition(".")
        found = self.table.schema.get_all_field_indices(name)
        if len(found) == 1:
            return self.table.column(found[0])
        if inner and name in self.columns:
            return pc.struct_field(self.table.column(outer), inner)
        source = self.sources[0]
        if found:
            raise UserError(f"{source}: {len(found)} columns are called '{name}'; rename all but one")
        if len(self.columns) == 1:
            raise UserError(
                f"{source}: no column '{name}'; there is one column only, '{self.columns[0]}', and pairs need two"
            )
        raise UserError(f"{source}: no column '{name}'; its columns are {', '.join(map(repr, self.columns))}")

    def texts(self, name: str) -> list[str | None]:
        """The column as texts, None where nothing is written; numbers become text, lists are refused."""
        column = self.column(name)
        if pa.types.is_nested(column.type):
            raise UserError(f"{self.where(0)}: column '{name}' holds {column.type}, not a text")
        try:
            if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
                column = column.cast(pa.string())
            texts = column.to_pylist()
        except pa.ArrowException as error:
            raise UserError(f"{self.sources[0]}: column '{name}' holds {column.type}, not texts") from error
        except UnicodeDecodeError as error:
            row = next(i for i, text in enumerate(column.cast(pa.large_binary()).to_pylist()) if not _is_utf8(text))
            raise UserError(f"{self.where(row)}, column '{name}': {NOT_UTF8}") from error
        return [text if text and not text.isspace() else None for text in texts]

    def numbers(self, name: str) -> np.ndarray:
        """The column as float64 (N,), NaN where nothing is written.

        Raises
            UserError   a value that is not a number, with its row
        """
        column = self.column(name)
        if pa.types.is_nested(column.type):
            raise UserError(f"{self.where(0)}: column '{name}' holds {column.type}, not a number")
        try:
            return column.cast(pa.float64()).to_numpy()
        except pa.ArrowException:
            return np.array([self._number(row, name, text) for row, text in enumerate(self.texts(name))])

    def _number(self, row: int, name: str, text: str | None) -> float:
        try:
            return float("nan" if text is None else text)
        except ValueError:
            raise UserError(f"{self.where(row)}, column '{name}': {text!r} is not a number") from None


def _is_utf8(text: bytes | None) -> bool:
    try:
        return text is None or bool(text.decode() or True)
    except UnicodeDecodeError:
        return False
