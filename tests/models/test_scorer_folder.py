"""A saved folder is read by sentence-transformers and by us with the same scores; published folders are read here."""

import json
from pathlib import Path

import numpy as np
import pytest
from toys import lively, toy_pairs

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer


def edit(file: Path, change: dict) -> None:
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({key: value for key, value in (content | change).items() if value is not None}))


@pytest.mark.parametrize("num_labels", [1, 3])
@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert", "modernbert"])
@pytest.mark.filterwarnings("default")              # what another library warns of is its own affair
def test_sentence_transformers_reads_the_folder_with_equal_scores(architecture, num_labels, backbone_folder, tmp_path):
    from sentence_transformers import CrossEncoder

    scorer, pairs = lively(TextPairScorer(backbone_folder(architecture), num_labels, max_length=20)), toy_pairs(8)
    scorer.save_folder(tmp_path / "model")
    ours, theirs = TextPairScorer.from_folder(tmp_path / "model"), CrossEncoder(str(tmp_path / "model"), device="cpu")
    np.testing.assert_allclose(ours.score(pairs), scorer.score(pairs), atol=1e-6)
    np.testing.assert_allclose(theirs.predict(pairs), scorer.score(pairs), atol=1e-5)
    assert (ours.num_labels, ours.max_length, theirs.max_seq_length) == (num_labels, 20, 20)


@pytest.mark.parametrize("activation", ["Sigmoid", "Identity"])
@pytest.mark.filterwarnings("default")
def test_we_read_a_folder_that_sentence_transformers_wrote(activation, toy_backbone, tmp_path):
    from sentence_transformers import CrossEncoder
    from torch import nn

    theirs = CrossEncoder(toy_backbone, num_labels=1, max_length=24, activation_fn=getattr(nn, activation)(), device="cpu")
    nn.init.normal_(theirs.model.classifier.weight, std=0.3)
    theirs.save(str(tmp_path / "theirs"))
    ours = TextPairScorer.from_folder(tmp_path / "theirs")
    assert (ours.activation, ours.max_length) == (activation.lower(), 24)
    np.testing.assert_allclose(ours.score(toy_pairs(8)), theirs.predict(toy_pairs(8)), atol=1e-5)


PLACES = {"now": ("config_sentence_transformers.json", lambda name: {"activation_fn": name}),
          "release 4": ("config.json", lambda name: {"sentence_transformers": {"activation_fn": name, "version": "4.1.0"}}),
          "older": ("config.json", lambda name: {"sbert_ce_default_activation_function": name})}


@pytest.fixture
def plain(toy_backbone, tmp_path) -> Path:
    """A cross-encoder whose folder says nothing of scores."""
    lively(TextPairScorer(toy_backbone, max_length=32)).save_folder(tmp_path / "plain")
    edit(tmp_path / "plain/config.json", {"sentence_transformers": None, "sbert_ce_default_activation_function": None,
                                          "lit_embed": None})
    return tmp_path / "plain"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name, activation", [("torch.nn.modules.linear.Identity", "identity"), ("torch.nn.Identity", "identity"),
                                              ("torch.nn.modules.activation.Sigmoid", "sigmoid")])
def test_what_makes_a_score_is_read_where_each_release_wrote_it(place, name, activation, plain):
    file, content = PLACES[place]
    edit(plain / file, content(name))
    assert TextPairScorer.from_folder(plain).activation == activation


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["torch.nn.modules.activation.Tanh", "os.system", "mine.Sigmoid"])
def test_any_other_function_is_refused_by_name_and_never_imported(place, name, plain):
    file, content = PLACES[place]
    edit(plain / file, content(name))
    with pytest.raises(UserError, match=f"makes scores with {name}, which is not run here"):
        TextPairScorer.from_folder(plain)


def test_a_folder_that_says_nothing_gives_shares_for_one_label_and_logits_for_several(plain, toy_backbone, tmp_path):
    assert TextPairScorer.from_folder(plain).activation == "sigmoid"
    scorer = TextPairScorer(str(plain), num_labels=3, max_length=32)
    assert scorer.activation == "identity" and scorer.new_head


