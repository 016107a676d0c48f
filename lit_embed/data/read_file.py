"""One csv, tsv, json, jsonl or parquet file as an Arrow table; what cannot be read is explained in one line.

Arrow does the reading. Only when it fails is the file read a second time, line by line, to say where it is wrong.
Text stays text: in csv and tsv nothing is turned into a number, a date or a null ("007", "N/A" and "null" are texts).
Tab-separated files are read without quoting, as GLUE and KorSTS are published: there a quotation mark is a character.
"""

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from lit_embed.errors import UserError

ENCODING_HINT = "save the file as UTF-8 (iconv -f latin1 -t utf-8, or -f cp949 from a Korean Windows)"


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
    table = reader(path)
    if table.num_rows == 0:
        raise UserError(f"{path}: the file has no rows")
    return table


def _read_csv(path: Path) -> pa.Table:
    return _read_separated(path, ",", quote='"')


def _read_tsv(path: Path) -> pa.Table:
    return _read_separated(path, "\t", quote=False)


def _read_separated(path: Path, delimiter: str, quote: str | bool) -> pa.Table:
    try:
        header = next(_cells(path, delimiter, quote), [])
        return pyarrow.csv.read_csv(
            path,
            pyarrow.csv.ReadOptions(block_size=_whole(path)),
            pyarrow.csv.ParseOptions(delimiter=delimiter, quote_char=quote, newlines_in_values=bool(quote)),
            pyarrow.csv.ConvertOptions(column_types={name: pa.string() for name in header}),
        )
    except (pa.ArrowException, csv.Error) as error:
        raise UserError(_why_separated(path, delimiter, quote) or f"{path}: {_one_line(error)}") from error


def _whole(path: Path) -> int:
    # One block as large as the file: Arrow cuts no row in two, and its types hold for all rows.
    return min(max(path.stat().st_size + 1, 1 << 20), (1 << 31) - 1)


def _cells(path: Path, delimiter: str, quote: str | bool) -> Iterator[list[str]]:
    """The header and then the rows, blank lines left out; undecodable bytes come as lone surrogates."""
    csv.field_size_limit(sys.maxsize)
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from (row for row in csv.reader(file, delimiter=delimiter, **quoting) if row)


def _why_separated(path: Path, delimiter: str, quote: str | bool) -> str | None:
    rows = _cells(path, delimiter, quote)
    header = next(rows, [])
    if any(map(_undecodable, header)):
        return f"{path}: bytes in the header are not UTF-8; {ENCODING_HINT}"
    for number, row in enumerate(rows, start=1):
        bad = [name for name, cell in zip(header, row, strict=False) if _undecodable(cell)]
        if bad:
            return f"{path}, row {number}, column '{bad[0]}': bytes that are not UTF-8; {ENCODING_HINT}"
        if len(row) != len(header):
            return f"{path}, row {number}: {len(row)} cells where the header names {len(header)} columns"
    return None


def _undecodable(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _read_json(path: Path) -> pa.Table:
    with open(path, "rb") as file:
        is_list = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    try:
        return _read_json_list(path) if is_list else _read_json_lines(path)
    except (pa.ArrowException, ValueError) as error:
        raise UserError(_why_json(path, is_list, error)) from error


def _read_json_list(path: Path) -> pa.Table:
    rows = json.loads(path.read_text(encoding="utf-8-sig"))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise UserError(f"{path}, row {number}: expected an object with named values, found {str(row)[:40]}")
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(pa.array(rows))]) if rows else pa.table({})


def _read_json_lines(path: Path) -> pa.Table:
    options = pyarrow.json.ReadOptions(block_size=_whole(path))
    table = pyarrow.json.read_json(path, options)
    # Arrow takes a column of texts that all look like dates for dates: read again, and leave them texts.
    dates = [pa.field(field.name, pa.string()) for field in table.schema if pa.types.is_temporal(field.type)]
    if dates:
        table = pyarrow.json.read_json(path, options, pyarrow.json.ParseOptions(explicit_schema=pa.schema(dates)))
    return table


def _why_json(path: Path, is_list: bool, error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"{path}, line {line}: bytes that are not UTF-8; {ENCODING_HINT}"
    if isinstance(error, json.JSONDecodeError):
        return f"{path}, line {error.lineno}: broken JSON: {error.msg} (column {error.colno})"
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line.decode("utf-8-sig")) if line.strip() and not is_list else {}
            except UnicodeDecodeError:
                return f"{path}, line {number}: bytes that are not UTF-8; {ENCODING_HINT}"
            except json.JSONDecodeError as broken:
                return f"{path}, line {number}: broken JSON: {broken.msg} (column {broken.colno})"
            if not isinstance(row, dict):
                return f"{path}, line {number}: expected an object with named values, found {str(row)[:40]}"
    if changed := re.search(r"Column\(/(.+?)\) changed from (\w+) to (\w+) in row (\d+)", str(error)):
        name, before, after, row = changed.groups()
        return f"{path}, row {int(row) + 1}, column '{name}': a {after} where the rows before have a {before}"
    return f"{path}: {_one_line(error)}"


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pyarrow.parquet.ParquetFile(path, memory_map=True).read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a whole parquet file: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


READERS = {".csv": _read_csv, ".tsv": _read_tsv, ".json": _read_json, ".jsonl": _read_json, ".parquet": _read_parquet}
