"""Text files row by row from any byte on, with the oddities that spreadsheets and editors leave in them."""

import csv

import pytest
from toy_words import write

from lit_embed.data.stream_records import decoded, read_jsonl, read_separated, records
from lit_embed.errors import UserError


def all_of(path, place=0):
    return [record.decode() for _, record in records(path, place)]


def test_a_row_may_be_several_lines_and_an_empty_line_is_none(tmp_path):
    path = tmp_path / "a.csv"
    write(path, 'q,a\r\n\r\n"one\r\nline","x ""y"""\r\n\r\ntwo,z\r\n')
    assert [record.strip() for record in all_of(path)] == ['"one\r\nline","x ""y"""', "two,z"]
    found = read_separated(path, decoded(path, 5, 0, 2, 1)).to_pydict()
    assert found == {"q": ["one\r\nline", "two"], "a": ['x "y"', "z"]}


def test_any_row_is_a_place_to_begin(tmp_path):
    path = tmp_path / "a.jsonl"
    write(path, "".join(f'{{"n": {i}}}\n' for i in range(20)))
    places = [place for place, _ in records(path, 0)]
    for number in (0, 7, 19):
        assert read_jsonl(path, decoded(path, places[number], 0, 1, number + 1)).to_pydict() == {"n": [number]}
    assert read_jsonl(path, decoded(path, places[3], 2, 3, 6)).to_pydict() == {"n": [5, 6, 7]}


def test_a_tab_separated_file_has_quotation_marks_as_letters(tmp_path):
    path = tmp_path / "a.tsv"
    write(path, 'q\ta\nsay "hi\tthere\nx\ty\n')
    assert read_separated(path, decoded(path, 4, 0, 2, 1)).to_pydict() == {"q": ['say "hi', "x"], "a": ["there", "y"]}


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path):
    path = tmp_path / "a.jsonl"
    write(path, b"\xef\xbb\xbf" + b'{"n": 1}\n')
    assert read_jsonl(path, decoded(path, 0, 0, 1, 1)).to_pydict() == {"n": [1]}


@pytest.mark.parametrize("name, content, message", [
    ("a.jsonl", b'{"n": 1}\n{"n": 2\n', "a.jsonl, row 2: broken JSON"),
    ("a.jsonl", b"[1]\n", "row 1: expected an object with named values"),
    ("a.jsonl", b'{"n": "\xff"}\n', "row 1: bytes that are not UTF-8"),
    ("a.jsonl", b"\xff\xfe{\x00", "the file is UTF-16"),
    ("a.csv", b"q,a\nx,y\nx,y,z\n", "row 2: 3 cells where the header names 2 columns"),
    ("a.csv", b'q,a\nx,"y\n', "a quotation mark at the end of the file was never closed"),
    ("a.csv", b'q,a\n5" disk,x\n3" disk,y\n', "row 1: a quotation mark inside a cell"),
])
def test_broken_content_is_one_line_with_its_row(tmp_path, name, content, message):
    path = tmp_path / name
    write(path, content)
    with pytest.raises(UserError, match=message):
        read = read_jsonl if name.endswith("jsonl") else read_separated
        read(path, decoded(path, 0, 0, 9, 1))


def test_the_same_rows_as_pythons_reader_of_whole_files(tmp_path):
    rows = [[f'a "{i}"', "x\ny" * (i % 3), f"{i},;"] for i in range(50)]
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf8") as file:
        csv.writer(file).writerows([["p", "q", "r"], *rows])
    found = read_separated(tmp_path / "a.csv", decoded(tmp_path / "a.csv", 0, 0, 50, 1))
    assert list(map(list, zip(*found.to_pydict().values()))) == rows
