"""Weights come in float32 from safe files, and what cannot be loaded is one line."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
from transformers.utils import logging

from lit_embed.errors import UserError
from lit_embed.models.weights import check_positions, in_float32, load_weights, positions, quietly


def test_weights_are_float32_and_gaps_are_reported(toy_backbone):
    model, report = load_weights(AutoModel, toy_backbone)
    assert {p.dtype for p in model.parameters()} == {torch.float32} and not report["missing_keys"]
    assert not model.config.use_cache
    model, report = load_weights(AutoModelForSequenceClassification, toy_backbone, num_labels=3)
    assert model.classifier.out_features == 3 and sorted(report["missing_keys"]) == ["classifier.bias", "classifier.weight"]


def test_a_folder_gets_float32_whatever_the_model_is_in(toy_backbone):
    model, _ = load_weights(AutoModel, toy_backbone)
    own = in_float32(model)
    assert all(own[name].data_ptr() == value.data_ptr() for name, value in model.state_dict().items())   # nothing is copied
    assert {value.dtype for value in in_float32(model.bfloat16()).values() if value.is_floating_point()} == {torch.float32}


def test_a_damaged_file_is_one_line(toy_backbone, tmp_path):
    for file in Path(toy_backbone).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(UserError, match="cannot be loaded") as error:
        load_weights(AutoModel, str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("architecture, count", [("bert", 140), ("roberta", 139), ("distilbert", 140)])
def test_roberta_has_fewer_positions_than_it_says(architecture, count, backbone_folder):
    config = AutoConfig.from_pretrained(backbone_folder(architecture))
    assert positions(config) == count
    check_positions(config, "toy", count)
    with pytest.raises(UserError, match=f"max_length {count + 1} is more than the {count} positions of toy"):
        check_positions(config, "toy", count + 1)


def test_quietly_puts_back_what_was_shown():
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with quietly():
        assert logging.get_verbosity() == logging.ERROR and not logging.is_progress_bar_enabled()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
