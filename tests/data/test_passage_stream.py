"""Passages come in blocks with the ids and titles asked for, and a bad row is named or left out."""

import datasets
import pytest
from toy_words import write

from lit_embed.data.passage_stream import PassageStream
from lit_embed.errors import UserError

CORPUS = '_id,title,text,n\nd1,One,first,1\nd2,,second,2\nd3,Three,,3\nd4,Four,fourth,4\n'


@pytest.fixture
def corpus(tmp_path):
    return write(tmp_path / "corpus.csv", CORPUS)


def test_blocks_have_the_size_asked_for(corpus):
    stream = PassageStream(corpus, title="title", identity="_id")
    texts = ["One first", "second", "Three", "Four fourth"]
    assert list(stream.blocks(3)) == [(["d1", "d2", "d3"], texts[:3]), (["d4"], texts[3:])]
    assert list(stream.blocks(2)) == [(["d1", "d2"], texts[:2]), (["d3", "d4"], texts[2:])]
    assert list(PassageStream(corpus, column="n").blocks(9)) == [(None, ["1", "2", "3", "4"])]
    assert abs(stream.count() - 4) <= 1


def test_lines_are_passages(tmp_path):
    path = write(tmp_path / "texts.txt", "하나\n둘\n")
    assert list(PassageStream(path).blocks(5)) == [(None, ["하나", "둘"])]


def test_the_only_column_needs_no_name(tmp_path):
    path = write(tmp_path / "one.csv", "passage\na\nb\n")
    assert list(PassageStream(path).blocks(5)) == [(None, ["a", "b"])]


def test_files_of_a_split_follow_each_other(tmp_path):
    for part, word in (("train-1", "a"), ("train-2", "b"), ("test", "c")):
        write(tmp_path / "data" / f"{part}.csv", f"text\n{word}\n")
    folder = str(tmp_path / "data")
    assert list(PassageStream(folder).blocks(5)) == [(None, ["a", "b"])]
    assert list(PassageStream(folder, split="test").blocks(5)) == [(None, ["c"])]
    assert PassageStream(folder).count() >= 2
    with pytest.raises(UserError, match="has no split 'x'; it has train, test|has no split 'x'; it has test, train"):
        next(PassageStream(folder, split="x").blocks(5))


def test_one_of_several_splits_has_to_be_named(tmp_path):
    for part in ("validation", "test"):
        write(tmp_path / f"{part}.csv", "text\na\n")
    with pytest.raises(UserError, match="say which with --split"):
        next(PassageStream(str(tmp_path)).blocks(5))


def test_a_hub_data_set_streams_from_its_table(monkeypatch):
    rows = datasets.Dataset.from_dict({"text": ["a", "b", ""], "key": [1, 2, 3]})
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda path, name: ["corpus"])
    monkeypatch.setattr(datasets, "load_dataset", lambda path, name, split: rows)
    stream = PassageStream("someone/something", identity="key", on_bad_row="skip")
    assert list(stream.blocks(5)) == [(["1", "2"], ["a", "b"])] and stream.count() == 3


def test_rows_left_out_leave_the_numbers_of_the_others(tmp_path):
    path = write(tmp_path / "texts.txt", "a\n\n \nb\n")
    assert list(PassageStream(path, on_bad_row="skip").blocks(1)) == [(["0"], ["a"]), (["3"], ["b"])]


@pytest.mark.parametrize(("content", "name", "fields", "words"), [
    (CORPUS, "c.csv", {"column": "text"}, r"c.csv, row 3: column 'text' is empty; fill it, or .*--on-bad-row skip"),
    (CORPUS, "c.csv", {"column": "body"}, "no column 'body'; there are '_id', 'title', 'text', 'n'"),
    (CORPUS, "c.csv", {"identity": "key"}, "no column 'key'"),
    ("a,b\n1,2\n", "c.csv", {}, "name the column of the texts with --column; there are 'a', 'b'"),
    ("_id,text\n,a\n", "c.csv", {"identity": "_id"}, "row 1: column '_id' is empty"),
    ('{"text": "a"}\n{"body": "b"}\n', "c.jsonl", {}, "line 2: column 'text' is empty"),
    ('{"text": ["a"]}\n', "c.jsonl", {}, "line 1: column 'text' holds .*which is not a text"),
    ("a\n\nb\n", "c.txt", {}, "c.txt, line 2: the line is empty"),
    ("a\n", "c.txt", {"column": "text"}, "has no columns, so that there is no 'text' in it"),
    ("", "c.txt", {}, "c.txt: there is no passage in it"),
    ("text,n\n", "c.csv", {}, "c.csv: there is no passage in it"),
    ("\n \n", "c.txt", {"on_bad_row": "skip"}, "c.txt: there is no passage in it"),
])
def test_a_mistake_is_named(tmp_path, content, name, fields, words):
    with pytest.raises(UserError, match=words):
        list(PassageStream(write(tmp_path / name, content), **fields).blocks(2))


def test_what_is_not_there_is_one_line():
    with pytest.raises(UserError, match="no such file or folder"):
        next(PassageStream("no/such/file.txt").blocks(2))
