import numpy as np
import pyarrow as pa
import pytest

from lit_embed.data.columns import classes, pair_rows, scores
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError


def sheet(**columns) -> Sheet:
    return Sheet.of([("a.csv", pa.table(columns))])


def test_scores_are_scaled_to_one():
    values = scores(sheet(s=[1.0, 2.0, 4.0, None]), "s", 1, 5)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.float32([0, 0.25, 0.75, np.nan]))


@pytest.mark.parametrize("value", [-0.1, 5.1, float("inf")])
def test_a_score_outside_its_range_is_refused(value):
    with pytest.raises(UserError, match=r"a.csv, row 2, column 's': score .* is outside its range 0 to 5"):
        scores(sheet(s=[0.0, value]), "s", 0, 5)


def test_classes_are_numbers_or_names():
    np.testing.assert_array_equal(classes(sheet(c=["0", "2", ""]), "c", 3), [0, 2, np.nan])
    np.testing.assert_array_equal(classes(sheet(c=["no", "yes", None]), "c", ["yes", "no"]), [1, 0, np.nan])


@pytest.mark.parametrize("column, allowed, said", [
    ([0, 3], 3, "label 3 is none of the classes (0 to 2)"),
    ([0, -1], 3, "label -1 is none of the classes"),
    ([0, 0.5], 3, "label 0.5 is none of the classes"),
    (["yes", "maybe"], ["yes", "no"], "label 'maybe' is none of the classes (yes, no)"),
])
def test_a_label_outside_its_classes_is_refused(column, allowed, said):
    with pytest.raises(UserError) as error:
        classes(sheet(c=column), "c", allowed)
    assert str(error.value).startswith(f"a.csv, row 2, column 'c': {said}")


BAD = {"q": ["a", "", "c", "d"], "d": ["1", "2", None, "4"], "s": [0.0, 1.0, 1.0, None]}


@pytest.mark.parametrize("keep, said", [
    ([0, 1], "a.csv, row 2: column 'q' is empty"),
    ([0, 2], "a.csv, row 3: column 'd' is empty"),
    ([0, 3], "a.csv, row 4: column 's' is empty"),
])
def test_an_empty_value_is_an_error_with_its_row(keep, said):
    some = sheet(**BAD).take(keep)
    with pytest.raises(UserError) as error:
        pair_rows(some, "q", "d", "error", labels=scores(some, "s", 0, 1), label="s")
    assert str(error.value).startswith(said) and "on_bad_row: skip" in str(error.value)


def test_bad_rows_are_left_out_with_a_count_if_asked(caplog):
    all_rows = sheet(**BAD)
    with caplog.at_level("INFO"):
        rows = pair_rows(all_rows, "q", "d", "skip", labels=scores(all_rows, "s", 0, 1), label="s")
    assert (rows.queries, rows.documents, rows.labels.tolist()) == (["a"], [["1"]], [0.0])
    assert "a.csv: 3 of 4 rows left out, their q or d or s is empty" in caplog.text


def test_class_labels_come_out_as_integers_and_scores_as_float32():
    some = sheet(q=["a"], d=["b"], c=[1])
    assert pair_rows(some, "q", "d", "error", labels=classes(some, "c", 2)).labels.dtype == np.int64
    assert pair_rows(some, "q", "d", "error", labels=scores(some, "c", 0, 2)).labels.dtype == np.float32


def test_negatives_are_columns_or_a_column_of_lists():
    some = sheet(q=["a", "b"], d=["1", "2"], n=["x", "y"], many=[["k", "l", "m"], ["o", "p", ""]])
    assert pair_rows(some, "q", "d", "error", ["n"]).documents == [["1", "2"], ["x", "y"]]
    # The shortest list decides: a list is never filled up with repeats.
    assert pair_rows(some, "q", "d", "error", ["n", "many"]).documents == [
        ["1", "2"], ["x", "y"], ["k", "o"], ["l", "p"]]


def test_a_row_without_negatives_is_a_bad_row():
    some = sheet(q=["a", "b"], d=["1", "2"], many=[["k", "l"], []])
    with pytest.raises(UserError, match="a.csv, row 2: column 'many' is empty"):
        pair_rows(some, "q", "d", "error", ["many"])
    assert pair_rows(some, "q", "d", "skip", ["many"]).documents == [["1"], ["k"]]


def test_nothing_left_is_an_error():
    with pytest.raises(UserError, match="no row has all of q, d"):
        pair_rows(sheet(q=[""], d=["x"]), "q", "d", "skip")
    with pytest.raises(UserError, match="no rows are left"):
        pair_rows(sheet(q=["a"], d=["x"]).take([]), "q", "d", "error")


def test_one_column_cannot_be_both_sides():
    with pytest.raises(UserError, match="the same column 'q'"):
        pair_rows(sheet(q=["a"]), "q", "q", "error")
