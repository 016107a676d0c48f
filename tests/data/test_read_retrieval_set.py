"""Rows of questions and passages become a set: a passage is its text, samples are those of `datasets`."""

import datasets
import pytest
from toy_words import write

from lit_embed.data import read_retrieval_set as reader
from lit_embed.data.read_retrieval_set import read_retrieval_set
from lit_embed.errors import UserError

TRAIN = "question,context\nwho,P\nwhere,Q\nhow,R\n"
VALIDATION = "question,context\nwhy,S\nwho,S\nwhen,T\nwhy,U\n"


@pytest.fixture
def path(tmp_path) -> str:
    write(tmp_path / "train.csv", TRAIN)
    write(tmp_path / "validation.csv", VALIDATION)
    return str(tmp_path)


def test_questions_of_validation_are_asked_of_all_passages(path):
    found = read_retrieval_set(path)
    assert found.questions == ["why", "who", "when"] and sorted(found.passages) == list("PQRSTU")
    answers = [{found.passages[place] for place in own} for own in found.relevant]
    assert answers == [{"S", "U"}, {"P", "S"}, {"T"}]                     # the answer known from training is no mistake


def test_the_corpus_can_be_one_split_or_the_passages_asked_for(path):
    assert read_retrieval_set(path, corpus=["validation"]).passages == list("STU")
    drawn = read_retrieval_set(path, questions=2, corpus=["asked"])
    assert len(drawn.passages) == 2 == len(drawn)
    assert read_retrieval_set(path, split="train").questions == ["who", "where", "how"]


def test_questions_without_an_answer_in_the_corpus_are_left_out_and_counted(path, monkeypatch):
    said = []
    monkeypatch.setattr(reader, "notice", said.append)
    found = read_retrieval_set(path, corpus=["train"])
    assert found.questions == ["who"] and found.left_out == 2 and "2 questions have no relevant passage" in said[0]
    with pytest.raises(UserError, match="none of the questions has its passage in the corpus .validation"):
        read_retrieval_set(path, "train", corpus=["validation"], questions=1, seed=0)


def test_a_file_with_columns_of_any_name(tmp_path):
    path = write(tmp_path / "mine.tsv", "Q\tanswer\na\t1\nb\t2\na\t3\n")
    found = read_retrieval_set(path, query="Q", document="answer")
    assert found.questions == ["a", "b"] and found.passages == list("123") and found.relevant == [{0: 1, 2: 1}, {1: 1}]


@pytest.mark.parametrize("count", [1, 7, 40])
def test_the_sample_is_the_one_that_datasets_draws(tmp_path, count):
    texts = [f"q{i}" for i in range(50)]
    path = write(tmp_path / "mine.csv", "question,context\n" + "".join(f"{text},p\n" for text in texts))
    theirs = datasets.Dataset.from_dict({"q": texts}).train_test_split(test_size=count, seed=42)["test"]["q"]
    assert sorted(read_retrieval_set(path, questions=count).questions) == sorted(theirs)


def test_more_questions_than_there_are_is_all_of_them(path, monkeypatch):
    said = []
    monkeypatch.setattr(reader, "notice", said.append)
    assert read_retrieval_set(path, questions=99) == read_retrieval_set(path) and "there are 4 questions" in said[0]


@pytest.mark.parametrize("text, options, words", [
    ("Q,answer\na,1\n", {}, "mine.csv: no column 'question'; name the columns .* there are 'Q', 'answer'"),
    ("Q,answer\na,1\n", {"query": "Q"}, "no column 'context'"),
    ("Q,answer\na,1\n", {"query": "Q", "document": "reply"}, "no column 'reply'"),
    ("Q,answer\na,1\n", {"query": "Q", "document": "Q"}, "the same column"),
    ("question,context\na,1\n,2\n", {}, "mine.csv, row 2: column 'question' is empty; .*--on-bad-row skip"),
    ("question,context\na,1\nb, \n", {}, "mine.csv, row 2: column 'context' is empty"),
    ("question,context\n,1\n", {"on_bad_row": "skip"}, "no row has both question and context"),
    ("question,context\n", {}, "no rows"),
    ("question,context\na,1\n", {"questions": 0}, "ask one question at least"),
    ("question,context\na,1\n", {"split": "test"}, "no split 'test'; it has train"),
    ("question,context\na,1\n", {"corpus": ["test"]}, "no split 'test'; it has train"),
])
def test_bad_input_is_one_line(tmp_path, text, options, words):
    with pytest.raises(UserError, match=words) as error:
        read_retrieval_set(write(tmp_path / "mine.csv", text), **options)
    assert "\n" not in str(error.value)


def test_bad_rows_are_left_out_if_asked(tmp_path):
    path = write(tmp_path / "mine.csv", "question,context\na,1\n,2\nb,3\n")
    found = read_retrieval_set(path, on_bad_row="skip")
    assert found.questions == ["a", "b"] and found.passages == ["1", "3"]


def test_columns_are_not_chosen_where_there_are_ids(tmp_path):
    write(tmp_path / "corpus.csv", "_id,text\n1,a\n")
    with pytest.raises(UserError, match="have nothing to choose"):
        read_retrieval_set(str(tmp_path), query="text")


def test_the_real_set_reads_as_it_is(real_data):
    found = read_retrieval_set(str(real_data / "korquad_as_klue_mrc"), name="mrc", questions=1000)
    assert (len(found), len(found.passages)) == (999, 960)          # one question of the sample stands in two rows
