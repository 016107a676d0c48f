"""A file read row by row holds what the whole of it holds, and its mistakes are named by their row."""

import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_embed.data.read_file import READERS, read_file
from lit_embed.data.stream_file import STEP, count_rows, has_columns, rows_of
from lit_embed.errors import UserError

ROWS = [{"_id": f"{i}", "text": f'글 "{i}"; a, b', "n": str(i)} for i in range(2 * STEP + 3)]


def write_rows(file, rows=ROWS):
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file, row_group_size=700)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf8")
    elif file.suffix == ".jsonl":
        file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf8")
    else:
        mark, quote = ("\t", "") if file.suffix == ".tsv" else (",", '"')
        cells = [[cell.replace('"', '""') if quote else cell for cell in row.values()] for row in rows]
        lines = [mark.join(rows[0]), *(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in cells)]
        file.write_text("﻿" + "\n".join(lines) + "\n", encoding="utf8")
    return file


@pytest.mark.parametrize("end", READERS)
def test_rows_are_those_of_the_whole_file(tmp_path, end):
    file = write_rows(tmp_path / f"rows{end}")
    found = list(rows_of(file, ["text", "_id"]))
    assert [(row["_id"], row["text"]) for _, row in found] == [(row["_id"], row["text"]) for row in ROWS]
    assert [row["text"] for _, row in found] == read_file(file)["text"].to_pylist()
    assert found[4][0] in (f"{file}, row 5", f"{file}, line 5") and has_columns(file)
    assert abs(count_rows(file) - len(ROWS)) <= 1 or end == ".json"


def test_only_the_columns_that_are_wanted_are_read_of_a_parquet_file(tmp_path):
    file = write_rows(tmp_path / "rows.parquet")
    assert list(next(rows_of(file, ["text"]))[1]) == ["text"]
    assert list(next(rows_of(file, ["text", "x"]))[1]) == list(next(rows_of(file))[1]) == ["_id", "text", "n"]


def test_any_other_file_has_a_text_in_every_line(tmp_path):
    (tmp_path / "texts").write_bytes("\ufeff하나\r\n\n  two \nthree".encode())
    found = list(rows_of(tmp_path / "texts"))
    assert [row["text"] for _, row in found] == ["하나", "", "  two ", "three"] and not has_columns(tmp_path / "texts")
    assert found[3][0].endswith("texts, line 4")


@pytest.mark.parametrize("name", ["large.jsonl", "large.parquet", "large.txt", "large.csv"])
def test_a_large_file_is_never_in_memory(tmp_path, name):
    file = tmp_path / name
    rows = [{"text": f"{i} " + "x" * 2_000} for i in range(8_000)]                    # 16 MB
    if name == "large.txt":
        file.write_text("\n".join(row["text"] for row in rows))
    else:
        write_rows(file, rows)
    tracemalloc.start()
    assert sum(1 for _ in rows_of(file)) == 8_000
    assert tracemalloc.get_traced_memory()[1] < 6e6
    tracemalloc.stop()


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: broken JSON"),
    ("a.jsonl", b'{"text": "a"}\n["b"]\n', "line 2: expected an object"),
    ("a.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "line 2: bytes that are not UTF-8"),
    ("a.csv", b"text,n\na,1\nb\n", "row 2: 1 cells where the header names 2"),
    ("a.csv", b"text,n\na,1\nb\xff,2\n", "row 2, column 'text': bytes that are not UTF-8"),
    ("a.txt", b"a\nb\xff\n", "line 2: bytes that are not UTF-8"),
    ("a.txt", "a".encode("utf16"), "UTF-16"),
    ("a.parquet", b"PAR1 and no more", "not a whole parquet file"),
])
def test_what_is_broken_is_named_by_its_row(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        list(rows_of(tmp_path / name))


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        rows_of(tmp_path / "gone.txt")
