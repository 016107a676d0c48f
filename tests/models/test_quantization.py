"""Four bits need a package and a GPU; without them there is one line."""

import importlib.util

import pytest
import torch

from lit_embed.errors import UserError
from lit_embed.models import Lora, TextEncoder
from lit_embed.models.quantization import four_bits


def test_what_is_missing_is_said(monkeypatch, backbone_folder):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package bitsandbytes: pip install bitsandbytes"):
        four_bits()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="needs a GPU, and there is none here"):
        TextEncoder(backbone_folder("smollm"), lora=Lora(quantize="4bit"))


def test_on_a_gpu_weights_are_loaded_as_normal_floats_of_four_bits(monkeypatch):
    import transformers

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(transformers, "BitsAndBytesConfig", dict)           # the real one asks for the package
    monkeypatch.setenv("LOCAL_RANK", "1")
    asked = four_bits()
    assert asked["device_map"] == {"": 1} and asked["quantization_config"]["bnb_4bit_quant_type"] == "nf4"
