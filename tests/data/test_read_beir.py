"""The three tables of BEIR in every layout, and each mistake in them in one line that names its row."""

import json
import shutil

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_words import write

from lit_embed.data import read_beir
from lit_embed.data.read_beir import is_beir
from lit_embed.data.read_retrieval_set import read_retrieval_set
from lit_embed.errors import UserError

CORPUS = [{"_id": "10", "title": "Cats", "text": "They sleep."}, {"_id": "20", "title": "", "text": "Dogs bark."},
          {"_id": "30", "title": "Birds", "text": "They sing."}]
QUERIES = [{"_id": "1", "text": "who sleeps"}, {"_id": "2", "text": "who barks"}, {"_id": "3", "text": "nobody asks"}]
QRELS = [{"query-id": "1", "corpus-id": "10", "score": 2}, {"query-id": "1", "corpus-id": "30", "score": 1},
         {"query-id": "2", "corpus-id": "10", "score": 0}, {"query-id": "2", "corpus-id": "20", "score": 1}]
README = """---
configs:
- config_name: corpus
  data_files: [{split: corpus, path: one/a.parquet}]
- config_name: queries
  data_files: [{split: queries, path: one/b.parquet}]
- config_name: default
  data_files: [{split: test, path: one/c.parquet}]
---
"""


def put(file, rows: list[dict]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    elif file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    else:
        lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        file.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf8")


def folder(path, names: str, corpus=CORPUS, queries=QUERIES, qrels=QRELS) -> str:
    for name, rows in zip(names.split(), (corpus, queries, qrels)):
        put(path / name, rows)
    return str(path)


@pytest.fixture(autouse=True)
def said(monkeypatch) -> list[str]:
    """What the user is told."""
    told = []
    monkeypatch.setattr(read_beir, "notice", told.append)
    return told


@pytest.mark.parametrize("names", [
    "corpus.parquet queries.parquet qrels_test.parquet", "corpus.jsonl queries.jsonl qrels_test.jsonl",
    "corpus.jsonl queries.jsonl qrels/test.tsv", "corpus.tsv queries.jsonl qrels.tsv",
    "corpus/corpus.parquet queries/queries.parquet default/test.parquet",
    "corpus/corpus-00000-of-00001.parquet queries/queries-0.parquet data/test-00000-of-00001.parquet"])
def test_every_layout_gives_the_same_set(tmp_path, names, said):
    found = read_retrieval_set(folder(tmp_path, names))
    assert is_beir(str(tmp_path)) and found.question_ids == ["1", "2"] and found.passage_ids == ["10", "20", "30"]
    assert found.passages == ["Cats They sleep.", "Dogs bark.", "Birds They sing."]
    assert found.questions == ["who sleeps", "who barks"]
    assert found.relevant == [{0: 2, 2: 1}, {1: 1}] and found.left_out == 1
    assert said == [f"{tmp_path}: 1 of 3 questions have no relevant passage in test and are left out"]


def test_a_readme_says_which_files_are_which(tmp_path):
    folder(tmp_path, "one/a.parquet one/b.parquet one/c.parquet")
    write(tmp_path / "README.md", README)
    assert read_retrieval_set(str(tmp_path)).relevant == [{0: 2, 2: 1}, {1: 1}]


def test_a_hub_data_set_with_these_configurations_is_read_by_datasets(monkeypatch):
    tables = {"corpus": CORPUS, "queries": QUERIES, "default": QRELS}
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda path: list(tables))
    monkeypatch.setattr(datasets, "get_dataset_split_names",
                        lambda path, name: ["train", "test"] if name == "default" else [name])
    monkeypatch.setattr(datasets, "load_dataset", lambda path, name, split: datasets.Dataset.from_list(tables[name]))
    assert read_retrieval_set("someone/something").relevant == [{0: 2, 2: 1}, {1: 1}]


def test_numbers_and_texts_as_ids_are_the_same_and_scores_may_be_texts(tmp_path):
    corpus = [row | {"_id": int(row["_id"])} for row in CORPUS]
    qrels = [row | {"query-id": int(row["query-id"]), "score": str(row["score"])} for row in QRELS]
    found = read_retrieval_set(folder(tmp_path, "corpus.parquet queries.jsonl qrels_test.parquet", corpus, qrels=qrels))
    assert found.passage_ids == ["10", "20", "30"] and found.relevant == [{0: 2, 2: 1}, {1: 1}]


def test_other_keys_and_empty_objects_do_no_harm_and_titles_may_be_missing(tmp_path):
    corpus = [{"id": row["_id"], "text": row["text"], "metadata": {}} for row in CORPUS]
    found = read_retrieval_set(folder(tmp_path, "corpus.jsonl queries.jsonl qrels/test.tsv", corpus))
    assert found.passages[0] == "They sleep."


def test_another_split_has_other_questions(tmp_path):
    folder(tmp_path, "corpus.jsonl queries.jsonl qrels/test.tsv")
    put(tmp_path / "qrels/dev.tsv", [{"query-id": "3", "corpus-id": "30", "score": 1}])
    assert read_retrieval_set(str(tmp_path), "dev").questions == ["nobody asks"]
    with pytest.raises(UserError, match="no qrels of 'train'.*those of dev, test are there"):
        read_retrieval_set(str(tmp_path), "train")


