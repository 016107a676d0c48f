"""The training questions of a benchmark: a row for each passage the qrels call relevant, questions held out whole."""

import json

import pytest

from lit_embed.data import Beir
from lit_embed.errors import UserError


@pytest.fixture
def folder(tmp_path):
    def write(name: str, rows: list[dict]) -> None:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write("corpus.jsonl", [{"_id": f"d{i}", "title": f"title {i}", "text": f"text {i}"} for i in range(30)])
    write("queries.jsonl", [{"_id": f"q{i}", "text": f"question {i}"} for i in range(20)])
    judged = [{"query-id": f"q{i}", "corpus-id": f"d{i}", "score": 1} for i in range(20)]
    judged += [{"query-id": f"q{i}", "corpus-id": f"d{i + 1}", "score": 2} for i in range(20)]
    judged += [{"query-id": f"q{i}", "corpus-id": f"d{i + 5}", "score": 0} for i in range(20)]
    write("qrels_train.jsonl", judged)
    write("qrels_test.jsonl", judged[:3])
    write("qrels_dev.jsonl", judged[5:7])
    return tmp_path


def pairs(data: Beir, split: str) -> set[tuple[str, str]]:
    rows = data.rows(split)
    assert rows.labels is None and len(rows.documents) == 1
    return set(zip(rows.queries, rows.documents[0], strict=True))


def test_a_question_is_held_out_with_all_of_its_passages(folder):
    train, validation = (pairs(Beir(path=str(folder)), split) for split in ("train", "validation"))
    assert len(train) == 36 and len(validation) == 4
    assert not {question for question, _ in train} & {question for question, _ in validation}
    assert train | validation == {(f"question {i}", f"title {j} text {j}") for i in range(20) for j in (i, i + 1)}


def test_other_qrels_may_be_the_validation(folder):
    data = Beir(path=str(folder), validation="dev")
    assert len(pairs(data, "train")) == 40
    assert pairs(data, "validation") == {("question 5", "title 5 text 5"), ("question 6", "title 6 text 6")}
    assert len(pairs(data, "test")) == 3


@pytest.mark.parametrize(("fields", "words"), [({"path": None}, "data.path"), ({"validation": 1.5}, "data.validation is 1.5")])
def test_a_mistake_is_named(folder, fields, words):
    with pytest.raises(UserError, match=words):
        Beir(**{"path": str(folder), **fields}).rows("train")
