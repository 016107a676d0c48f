"""Blocks cover every row of a file once, and each is read alone."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_words import write

from lit_embed.data.stream_blocks import blocks_of, blocks_of_table, read_block
from lit_embed.errors import UserError

TABLE = pa.table({"q": [f"q{i}" for i in range(25)], "a": [f"a{i}" for i in range(25)], "n": list(range(25))})


def file_of(folder, kind):
    path = folder / f"rows.{kind}"
    rows = TABLE.to_pylist()
    if kind == "parquet":
        pq.write_table(TABLE, path, row_group_size=10)
    elif kind == "jsonl":
        write(path, "".join(json.dumps(row) + "\n" for row in rows))
    else:
        between = "," if kind == "csv" else "\t"
        write(path, "\n".join([between.join(TABLE.column_names), *(between.join(map(str, row.values())) for row in rows)]))
    return path


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "tsv"])
@pytest.mark.parametrize("size", [1, 4, 10, 100])
def test_blocks_hold_every_row_once_with_its_number(tmp_path, kind, size):
    blocks = blocks_of(file_of(tmp_path, kind), size)
    assert max(block.rows for block in blocks) <= size
    found = [(sheet.where(i), text) for sheet in (read_block(block, ["q"]) for block in blocks)
             for i, text in enumerate(sheet.texts("q"))]
    assert found == [(f"{tmp_path}/rows.{kind}, row {i + 1}", f"q{i}") for i in range(25)]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_a_block_in_two_parts_is_the_same_rows(tmp_path, kind):
    block = blocks_of(file_of(tmp_path, kind), 7)[1]
    whole = read_block(block, [])
    parts = [read_block(block.part(0, 2), []), read_block(block.part(2, block.rows), [])]
    assert [text for part in parts for text in part.texts("a")] == whole.texts("a")
    assert [number for part in parts for number in part.number] == whole.number.tolist()


def test_a_table_has_blocks_too():
    blocks = blocks_of_table("hub/train", TABLE, 10)
    assert [block.rows for block in blocks] == [10, 10, 5]
    sheet = read_block(blocks[2].part(1, 3), ["q"], TABLE)
    assert sheet.texts("q") == ["q21", "q22"] and sheet.where(0) == "hub/train, row 22"


def test_only_the_columns_asked_for_are_read_of_parquet(tmp_path):
    block = blocks_of(file_of(tmp_path, "parquet"), 10)[0]
    assert read_block(block, ["q", "a"]).columns == ["q", "a"] and read_block(block, ["q", "x"]).columns == ["q", "a", "n"]


@pytest.mark.parametrize("name, content, message", [
    ("a.json", b"[]", "a stream reads parquet, jsonl, csv and tsv files"), ("a.jsonl", b"\n\n", "the file has no rows"),
    ("a.csv", b"q,a\n", "the file has no rows"), ("a.parquet", b"PAR1", "not a whole parquet file"),
])
def test_what_cannot_be_streamed_is_one_line(tmp_path, name, content, message):
    write(tmp_path / name, content)
    with pytest.raises(UserError, match=message):
        blocks_of(tmp_path / name, 10)
    with pytest.raises(UserError, match="no such file"):
        blocks_of(tmp_path / "none.parquet", 10)


def test_a_file_that_changed_since_it_was_counted_is_one_line(tmp_path):
    path = file_of(tmp_path, "jsonl")
    block = blocks_of(path, 10)[2]
    write(path, "".join(path.read_text().splitlines(keepends=True)[:22]))
    with pytest.raises(UserError, match="2 rows are left where 5 were counted: the file has changed"):
        read_block(block, [])
