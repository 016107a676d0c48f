"""The base model's vectors: made once, kept, and made again for other documents or another model."""

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.run import base_index
from lit_embed.search import Index

TEXTS = ["the cat sat", "a dog ran fast", "blue river"]


@pytest.fixture(scope="module")
def encoder(backbone_folder):
    return TextEncoder(backbone_folder("distilbert"), max_length=16, document_prefix="red ")


@pytest.fixture
def index(tmp_path, encoder):
    made = Index.build(np.eye(3, 8, dtype=np.float32), TEXTS, similarity="dot", ids=["x", "y", "z"])
    made.save(tmp_path / "index")
    return Index.open(tmp_path / "index")


def test_the_documents_are_embedded_once_and_kept_beside_the_index(tmp_path, index, encoder, capsys, monkeypatch):
    made = base_index.open_base_index(tmp_path / "index", index, encoder)
    assert list(made.texts) == TEXTS and list(made.ids) == ["x", "y", "z"] and made.similarity == "dot"
    scores, places = made.search(encoder.encode(["a dog ran fast"], "document"), 3)
    assert places[0, 0] == 1 and "3 documents with the base model, once" in capsys.readouterr().err
    monkeypatch.setattr(encoder, "encode", None)
    again = base_index.open_base_index(tmp_path / "index", index, encoder)
    assert len(again) == 3 and capsys.readouterr().err == ""
    assert len(Index.open(tmp_path / "index")) == 3                                          # it is still a whole index


def test_other_documents_or_another_model_are_embedded_anew(tmp_path, index, encoder, toy_backbone, capsys):
    base_index.open_base_index(tmp_path / "index", index, encoder)
    other = TextEncoder(toy_backbone, max_length=16)
    base_index.open_base_index(tmp_path / "index", index, other)
    changed = Index.build(np.eye(3, 8, dtype=np.float32), ["others", *TEXTS[1:]], similarity="dot")
    capsys.readouterr()
    made = base_index.open_base_index(tmp_path / "index", changed, other)
    assert made.texts[0] == "others" and "once" in capsys.readouterr().err
    (tmp_path / "index/base_index/settings.json").write_text("{")
    assert base_index.open_base_index(tmp_path / "index", changed, other).texts[0] == "others"
    assert "cannot be read" in capsys.readouterr().err


def test_too_many_documents_are_refused_before_they_are_embedded(tmp_path, index, encoder, monkeypatch):
    monkeypatch.setattr(base_index, "MOST", 2)
    with pytest.raises(UserError, match="3 documents before the server starts, 2 at most"):
        base_index.open_base_index(tmp_path / "index", index, encoder)
