import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_words import with_trainer, write

from lit_embed.data import Pairs
from lit_embed.errors import UserError

CSV = "Q,answer,wrong,score,kind\na,1,x,0,no\nb,2,y,10,yes\nc,3,z,5,no\nd,4,w,2.5,yes\n"


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "mine.csv", CSV)


def pairs(path, split="train", validation="train", **options):
    return Pairs(path, query="Q", document="answer", validation=validation, **options).rows(split)


def test_columns_are_named_by_the_user(path):
    rows = pairs(path)
    assert (rows.queries, rows.documents, rows.labels) == (list("abcd"), [list("1234")], None)


def test_negatives_scores_and_classes_are_optional_columns(path):
    assert pairs(path, negatives="wrong").documents == [list("1234"), list("xyzw")]
    assert pairs(path, negatives=["wrong", "kind"]).documents[2] == ["no", "yes", "no", "yes"]
    assert pairs(path, label="score", score_range=(0, 10)).labels.tolist() == [0, 1, 0.5, 0.25]
    assert pairs(path, label="kind", classes=["no", "yes"]).labels.tolist() == [0, 1, 0, 1]
    assert pairs(path, label="score", score_range=[0, 10]).labels.dtype == np.float32


def test_every_format_and_a_folder_give_the_same_rows(path, tmp_path):
    wanted = pairs(path)
    records = [dict(zip(CSV.splitlines()[0].split(","), line.split(","), strict=True)) for line in CSV.splitlines()[1:]]
    others = [write(tmp_path / "mine.json", json.dumps(records)),
              write(tmp_path / "mine.jsonl", "".join(json.dumps(record) + "\n" for record in records)),
              write(tmp_path / "mine.tsv", CSV.replace(",", "\t")), str(tmp_path / "mine.parquet")]
    pq.write_table(pa.Table.from_pylist(records), others[-1])
    write(tmp_path / "folder/part1.csv", "\n".join(CSV.splitlines()[:3]) + "\n")
    write(tmp_path / "folder/part2.csv", "\n".join([CSV.splitlines()[0], *CSV.splitlines()[3:]]) + "\n")
    for other in [*others, str(tmp_path / "folder")]:
        rows = pairs(other)
        assert (rows.queries, rows.documents) == (wanted.queries, wanted.documents), other


def test_a_single_file_is_split_into_training_and_validation(path):
    train, held = pairs(path, validation=0.25), pairs(path, "validation", validation=0.25)
    assert len(train) == 3 and len(held) == 1 and sorted(train.queries + held.queries) == list("abcd")


@pytest.mark.parametrize("text, options, said", [
    (CSV, {"query": "question"}, "mine.csv: no column 'question'; its columns are 'Q', 'answer', 'wrong', 'score'"),
    ("Q\na\nb\n", {}, "mine.csv: no column 'answer'; there is one column only, 'Q', and pairs need two"),
    (CSV, {"document": "Q"}, "query and document are the same column 'Q'"),
    (CSV + ",5,v,1,no\n", {}, "mine.csv, row 5: column 'Q' is empty"),
    (CSV + "e, ,v,1,no\n", {}, "mine.csv, row 5: column 'answer' is empty"),
    (CSV + "e,5,,1,no\n", {"negatives": "wrong"}, "mine.csv, row 5: column 'wrong' is empty"),
    (CSV, {"label": "score"}, "either data.score_range .* or data.classes"),
    (CSV, {"label": "score", "score_range": (0, 5)}, "row 2, column 'score': score 10 is outside its range 0 to 5"),
    (CSV, {"label": "score", "score_range": (5, 0)}, "the lowest score comes first"),
    (CSV, {"label": "kind", "score_range": (0, 5)}, "mine.csv, row 1, column 'kind': 'no' is not a number"),
    (CSV, {"label": "score", "classes": 3}, "row 2, column 'score': label 10 is none of the classes .0 to 2."),
    (CSV, {"label": "kind", "classes": ["no"]}, "row 2, column 'kind': label 'yes' is none of the classes .no."),
])
def test_bad_input_is_one_line_with_file_row_and_column(tmp_path, text, options, said):
    path = write(tmp_path / "mine.csv", text)
    with pytest.raises(UserError, match=said) as error:
        Pairs(path, **{"query": "Q", "document": "answer", "validation": "train"} | options).rows("train")
    assert "\n" not in str(error.value)


def test_bad_rows_are_left_out_if_asked(tmp_path):
    path = write(tmp_path / "mine.csv", CSV + ",5,v,1,no\n")
    assert pairs(path, on_bad_row="skip").queries == list("abcd")


def test_the_path_from_file_to_batch(path):
    data = Pairs(path, query="Q", document="answer", label="score", score_range=(0, 10), validation=0.5, batch_size=2)
    batch = next(iter(with_trainer(data).train_dataloader()))
    assert len(batch) == 2 and batch.document_ids.shape == (2, 1) and 0 <= batch.labels.min() <= batch.labels.max() <= 1


def test_real_files_are_read_as_they_stand(real_data):
    chat = Pairs(str(real_data / "chatbot_ko"), query="Q", document="answer")
    assert len(chat.rows("train")) + len(chat.rows("validation")) == 11823
    intents = Pairs(str(real_data / "banking77"), query="text", document="label_text", label="label", classes=77)
    assert len(intents.rows("test")) == 3080
