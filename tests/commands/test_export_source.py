"""A run, by name or folder, a model's own folder, and which of the two kinds of model it is."""

import pytest

from lit_embed.commands.export_source import find_source
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer


@pytest.fixture
def runs(toy_backbone, tmp_path):
    TextEncoder(toy_backbone).save_folder(tmp_path / "one/model")
    (tmp_path / "one/config.yaml").write_text("model: {}")
    return tmp_path


def test_a_run_is_found_by_name_by_folder_and_by_its_model(runs):
    for name in ("one", str(runs / "one"), str(runs / "one/model")):
        found = find_source(name, str(runs))
        assert (found.model, found.run, found.scores) == (runs / "one/model", runs / "one", False)


def test_a_model_by_itself_has_no_run(toy_backbone, runs):
    assert find_source(toy_backbone, "elsewhere").run is None
    TextPairScorer(toy_backbone, max_length=32).save_folder(runs / "scorer")
    assert find_source("scorer", str(runs)).scores


def test_adapters_alone_are_a_model_too(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    assert find_source(str(tmp_path), "").model == tmp_path


@pytest.mark.parametrize(("name", "words"), [
    ("gone", "no run or model folder 'gone': .* holds one"), ("running", "holds no model: a run leaves one"),
    ("empty", "is no folder of a model"), ("exported", "holds ONNX alone")])
def test_what_cannot_be_exported_is_said(runs, name, words):
    for folder in ("running", "empty", "exported/onnx"):
        (runs / folder).mkdir(parents=True)
    (runs / "running/config.yaml").touch()
    (runs / "exported/config.json").write_text("{}")
    (runs / "exported/onnx/model.onnx").touch()
    with pytest.raises(UserError, match=words):
        find_source(name, str(runs))
