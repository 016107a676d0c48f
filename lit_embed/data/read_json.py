"""JSON as an Arrow table: one object a line (whatever the file is called), or one list of objects.

Arrow reads the lines. Only when it fails are they read one by one, to say which of them is wrong.
"""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.json

from lit_embed.data.sheet import NOT_UTF8, one_line
from lit_embed.errors import UserError


def whole(path: Path) -> int:
    # One block as large as the file: Arrow cuts no row in two, and its types hold for all rows.
    return min(max(path.stat().st_size + 1, 1 << 20), (1 << 31) - 1)


def read_json(path: Path) -> pa.Table:
    """All rows of the file: one object a line, or one list of objects.

    Raises
        UserError   broken JSON or undecodable bytes (with the line), rows that are no objects, columns of mixed kinds
    """
    with open(path, "rb") as file:
        is_list = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
    try:
        return _read_json_list(path) if is_list else _read_json_lines(path)
    except (pa.ArrowException, ValueError) as error:
        raise UserError(_why_json(path, is_list, error)) from error


def _read_json_list(path: Path) -> pa.Table:
    rows = json.loads(path.read_text(encoding="utf-8-sig"))
    for number, row in enumerate(rows, start=1):
        if wrong := _wrong(row):
            raise UserError(f"{path}, row {number}: {wrong}")
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(pa.array(rows))]) if rows else pa.table({})


def _read_json_lines(path: Path) -> pa.Table:
    options = pyarrow.json.ReadOptions(block_size=whole(path))
    table = pyarrow.json.read_json(path, options)
    # Arrow takes a column of texts that all look like dates for dates: read again, and leave them texts.
    dates = [pa.field(field.name, pa.string()) for field in table.schema if pa.types.is_temporal(field.type)]
    if dates:
        table = pyarrow.json.read_json(path, options, pyarrow.json.ParseOptions(explicit_schema=pa.schema(dates)))
    return table


def _why_json(path: Path, is_list: bool, error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"{path}, line {line}: {NOT_UTF8}"
    if isinstance(error, json.JSONDecodeError):
        return f"{path}, line {error.lineno}: broken JSON: {error.msg} (column {error.colno})"
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line.decode("utf-8-sig")) if line.strip() and not is_list else {}
            except UnicodeDecodeError:
                return f"{path}, line {number}: {NOT_UTF8}"
            except json.JSONDecodeError as broken:
                return f"{path}, line {number}: broken JSON: {broken.msg} (column {broken.colno})"
            if wrong := _wrong(row):
                return f"{path}, line {number}: {wrong}"
    if changed := re.search(r"Column\(/(.+?)\) changed from (\w+) to (\w+) in row (\d+)", str(error)):
        name, before, after, row = changed.groups()
        return f"{path}, row {int(row) + 1}, column '{name}': a {after} where the rows before have a {before}"
    return f"{path}: {one_line(error)}"


def _wrong(row: object) -> str | None:
    if not isinstance(row, dict):
        return f"expected an object with named values, found {str(row)[:40]}"
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return f"half of a character, {error.object[error.start]!r} (a surrogate without its pair)"
    return None