def test_a_new_head_forgets_what_made_scores_of_the_old_one(plain):
    edit(plain / "config.json", {"sbert_ce_default_activation_function": "torch.nn.Identity"})
    scorer = TextPairScorer(str(plain), num_labels=2, max_length=32)
    scorer.save_folder(plain.parent / "wider")
    assert TextPairScorer.from_folder(plain.parent / "wider").activation == "identity"
    assert TextPairScorer(str(plain.parent / "wider"), num_labels=1, max_length=32).activation == "sigmoid"


def test_prefixes_come_back_and_another_use_is_said(toy_backbone, tmp_path, caplog):
    scorer = TextPairScorer(toy_backbone, max_length=32, query_prefix="red ", document_prefix="blue ")
    scorer.save_folder(tmp_path / "model")
    caplog.clear()
    again = TextPairScorer.from_folder(tmp_path / "model")
    assert (again.query_prefix, again.document_prefix) == ("red ", "blue ")
    np.testing.assert_allclose(again.score(toy_pairs(4)), scorer.score(toy_pairs(4)), atol=1e-6)
    assert not caplog.messages
    assert TextPairScorer.from_folder(tmp_path / "model", query_prefix="").query_prefix == ""
    assert caplog.messages == [f"{tmp_path}/model was trained with query_prefix 'red ', here ''"]


@pytest.mark.parametrize("length, found", [(None, 140), (64, 64), (10 ** 30, 140)])
def test_the_length_is_the_tokenizers_or_that_of_the_positions(length, found, plain):
    edit(plain / "tokenizer_config.json", {"model_max_length": length})
    assert TextPairScorer.from_folder(plain).max_length == found


def test_weights_are_safetensors_and_attention_is_nobodys_business(toy_backbone, tmp_path):
    TextPairScorer(toy_backbone, max_length=32).save_folder(tmp_path / "model")
    assert [f.name for f in (tmp_path / "model").iterdir() if f.suffix in (".bin", ".pt", ".safetensors")] == ["model.safetensors"]
    assert "lit_embed_packed" not in (tmp_path / "model/config.json").read_text()


def test_a_failure_leaves_the_folder_as_it_was(toy_backbone, tmp_path, monkeypatch):
    scorer = TextPairScorer(toy_backbone, max_length=32)
    for _ in range(2):
        scorer.save_folder(tmp_path / "model")
    before = sorted(file.name for file in (tmp_path / "model").iterdir())
    monkeypatch.setattr(scorer.tokenizer.hugging_face, "save_pretrained", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scorer.save_folder(tmp_path / "model")
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == before


def test_an_encoder_without_a_head_is_refused(toy_backbone, tmp_path):
    TextEncoder(toy_backbone).save_folder(tmp_path / "encoder")
    for folder in (toy_backbone, tmp_path / "encoder"):
        with pytest.raises(UserError, match="is not a cross-encoder: BertModel has no classification head"):
            TextPairScorer.from_folder(folder)
    with pytest.raises(UserError, match="there is no such folder"):
        TextPairScorer.from_folder(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is not a model folder"):
        TextPairScorer.from_folder(tmp_path / "empty")


def test_a_head_whose_weights_are_gone_is_refused(plain):
    from safetensors.torch import load_file, save_file

    file = plain / "model.safetensors"
    save_file({name: value for name, value in load_file(file).items() if not name.startswith("classifier")}, file, {"format": "pt"})
    with pytest.raises(UserError, match="no weights for its classification head"):
        TextPairScorer.from_folder(plain)


def test_parts_that_cannot_be_run_are_named(plain):
    (plain / "modules.json").write_text(json.dumps([{"type": f"sentence_transformers.models.{kind}"} for kind in ("Transformer", "Dense")]))
    with pytest.raises(UserError, match="modules.json has Dense"):
        TextPairScorer.from_folder(plain)
