"""lit-embed export: what other libraries read embeds as the run's model did; where it does not, nothing is left."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from onnx_toys import exported_bert
from tiny_run import config, cross_encoder_config, write_config, write_pairs
from toys import lively, toy_texts

from lit_embed import cli
from lit_embed.commands import export
from lit_embed.models import TextEncoder, TextPairScorer, onnx_export
from lit_embed.models.onnx_encoder import OnnxEncoder

TEXTS = toy_texts(8)


@pytest.fixture
def here(tmp_path, toy_backbone, monkeypatch):
    """A folder of runs: a text encoder and a cross-encoder, as training leaves them."""
    monkeypatch.chdir(tmp_path)
    pairs = write_pairs(tmp_path / "pairs.csv")
    made = {"mine": (TextEncoder(toy_backbone, max_length=32), config),
            "ranker": (lively(TextPairScorer(toy_backbone, max_length=32, query_prefix="red ")), cross_encoder_config)}
    for name, (model, experiment) in made.items():
        model.save_folder(tmp_path / f"checkpoints/{name}/model")
        write_config(tmp_path / f"checkpoints/{name}/config.yaml", experiment(toy_backbone, pairs))
        (tmp_path / f"checkpoints/{name}/result.json").write_text('{"before": {"mrr@10": 0.25}, "after": {"mrr@10": 0.5}}')
    content = exported_bert(toy_backbone)
    monkeypatch.setattr(onnx_export, "write_graph", lambda _, file: file.write_bytes(content))
    return tmp_path


def run(*arguments: str) -> int:
    return cli.main(["export", *arguments])


@pytest.mark.filterwarnings("default")              # what another library warns of is its own affair
def test_sentence_transformers_reads_what_a_run_was_exported_to(here, capsys):
    from sentence_transformers import SentenceTransformer

    assert run("mine", "--to", "sentence-transformers", "--out", "out") == 0
    assert "validation rows of the run): coordinates of unit vectors differ by" in capsys.readouterr().out
    theirs = SentenceTransformer("out", device="cpu").encode(TEXTS)
    np.testing.assert_allclose(TextEncoder.from_folder("checkpoints/mine/model").encode(TEXTS), theirs, atol=1e-5)
    card = (here / "out/README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert head["pipeline_tag"] == "sentence-similarity" and "license" not in head
    assert "InfoNCE" in card and "| mrr@10 | 0.2500 | 0.5000 |" in card and str(here) not in card


@pytest.mark.filterwarnings("default")
def test_a_cross_encoder_goes_to_sentence_transformers_alone(here, capsys):
    from sentence_transformers import CrossEncoder

    assert run("checkpoints/ranker", "--to", "sentence-transformers", "--out", "out") == 0
    assert "8 pairs (validation rows of the run): scores differ by" in capsys.readouterr().out
    theirs = CrossEncoder("out", device="cpu").predict([("red the cat", "a dog")])
    np.testing.assert_allclose(TextPairScorer.from_folder("out").score([("the cat", "a dog")]), theirs, atol=1e-5)
    assert 'predict([("red a question", "a text")' in (here / "out/README.md").read_text()
    assert run("ranker", "--to", "onnx", "--out", "other") == 2
    assert "is a cross-encoder, which goes to sentence-transformers or hub" in capsys.readouterr().err


@pytest.mark.parametrize(("to", "least"), [("onnx", 1 - 1e-6), ("onnx-int8", 0.97)])
def test_onnx_goes_where_a_model_goes(here, capsys, to, least):
    (here / "texts.txt").write_text("\n".join([*TEXTS, ""]))
    assert run("checkpoints/mine/model", "--to", to, "--out", "out", "--texts", "texts.txt") == 0
    assert "8 texts (given with --texts)" in capsys.readouterr().out
    assert "onnx/model" in (here / "out/README.md").read_text()
    assert cli.main(["encode", "--model", "out", "--input", "texts.txt", "--output", "x.npy"]) == 0
    vectors, right = np.load("x.npy"), TextEncoder.from_folder("checkpoints/mine/model").encode(TEXTS)
    cosines = (vectors * right).sum(axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(right, axis=1)
    assert cosines.min() > least
    assert cli.main(["index", "--model", "out", "--input", "texts.txt", "--output", "index"]) == 0
    assert cli.main(["search", "index", TEXTS[3], "--k", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])[0]["text"] == TEXTS[3]
    assert run("out", "--to", "onnx", "--out", "again") == 2


@pytest.mark.parametrize(("to", "words"), [("onnx", "the exported model is not the same: 16 texts"),
                                           ("onnx-int8", "8 bits are too few for this model: 16 texts")])
def test_another_model_at_the_end_leaves_nothing(here, capsys, to, words):
    TextEncoder("checkpoints/mine/model", "cls", 32).save_folder("checkpoints/mine/model")       # the graph pools otherwise
    assert run("mine", "--to", to, "--out", "out") == 2
    said = capsys.readouterr().err
    assert words in said and "nothing was written" in said
    assert not [each for each in here.iterdir() if "out" in each.name]


def test_adapters_are_merged_before_they_are_written(here, capsys, monkeypatch):
    assert run("mine", "--to", "merged", "--out", "out") == 2
    assert "mine/model has no LoRA adapters to merge: --to sentence-transformers" in capsys.readouterr().err
    plain = TextEncoder.from_folder("checkpoints/mine/model")
    adapted = TextEncoder.from_folder("checkpoints/mine/model")
    adapted.backbone.register_parameter("lora_A", torch.nn.Parameter(torch.zeros(1)))
    monkeypatch.setattr(export.TextEncoder, "from_folder", lambda folder: adapted if "mine" in str(folder) else plain)
    monkeypatch.setattr(export, "sentence_transformers_reads", lambda folder: plain.encode)
    monkeypatch.setitem(sys.modules, "lit_embed.models.lora", SimpleNamespace(merged=lambda encoder: plain))
    for to in ("merged", "onnx"):
        assert run("mine", "--to", to, "--out", to) == 0
    assert (here / "merged/model.safetensors").is_file() and OnnxEncoder("onnx").width == 32


def test_the_hub_gets_the_whole_folder(here, capsys, monkeypatch):
    uploaded = {}
    monkeypatch.setattr(export, "refuse_without_hub", lambda repository: None)
    monkeypatch.setattr(export, "upload", lambda folder, repository, private: uploaded.update(
        {"files": {file.name for file in folder.iterdir()}, "card": (folder / "README.md").read_text(), "private": private}) or "there")
    monkeypatch.setattr(export, "sentence_transformers_reads", lambda folder: TextEncoder.from_folder(folder).encode)
    assert run("mine", "--to", "hub", "--repo", "someone/model", "--private") == 0
    assert {"model.safetensors", "config.json", "modules.json", "tokenizer.json", "README.md"} <= uploaded["files"]
    assert 'SentenceTransformer("someone/model")' in uploaded["card"] and uploaded["private"]
    assert capsys.readouterr().out.endswith("there\n")


def test_an_evaluation_goes_into_the_card(here, capsys, monkeypatch):
    monkeypatch.setattr(export, "sentence_transformers_reads", lambda folder: TextEncoder.from_folder(folder).encode)
    found = {"systems": {"dense": {"mrr@10": 0.5, "intervals": {"mrr@10": [0.4, 0.6]}}}, "questions": 7, "passages": 9, "data": "some/set"}
    (here / "found.json").write_text(json.dumps(found))
    assert run("mine", "--to", "sentence-transformers", "--out", "out", "--evaluation", "found.json") == 0
    assert "| dense | 0.5000 [0.4000, 0.6000] |" in (here / "out/README.md").read_text()
    for content, words in [("[]", "is not what lit-embed evaluate"), ("{", "found.json: ")]:
        (here / "found.json").write_text(content)
        assert run("mine", "--to", "sentence-transformers", "--out", "other", "--evaluation", "found.json") == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(("options", "words"), [
    (["--to", "onnx"], "--out is missing"), (["--to", "onnx", "--out", "checkpoints"], "is there already"),
    (["--to", "onnx", "--out", "pairs.csv"], "is there already"), (["--to", "tflite", "--out", "x"], "invalid choice: 'tflite'"),
    (["--to", "onnx", "--out", "x", "--repo", "a/b"], "--repo belongs to --to hub"),
    (["--to", "onnx", "--out", "x", "--column", "c"], "--column belongs to --texts"),
    (["--to", "hub", "--out", "x", "--repo", "a/b"], "--out: the Hub is written to as --repo"),
    (["--to", "hub", "--repo", "a/b"], "HF_HUB_OFFLINE is set"), (["--to", "hub"], "--to hub takes --repo NAME/MODEL")])
def test_what_does_not_go_together_is_one_line(here, capsys, options, words):
    assert run("mine", *options) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert not (here / "x").exists()


def test_a_run_whose_data_are_gone_is_compared_on_other_sentences(here, capsys, monkeypatch):
    monkeypatch.setattr(export, "sentence_transformers_reads", lambda folder: TextEncoder.from_folder(folder).encode)
    (here / "pairs.csv").unlink()
    assert run("mine", "--to", "sentence-transformers", "--out", "out") == 0
    said = capsys.readouterr()
    assert "the data of checkpoints/mine cannot be read" in said.err and "(built-in sentences)" in said.out
    shutil.rmtree("checkpoints/mine/model")
    assert run("mine", "--to", "sentence-transformers", "--out", "other") == 2
    assert "holds no model: a run leaves one when training ends" in capsys.readouterr().err