def test_equal_texts_under_several_ids_are_mentioned(tmp_path, said):
    corpus = [*CORPUS, CORPUS[0] | {"_id": "40"}]
    read_retrieval_set(folder(tmp_path, "corpus.jsonl queries.jsonl qrels_test.jsonl", corpus))
    assert "1 of 4 passages have the text of another" in said[-1]


def test_only_a_drawn_part_is_asked_and_the_corpus_stays_whole(tmp_path):
    path = folder(tmp_path, "corpus.jsonl queries.jsonl qrels_test.jsonl")
    drawn = read_retrieval_set(path, questions=1)
    assert len(drawn) == 1 and len(drawn.passages) == 3 and drawn == read_retrieval_set(path, questions=1)


@pytest.mark.parametrize("corpus, queries, qrels, words", [
    ([*CORPUS, CORPUS[1]], QUERIES, QRELS, "corpus.jsonl, row 4: _id '20' is that of row 2 too"),
    (CORPUS, [*QUERIES, QUERIES[0]], QRELS, "queries.jsonl, row 4: _id '1' is that of row 1 too"),
    ([*CORPUS, {"_id": "40", "title": "", "text": " "}], QUERIES, QRELS, "corpus.jsonl, row 4: column 'text' is empty"),
    (CORPUS, [*QUERIES, {"_id": "4", "text": None}], QRELS, "queries.jsonl, row 4: column 'text' is empty"),
    (CORPUS, [*QUERIES, {"text": "who"}], QRELS, "queries.jsonl, row 4: column '_id' is empty"),
    (CORPUS, QUERIES, [*QRELS, {"query-id": "1", "corpus-id": "99", "score": 1}],
     "qrels_test.jsonl, row 5: corpus-id '99' is no id of the corpus"),
    (CORPUS, QUERIES, [*QRELS, {"query-id": "9", "corpus-id": "10", "score": 1}],
     "qrels_test.jsonl, row 5: query-id '9' is no id of the queries"),
    (CORPUS, QUERIES, [*QRELS, {"query-id": "1", "corpus-id": "10", "score": 1}],
     "qrels_test.jsonl, row 5: question '1' and passage '10' have another score"),
    (CORPUS, QUERIES, [*QRELS, {"query-id": "1", "corpus-id": "20"}], "row 5: column 'score' is empty"),
])
def test_a_bad_row_is_one_line_and_can_be_left_out(tmp_path, corpus, queries, qrels, words):
    path = folder(tmp_path, "corpus.jsonl queries.jsonl qrels_test.jsonl", corpus, queries, qrels)
    with pytest.raises(UserError) as error:
        read_retrieval_set(path)
    assert words in str(error.value) and "\n" not in str(error.value)
    if "is that of" not in words:                                    # which of two texts is meant, nobody can guess
        assert "--on-bad-row skip" in str(error.value)
        assert read_retrieval_set(path, on_bad_row="skip").relevant == [{0: 2, 2: 1}, {1: 1}]


def test_judgements_of_a_text_that_was_left_out_go_with_it(tmp_path):
    corpus = [CORPUS[0] | {"title": "", "text": ""}, *CORPUS[1:]]
    path = folder(tmp_path, "corpus.jsonl queries.jsonl qrels_test.jsonl", corpus)
    found = read_retrieval_set(path, on_bad_row="skip")
    assert found.passage_ids == ["20", "30"] and found.relevant == [{1: 1}, {0: 1}]


@pytest.mark.parametrize("corpus, queries, qrels, words", [
    ([{"_id": "1", "title": "a"}], QUERIES, QRELS, "corpus.jsonl: no column 'text'"),
    (CORPUS, [{"text": "a", "number": "1"}], QRELS, "queries.jsonl: no column '_id'"),
    (CORPUS, QUERIES, [{"query-id": "1", "corpus-id": "10"}], "qrels_test.jsonl: no column 'score'"),
    (CORPUS, QUERIES, [QRELS[0] | {"score": "high"}], "row 1, column 'score': 'high' is not a number"),
    (CORPUS, QUERIES, QRELS[2:3], "no question has a passage with a score above 0"),
    ([], QUERIES, QRELS, "corpus.jsonl: the file is empty"),
])
def test_a_set_that_cannot_be_asked_is_refused(tmp_path, corpus, queries, qrels, words):
    with pytest.raises(UserError, match=words):
        read_retrieval_set(folder(tmp_path, "corpus.jsonl queries.jsonl qrels_test.jsonl", corpus, queries, qrels))


@pytest.mark.parametrize("gone, words", [("queries.jsonl", "no queries; a file queries.parquet"),
                                         ("corpus.jsonl", "no corpus; a file"), ("qrels", "none are there")])
def test_a_missing_table_is_named(tmp_path, gone, words):
    folder(tmp_path, "corpus.jsonl queries.jsonl qrels/test.tsv")
    shutil.rmtree(tmp_path / gone) if gone == "qrels" else (tmp_path / gone).unlink()
    with pytest.raises(UserError, match=words):
        read_retrieval_set(str(tmp_path))


def test_the_real_set_reads_as_it_is(real_data):
    found = read_retrieval_set(str(real_data / "scifact"))
    assert (len(found), len(found.passages), sum(map(len, found.relevant))) == (300, 5183, 339)
