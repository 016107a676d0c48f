"""A teacher's scores come in the order of the texts, from lists or single columns, each row with as many."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_words import with_trainer, write

from lit_embed.data import Pairs
from lit_embed.data.sheet import Sheet
from lit_embed.data.teacher_scores import teacher_scores
from lit_embed.errors import UserError

ROWS = [{"query": f"q{i}", "document": f"d{i}", "negatives": [f"n{i}", f"m{i}"], "one": f"n{i}", "score": 5.0 + i, "number": i,
         "scores": [0.5 + i, -i / 1], "teacher_scores": [5.0 + i, 0.5 + i, -i / 1]} for i in range(4)]


def parquet(folder, rows=ROWS) -> str:
    pq.write_table(pa.Table.from_pylist(rows), folder / "taught.parquet")
    return str(folder / "taught.parquet")


def pairs(path, columns, negatives="negatives", **options):
    return Pairs(path, negatives=negatives, teacher_scores=columns, validation="train", **options)


@pytest.mark.parametrize("columns", ["teacher_scores", ["teacher_scores"], ["score", "scores"]])
def test_a_list_of_all_or_columns_side_by_side(tmp_path, columns):
    rows = pairs(parquet(tmp_path), columns).rows("train")
    assert rows.labels.tolist() == [row["teacher_scores"] for row in ROWS] and rows.labels.dtype == np.float32
    assert rows.answered and len(rows.documents) == 3


def test_columns_of_a_csv_are_numbers_too(tmp_path):
    path = write(tmp_path / "a.csv", "query,document,wrong,right_score,wrong_score\na,b,c,4,-1.5\nd,e,f,3,2\n")
    assert pairs(path, ["right_score", "wrong_score"], "wrong").rows("train").labels.tolist() == [[4, -1.5], [3, 2]]


def test_scores_arrive_in_the_batch_beside_their_texts(tmp_path):
    data = with_trainer(pairs(parquet(tmp_path), "teacher_scores", batch_size=2, cache=str(tmp_path)))
    dataset = data.pairs("train")
    batch = dataset.__getitems__([2, 0])
    assert batch.labels.tolist() == [ROWS[2]["teacher_scores"], ROWS[0]["teacher_scores"]] and dataset.choices == 3


def test_a_row_without_a_score_is_an_error_or_left_out(tmp_path):
    holes = [ROWS[0], ROWS[1] | {"teacher_scores": None}, ROWS[2] | {"teacher_scores": [1.0, None, 2.0]}, ROWS[3]]
    path = parquet(tmp_path, holes)
    with pytest.raises(UserError, match="taught.parquet, row 2: column 'teacher_scores' is empty"):
        pairs(path, "teacher_scores").rows("train")
    assert pairs(path, "teacher_scores", on_bad_row="skip").rows("train").queries == ["q0", "q3"]


@pytest.mark.parametrize("columns, negatives, says", [
    ("scores", "negatives", "row 1, column 'scores': 2 teacher's scores, but 3 texts"),
    ("teacher_scores", "one", "row 1, column 'teacher_scores': 3 teacher's scores, but 2 texts"),
    ("negatives", "one", "row 1, column 'negatives': holds list<.*string>, not lists of numbers"),
    ("query", "one", "row 1, column 'query': 'q0' is not a number"),
    ("nowhere", "one", "no column 'nowhere'")])
def test_scores_that_do_not_fit_the_texts_are_one_line_with_file_row_and_column(tmp_path, columns, negatives, says):
    with pytest.raises(UserError, match=says):
        pairs(parquet(tmp_path), columns, negatives).rows("train")


def test_rows_with_more_scores_than_others_are_named(tmp_path):
    rows = [*ROWS[:2], ROWS[2] | {"teacher_scores": [1.0, 2.0]}]
    with pytest.raises(UserError, match="taught.parquet, row 3, column 'teacher_scores': 2 scores, where other rows have 3"):
        pairs(parquet(tmp_path, rows), "teacher_scores").rows("train")


def test_a_label_besides_is_refused(tmp_path):
    with pytest.raises(UserError, match="data.label and data.teacher_scores"):
        pairs(parquet(tmp_path), "teacher_scores", label="number", classes=4).rows("train")


def test_nothing_but_empty_lists_is_no_score(tmp_path):
    sheet = Sheet.of([("here", pa.table({"scores": pa.array([[], None], pa.list_(pa.float32()))}))])
    assert teacher_scores(sheet, ["scores"]).shape == (2, 0)
