"""One file row by row, however large: nothing but the row, or a row group of parquet, is in memory.

read_file holds whole files, and is the better one wherever rows are drawn, split or counted. Here a file that is not of
its kinds has a text in every line.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.data.read_file import cells, separators
from lit_embed.data.read_json import read_json
from lit_embed.data.sheet import NOT_UTF8, one_line
from lit_embed.errors import UserError

STEP = 1_024            # rows that Arrow hands over at a time


def rows_of(file: Path, columns: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, object]]]:
    """Where each row stands, for messages, and what is in it; of a text file the line, as the only column "text".

    columns   of a parquet file that has them all, only these are read

    Raises
        UserError   no such file, or broken or undecodable content, with its row
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    end = file.suffix.lower()
    if end == ".parquet":
        return _parquet(file, columns)
    if end in (".csv", ".tsv"):
        return _separated(file)
    if end in (".json", ".jsonl"):
        return _whole_json(file) if _is_list(file) else _json_lines(file)
    return ((f"{file}, line {number}", {"text": line}) for number, line in _lines(file))


def has_columns(file: Path) -> bool:
    return file.suffix.lower() in (".parquet", ".csv", ".tsv", ".json", ".jsonl")


def count_rows(file: Path) -> int:
    """How many rows there are: exactly in parquet, otherwise the lines, which is close enough to foresee an end."""
    if file.suffix.lower() == ".parquet":
        return _open_parquet(file).metadata.num_rows
    with open(file, "rb") as stream:
        return sum(part.count(b"\n") for part in iter(lambda: stream.read(1 << 20), b"")) or 1


def rows_of_table(source: str, batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, dict[str, object]]]:
    number = 0
    for batch in batches:
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError as error:
            raise UserError(f"{source}, one of the {len(batch)} rows from {number + 1} on: {NOT_UTF8}") from error
        for number, row in enumerate(rows, start=number + 1):
            yield f"{source}, row {number}", row


def _open_parquet(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a whole parquet file: {one_line(error)}") from error


def _parquet(file: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, object]]]:
    opened = _open_parquet(file)
    only = list(columns) if columns and set(columns) <= set(opened.schema_arrow.names) else None
    try:
        yield from rows_of_table(str(file), opened.iter_batches(STEP, columns=only))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{file}: not a whole parquet file: {one_line(error)}") from error


def _separated(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    delimiter, quote = separators(file)
    rows = cells(file, delimiter, quote)
    try:
        header = next(rows, [])
        for number, row in enumerate(rows, start=1):
            where = f"{file}, row {number}"
            if len(row) != len(header):
                raise UserError(f"{where}: {len(row)} cells where the header names {len(header)} columns")
            found = dict(zip(header, row))
            for name, cell in found.items():
                if not _decoded(cell):
                    raise UserError(f"{where}, column '{name}': {NOT_UTF8}")
            yield where, found
    except csv.Error as error:
        raise UserError(f"{file}: {one_line(error)}") from error


def _whole_json(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    return rows_of_table(str(file), iter(read_json(file).to_batches(STEP)))


def _json_lines(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    for number, line in _lines(file):
        where = f"{file}, line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{where}: broken JSON: {error.msg} (column {error.colno})") from error
        if not isinstance(row, dict):
            raise UserError(f"{where}: expected an object with named values, found {line.strip()[:40]}")
        yield where, row


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    with open(file, "rb") as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise UserError(f"{file}: the file is UTF-16; save it as UTF-8 (iconv -f utf-16 -t utf-8)")
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            try:
                yield number, line.decode("utf8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise UserError(f"{file}, line {number}: {NOT_UTF8}") from error


def _is_list(file: Path) -> bool:
    with open(file, "rb") as stream:
        return stream.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _decoded(text: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in text)
