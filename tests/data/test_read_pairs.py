"""Pairs come as they stand in their rows; from three tables, with the whole corpus around them."""

import json

import pytest

from lit_embed.data.read_pairs import read_pairs
from lit_embed.errors import UserError


def write_jsonl(file, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("columns, given", [(("question", "context"), {}), (("query", "document"), {}),
                                            (("Q", "document"), {"query": "Q"}),
                                            (("Q", "answer"), {"query": "Q", "document": "answer"})])
def test_rows_stay_as_they_are_whatever_their_columns_are_called(tmp_path, columns, given):
    pairs = [("who", "me"), ("where", "here"), ("who", "me")]
    write_jsonl(tmp_path / "pairs.jsonl", [dict(zip(columns, pair)) for pair in pairs])
    rows, passages = read_pairs(str(tmp_path / "pairs.jsonl"), **given)
    assert list(zip(rows.queries, rows.documents[0])) == pairs and passages == ["me", "here", "me"]


def test_three_tables_give_every_relevant_pair_and_the_whole_corpus(tmp_path):
    write_jsonl(tmp_path / "corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": f"passage {i}"} for i in range(4)])
    write_jsonl(tmp_path / "queries.jsonl", [{"_id": f"q{i}", "text": f"question {i}"} for i in range(2)])
    judged = [("q0", "d2", 1), ("q0", "d0", 2), ("q1", "d3", 1), ("q1", "d1", 0)]
    write_jsonl(tmp_path / "qrels_train.jsonl", [dict(zip(("query-id", "corpus-id", "score"), row)) for row in judged])
    rows, passages = read_pairs(str(tmp_path))
    assert sorted(zip(rows.queries, rows.documents[0])) == [
        ("question 0", "passage 0"), ("question 0", "passage 2"), ("question 1", "passage 3")]
    assert passages == [f"passage {i}" for i in range(4)]
    with pytest.raises(UserError, match="--query, --document and --name have nothing to choose"):
        read_pairs(str(tmp_path), query="text")


def test_what_is_missing_is_named(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [{"left": "a", "right": "b"}, {"left": "", "right": "d"}])
    with pytest.raises(UserError, match="name the columns .* --query and --document; there are 'left', 'right'"):
        read_pairs(str(tmp_path / "a.jsonl"))
    with pytest.raises(UserError, match="no column 'answer'"):
        read_pairs(str(tmp_path / "a.jsonl"), query="left", document="answer")
    with pytest.raises(UserError, match="row 2: column 'left' is empty; .* with --on-bad-row skip"):
        read_pairs(str(tmp_path / "a.jsonl"), query="left", document="right")
    assert len(read_pairs(str(tmp_path / "a.jsonl"), query="left", document="right", on_bad_row="skip")[0]) == 1
