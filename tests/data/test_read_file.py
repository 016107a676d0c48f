import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_words import write

from lit_embed.data.read_file import read_file
from lit_embed.errors import UserError

ROWS = {"Q": ["a", "N/A", "007", "x, \"y\"\nz"], "answer": ["2020-01-01", "null", "1e5", "ok"]}
CSV = 'Q,answer\na,2020-01-01\nN/A,null\n\n007,1e5\n"x, ""y""\nz",ok\n'


@pytest.mark.parametrize("text", [CSV, "\ufeff" + CSV, CSV.replace("\n", "\r\n").replace("\"\"\r\n", "\"\"\n"),
                                  CSV.replace(",", ";").replace("x;", "x,")])
def test_texts_of_a_csv_are_left_as_they_are_written(tmp_path, text):
    path = tmp_path / "x.csv"
    write(path, text)
    assert read_file(path).to_pydict() == ROWS


def test_a_quotation_mark_in_a_tsv_is_a_character(tmp_path):
    path = tmp_path / "x.tsv"
    write(path, 'score\tsentence1\tsentence2\n5.0\t"a b\tc\n1.0\td "e" f\tg\n')
    table = read_file(path).to_pydict()
    assert table == {"score": ["5.0", "1.0"], "sentence1": ['"a b', 'd "e" f'], "sentence2": ["c", "g"]}


def test_every_format_gives_the_same_rows(tmp_path):
    table = pa.table(ROWS)
    pq.write_table(table, tmp_path / "x.parquet")
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    write(tmp_path / "x.jsonl", lines)
    write(tmp_path / "x.CSV", CSV)
    assert [read_file(tmp_path / name).to_pydict() for name in ("x.parquet", "x.jsonl", "x.CSV")] == [ROWS] * 3


@pytest.mark.parametrize("name, text, said", [
    ("x.xlsx", "PK", ": unknown extension '.xlsx'; one of .csv, .tsv, .json, .jsonl, .parquet can be read"),
    ("x.csv", "", ": the file is empty"),
    ("x.csv", "Q,answer\n", ": the file has no rows"),
    ("x.jsonl", "\n\n", ": the file has no rows"),
    ("x.json", "[]", ": the file has no rows"),
    ("x.csv", "Q,answer\na,b\nc\n", ", row 2: 1 cells where the header names 2 columns"),
    ("x.csv", "Q,answer\na,b\nc,d,e\n", ", row 2: 3 cells where the header names 2 columns"),
    ("x.csv", "Q,answer\na,안녕\n".encode("cp949"), ", row 1, column 'answer': bytes that are not UTF-8"),
    ("x.tsv", b"Q\tanswer\na\tb\nc\xe9\td\n", ", row 2, column 'Q': bytes that are not UTF-8"),
    ("x.csv", b"Q,r\xe9ponse\na,b\n", ", header: bytes that are not UTF-8"),
    ("x.csv", "Q,answer\na,b\n".encode("utf-16"), ": the file is UTF-16"),
    ("x.parquet", "not parquet at all", ": not a whole parquet file"),
])
def test_an_error_names_the_file_and_the_row(tmp_path, name, text, said):
    path = tmp_path / name
    write(path, text)
    with pytest.raises(UserError) as error:
        read_file(path)
    assert str(error.value).startswith(f"{path}{said}")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_file(tmp_path / "x.csv")
