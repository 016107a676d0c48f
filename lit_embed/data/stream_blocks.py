"""Files of any size as blocks of rows that can be read alone and in any order: where each begins, and how to read it.

A parquet file says in its footer how many rows its row groups have. A text file is read through once, line by line, to
note where blocks begin; only those places are kept. A row's number is its place in its file, the first is 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.data.sheet import Sheet, one_line
from lit_embed.data.stream_records import TEXT, decoded, read_jsonl, read_separated, records
from lit_embed.errors import UserError

STEP = 1_024            # rows that Arrow hands over at a time


@dataclass(frozen=True)
class Block:
    """`rows` rows, the first of them number `first` of `source`, behind `skip` others that a reader passes over.

    place   parquet: the row group; csv, tsv and jsonl: the first byte; a table: its first row
    """

    source: Path | str
    place: int
    skip: int
    rows: int
    first: int

    def part(self, start: int, stop: int) -> "Block":
        return replace(self, skip=self.skip + start, rows=stop - start, first=self.first + start)


def blocks_of(source: Path, size: int) -> list[Block]:
    """The blocks of one file, of at most `size` rows each.

    Raises
        UserError   no such file, no rows, a kind that cannot be read in parts, not a whole parquet file
    """
    kind = source.suffix.lower()
    if kind != ".parquet" and kind not in TEXT:
        raise UserError(f"{source}: a stream reads parquet, jsonl, csv and tsv files; write it as one of them (jsonl: an object "
                        "in every line)")
    if not source.is_file():
        raise UserError(f"{source}: no such file")
    found = list(_row_groups(source, size) if kind == ".parquet" else _text_blocks(source, size))
    if not found:
        raise UserError(f"{source}: the file has no rows")
    return found


def blocks_of_table(source: str, table: pa.Table, size: int) -> list[Block]:
    """The same of a table, such as the Hub's, which is mapped into memory."""
    return [Block(source, start, 0, min(size, len(table) - start), start + 1) for start in range(0, len(table), size)]


def read_block(block: Block, columns: list[str], table: pa.Table | None = None) -> Sheet:
    """The rows of a block, which know where they stood; parquet reads only these columns, where it has them all.

    Raises
        UserError   broken or undecodable content, with its row
    """
    if table is not None:
        rows = table.slice(block.place + block.skip, block.rows)
    elif block.source.suffix.lower() == ".parquet":
        rows = _read_parquet(block, columns)
    else:
        read = read_jsonl if block.source.suffix.lower() == ".jsonl" else read_separated
        rows = read(block.source, decoded(block.source, block.place, block.skip, block.rows, block.first))
    if len(rows) != block.rows:
        raise UserError(f"{block.source}: {len(rows)} rows are left where {block.rows} were counted: the file has changed")
    return Sheet(rows, [str(block.source)], np.zeros(block.rows, dtype=np.int64), block.first + np.arange(block.rows))


def _row_groups(source: Path, size: int) -> Iterator[Block]:
    first = 1
    with _open(source) as file:
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            for start in range(0, rows, size):
                yield Block(source, group, start, min(size, rows - start), first + start)
            first += rows


def _open(source: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source, memory_map=False, pre_buffer=False)    # a mapped file would fill memory page by page
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{source}: not a whole parquet file: {one_line(error)}") from error


def _read_parquet(block: Block, columns: list[str]) -> pa.Table:
    """Row groups are decoded from their start: with large ones, some rows are passed over."""
    parts, seen, stop = [], 0, block.skip + block.rows
    with _open(block.source) as file:
        only = columns if columns and set(columns) <= set(file.schema_arrow.names) else None
        try:
            for batch in file.iter_batches(STEP, row_groups=[block.place], columns=only):
                start = max(block.skip - seen, 0)
                if start < len(batch):
                    parts.append(batch.slice(start, min(len(batch), stop - seen) - start))
                seen += len(batch)
                if seen >= stop:
                    break
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"{block.source}: not a whole parquet file: {one_line(error)}") from error
        return pa.Table.from_batches(parts, parts[0].schema if parts else file.schema_arrow)


def _text_blocks(source: Path, size: int) -> Iterator[Block]:
    place, rows, first = 0, 0, 1
    for start, _ in records(source, 0):
        if rows == 0:
            place = start
        rows += 1
        if rows == size:
            yield Block(source, place, 0, rows, first)
            first, rows = first + rows, 0
    if rows:
        yield Block(source, place, 0, rows, first)
