"""One csv, tsv, json, jsonl or parquet file as an Arrow table; what cannot be read is explained in one line.

Arrow does the reading. Only when it fails is the file read a second time, line by line, to say where it is wrong.
Text stays text: in csv and tsv nothing is turned into a number, a date or a null ("007", "N/A" and "null" are texts).
Tab-separated files are read without quoting, as GLUE and KorSTS are published: there a quotation mark is a character.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from lit_embed.data.read_json import read_json, whole
from lit_embed.data.sheet import NOT_UTF8, one_line
from lit_embed.errors import UserError


def read_file(path: Path) -> pa.Table:
    """All rows and columns of one file.

    Raises
        UserError   unknown extension, missing or empty file, no rows, broken or undecodable content (with its row)
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: unknown extension '{path.suffix}'; one of {', '.join(READERS)} can be read")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise UserError(f"{path}: the file is UTF-16; save it as UTF-8 (iconv -f utf-16 -t utf-8)")
    table = reader(path)
    if table.num_rows == 0:
        raise UserError(f"{path}: the file has no rows")
    return table


def separators(path: Path) -> tuple[str, str | bool]:
    """What stands between the cells of a csv or tsv file, and around them."""
    if path.suffix.lower() == ".tsv":
        return "\t", False
    with path.open("rb") as file:
        header = file.readline()
    # A spreadsheet of a country that writes 3,14 separates by semicolons.
    return ";" if header.count(b";") > header.count(b",") else ",", '"'


def _read_separated(path: Path) -> pa.Table:
    delimiter, quote = separators(path)
    try:
        header = next(cells(path, delimiter, quote), [])
        if any(map(_undecodable, header)):
            raise UserError(f"{path}, header: {NOT_UTF8}")
        return pyarrow.csv.read_csv(
            path,
            pyarrow.csv.ReadOptions(block_size=whole(path)),
            pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char=quote, newlines_in_values=bool(quote)),
            pyarrow.csv.ConvertOptions(column_types={name: pa.string() for name in header}),
        )
    except (pa.ArrowException, csv.Error) as error:
        raise UserError(_why_separated(path, delimiter, quote) or f"{path}: {one_line(error)}") from error


def cells(path: Path, delimiter: str, quote: str | bool) -> Iterator[list[str]]:
    """The header and then the rows, blank lines left out; undecodable bytes come as lone surrogates."""
    csv.field_size_limit(sys.maxsize)
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from (row for row in csv.reader(file, delimiter=delimiter, **quoting) if row)


def _why_separated(path: Path, delimiter: str, quote: str | bool) -> str | None:
    rows = cells(path, delimiter, quote)
    header = next(rows, [])
    for number, row in enumerate(rows, start=1):
        bad = [name for name, cell in zip(header, row, strict=False) if _undecodable(cell)]
        if bad:
            return f"{path}, row {number}, column '{bad[0]}': {NOT_UTF8}"
        if len(row) != len(header):
            return f"{path}, row {number}: {len(row)} cells where the header names {len(header)} columns"
    return None


def _undecodable(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pyarrow.parquet.ParquetFile(path, memory_map=True).read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a whole parquet file: {one_line(error)}") from error


READERS = {".csv": _read_separated, ".tsv": _read_separated, ".json": read_json, ".jsonl": read_json, ".parquet": _read_parquet}
