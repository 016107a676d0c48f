import numpy as np
import pyarrow as pa
import pytest

from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError


def sheet(**columns) -> Sheet:
    return Sheet.of([("a.csv", pa.table(columns))])


def test_a_row_keeps_its_place_of_origin_through_every_choice():
    both = Sheet.of([("a.csv", pa.table({"x": ["p", "q"]})), ("b.csv", pa.table({"x": ["r", "s"]}))])
    chosen = both.take([3, 0]).take([0])
    assert chosen.texts("x") == ["s"]
    assert chosen.where(0) == "b.csv, row 2"


def test_a_column_inside_another_is_named_with_a_dot():
    nested = sheet(labels=[{"label": 3.7, "binary": 1}], x=["a"])
    assert nested.columns == ["labels.label", "labels.binary", "x"]
    assert nested.numbers("labels.label").tolist() == [3.7]


def test_a_name_with_a_dot_in_it_is_found_first():
    assert sheet(**{"a.b": ["x"]}).texts("a.b") == ["x"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_blank_texts_are_none_in_every_kind_of_column(kind):
    column = pa.array(["a", None, "", " \t\n", "\u3000", " b "]).cast(kind)
    assert sheet(x=column).texts("x") == ["a", None, None, None, None, " b "]


def test_numbers_become_texts_and_texts_numbers():
    both = sheet(x=[1, 2, None], y=["1.5", "", " 2 "])
    assert both.texts("x") == ["1", "2", None]
    np.testing.assert_array_equal(both.numbers("y"), [1.5, np.nan, 2])


@pytest.mark.parametrize("ask, said", [
    (lambda s: s.column("Q"), "a.csv: no column 'Q'; its columns are 'x', 'y', 'z'"),
    (lambda s: s.texts("z"), "a.csv, row 1: column 'z' holds list<item: int64>, not a text"),
    (lambda s: s.numbers("z"), "a.csv, row 1: column 'z' holds list<item: int64>, not a number"),
    (lambda s: s.numbers("y"), "a.csv, row 2, column 'y': 'two' is not a number"),
    (lambda s: s.texts("x"), "a.csv, row 2, column 'x': bytes that are not UTF-8"),
])
def test_an_error_names_file_row_and_column(ask, said):
    undecodable = pa.StringArray.from_buffers(2, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xe9"))
    with pytest.raises(UserError) as error:
        ask(sheet(x=undecodable, y=["1", "two"], z=pa.array([[1], [2]], pa.list_(pa.field("item", pa.int64())))))
    assert str(error.value).startswith(said)


def test_one_column_is_not_enough_for_pairs():
    with pytest.raises(UserError, match="there is one column only, 'text', and pairs need two"):
        sheet(text=["a"]).column("query")


def test_two_columns_of_one_name_are_refused_when_asked_for():
    twice = Sheet.of([("a.csv", pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["x", "x"]))])
    with pytest.raises(UserError, match="2 columns are called 'x'"):
        twice.texts("x")


def test_files_of_different_kinds_of_column_are_refused():
    with pytest.raises(UserError, match="a.csv and its neighbours have different columns"):
        Sheet.of([("a.csv", pa.table({"x": ["a"]})), ("b.csv", pa.table({"x": [[1]]}))])
