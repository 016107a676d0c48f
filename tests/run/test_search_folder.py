"""Where a search finds its documents, its model and its words: a run, an index by itself, and what is kept between."""

import shutil

import numpy as np
import pytest
from toys import toy_texts

from lit_embed.errors import UserError
from lit_embed.run.search_folder import find, open_bm25, open_documents
from lit_embed.search import Index


@pytest.fixture
def texts():
    return toy_texts(12)


@pytest.fixture
def alone(tmp_path, texts):
    """The folder of an index by itself."""
    Index.build(np.eye(12, dtype=np.float32), texts, ids=[f"d{i}" for i in range(12)]).save(tmp_path / "alone")
    return tmp_path / "alone"


def test_a_run_has_its_parts_inside(tmp_path):
    (tmp_path / "checkpoints/one/model").mkdir(parents=True)
    found = find("one", str(tmp_path / "checkpoints"))
    assert found == find(str(tmp_path / "checkpoints/one"), "elsewhere")
    assert (found.run.name, found.model.name, found.index.name) == ("one", "model", "index")


def test_an_index_knows_its_model_or_is_told(alone, texts, tmp_path):
    assert find(str(alone), "").model is None and find(str(alone), "", "some/model").model.name == "model"
    (tmp_path / "encoder").mkdir()
    index = Index.build(np.eye(12, dtype=np.float32), texts)
    index.model_folder = str(tmp_path / "encoder")
    index.save(alone)
    assert find(str(alone), "").model == tmp_path / "encoder"


@pytest.mark.parametrize(("name", "model", "words"), [("gone", None, "holds done"), ("running", None, "holds no model"),
                                                      ("done", "other", "its own model")])
def test_what_cannot_be_searched_is_said(tmp_path, name, model, words):
    (tmp_path / "running").mkdir()
    (tmp_path / "done/model").mkdir(parents=True)
    with pytest.raises(UserError, match=words):
        find(name, str(tmp_path), model)


def test_damaged_settings_are_said_in_one_line(alone):
    (alone / "settings.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        find(str(alone), "")


def test_documents_of_an_index_have_its_ids(alone, texts):
    documents = open_documents(find(str(alone), ""))
    assert list(documents.texts) == texts and documents.ids[3] == "d3" and documents.text(3) == texts[3]


def test_words_are_counted_once_and_again_when_the_documents_change(alone, texts, capsys):
    found = find(str(alone), "")
    first = open_bm25(found, texts)
    assert "counting" in capsys.readouterr().err and (alone / "bm25").is_dir()
    assert (open_bm25(found, texts).search(texts, 3)[1] == first.search(texts, 3)[1]).all()
    assert capsys.readouterr().err == ""
    assert len(open_bm25(found, texts[:5])) == 5 and "changed" in capsys.readouterr().err
    assert len(Index.open(alone)) == 12                                        # the index opens with words beside it


def test_damaged_words_are_counted_again(alone, texts, capsys):
    found = find(str(alone), "")
    open_bm25(found, texts)
    (alone / "bm25/data.csc.index.npy").write_bytes(b"nothing")
    assert len(open_bm25(found, texts)) == 12 and "cannot be read" in capsys.readouterr().err
    assert len(open_bm25(found, texts)) == 12 and capsys.readouterr().err == ""


def test_words_that_cannot_be_kept_still_answer(alone, texts, capsys, monkeypatch):
    def refuse(*_):
        raise UserError("cannot be written")

    monkeypatch.setattr("lit_embed.search.bm25.Bm25.save", refuse)
    assert len(open_bm25(find(str(alone), ""), texts)) == 12 and "not kept" in capsys.readouterr().err


def test_a_run_without_index_and_config_has_no_documents(tmp_path):
    (tmp_path / "one/model").mkdir(parents=True)
    with pytest.raises(UserError, match="which documents to search"):
        open_documents(find("one", str(tmp_path)))
    shutil.rmtree(tmp_path / "one")
