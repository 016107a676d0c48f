"""The rows of a csv, tsv or jsonl file from any byte on where one begins, one after the other: text in, columns out."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from lit_embed.data.read_file import separators
from lit_embed.data.sheet import NOT_UTF8, one_line
from lit_embed.errors import UserError

TEXT = (".csv", ".tsv", ".jsonl")


def records(source: Path, place: int) -> Iterator[tuple[int, bytes]]:
    """Where each row begins and its bytes; the header of a csv file is none, and neither are empty lines.

    place   the byte to begin at: 0, or where a row was found to begin

    Raises
        UserError   the file is UTF-16, or ends within quotation marks
    """
    in_cells = source.suffix.lower() == ".csv"                   # where a line may end inside a cell
    header = place == 0 and source.suffix.lower() != ".jsonl"
    with open(source, "rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise UserError(f"{source}: the file is UTF-16; save it as UTF-8 (iconv -f utf-16 -t utf-8)")
        file.seek(place)
        start, lines, inside = place, [], False
        for line in file:
            lines.append(line)
            inside ^= in_cells and line.count(b'"') % 2 == 1
            if inside:
                continue
            record = b"".join(lines)
            if record.strip() and not header:
                yield start, record
            header = header and not record.strip()
            start, lines = start + len(record), []
    if inside:
        raise UserError(f"{source}: a quotation mark at the end of the file was never closed")


def read_jsonl(source: Path, rows: Iterator[tuple[str, str]]) -> pa.Table:
    """rows: where each stands, and its line."""
    found = []
    for where, text in rows:
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError as error:
            raise UserError(f"{where}: broken JSON: {error.msg} (column {error.colno})") from error
        if not isinstance(found[-1], dict):
            raise UserError(f"{where}: expected an object with named values, found {text.strip()[:40]}")
    names = dict.fromkeys(name for row in found for name in row)
    try:
        return pa.table({name: [row.get(name) for row in found] for name in names})
    except pa.ArrowException as error:
        raise UserError(f"{source}: values of several kinds in one column: {one_line(error)}") from error


def read_separated(source: Path, rows: Iterator[tuple[str, str]]) -> pa.Table:
    """rows: where each stands, and its text, which may be several lines; all cells are texts."""
    csv.field_size_limit(sys.maxsize)
    delimiter, quote = separators(source)
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    with open(source, encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(row for row in csv.reader(file, delimiter=delimiter, **quoting) if row)
    columns = [[] for _ in header]
    for where, text in rows:
        first, *others = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **quoting)
        if others:
            raise UserError(f"{where}: a quotation mark inside a cell, which does not say where the row ends; double it, or "
                            "write the file as jsonl or parquet")
        if len(first) != len(header):
            raise UserError(f"{where}: {len(first)} cells where the header names {len(header)} columns")
        for column, cell in zip(columns, first):
            column.append(cell)
    return pa.table(columns, names=header)


def decoded(source: Path, place: int, skip: int, count: int, number: int) -> Iterator[tuple[str, str]]:
    """Where each of `count` rows stands and its text, behind `skip` that are passed over; the first is row `number`."""
    for at, (_, record) in zip(range(skip + count), records(source, place)):
        if at >= skip:
            where = f"{source}, row {number + at - skip}"
            try:
                yield where, record.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise UserError(f"{where}: {NOT_UTF8}") from error
