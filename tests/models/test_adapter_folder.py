"""Adapters alone in a folder: small, read by us, PEFT and sentence-transformers with equal embeddings, and trained on."""

import json
import sys

import numpy as np
import pytest
import torch
from test_lora import SMALL, TEXTS, adapted
from transformers import AutoModel

from lit_embed.errors import UserError
from lit_embed.models import DecoderSettings, Lora, TextEncoder
from lit_embed.models.adapter_folder import base_of, is_adapter, reference
from lit_embed.models.lora import merged


@pytest.fixture
def saved(backbone_folder, tmp_path):
    encoder = adapted(backbone_folder("smollm"), query_prefix="Instruct: find it\nQuery: ")
    encoder.save_folder(tmp_path / "model")
    return encoder, tmp_path / "model"


def test_what_comes_back_has_equal_embeddings_and_trains_on(saved, tmp_path):
    encoder, folder = saved
    again = TextEncoder.from_folder(folder)
    np.testing.assert_array_equal(again.encode(TEXTS, "query"), encoder.encode(TEXTS, "query"))
    assert again.query_prefix == "Instruct: find it\nQuery: " and again.lora == SMALL and again.pooling == "last"
    trained = {name for name, weight in again.named_parameters() if weight.requires_grad}
    assert trained == {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    with torch.no_grad():
        for name, weight in again.named_parameters():
            if "lora_A" in name:
                weight *= 2
    again.save_folder(tmp_path / "later")                             # adapters that were trained on refer to the backbone itself
    later = TextEncoder.from_folder(tmp_path / "later")
    np.testing.assert_array_equal(later.encode(TEXTS), again.encode(TEXTS))
    assert base_of(str(tmp_path / "later")) == base_of(str(folder))
    assert np.abs(later.encode(TEXTS) - encoder.encode(TEXTS)).max() > 1e-3


def test_the_folder_holds_adapters_and_a_reference_and_no_backbone(saved, backbone_folder):
    _, folder = saved
    names = {file.name for file in folder.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "modules.json", "tokenizer.json"} <= names
    assert not {"config.json", "model.safetensors"} & names and is_adapter(folder) and not is_adapter(backbone_folder("smollm"))
    assert base_of(str(folder)) == reference(backbone_folder("smollm")) == backbone_folder("smollm")


@pytest.mark.filterwarnings("default")              # what another library warns of is its own affair
def test_peft_and_sentence_transformers_read_it(saved):
    from peft import PeftModel
    from sentence_transformers import SentenceTransformer

    encoder, folder = saved
    theirs = SentenceTransformer(str(folder), device="cpu")
    np.testing.assert_allclose(theirs.encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)
    np.testing.assert_allclose(theirs.encode_query(TEXTS), encoder.encode(TEXTS, "query"), atol=1e-5)
    theirs = PeftModel.from_pretrained(AutoModel.from_pretrained(base_of(str(folder))), str(folder)).eval()
    ids = torch.tensor([encoder.tokenizer.tokenize(["the cat"])[0].tolist()])
    with torch.no_grad():
        np.testing.assert_allclose(theirs(input_ids=ids).last_hidden_state[0, -1:], encoder.encode(["the cat"]), atol=1e-5)


@pytest.mark.filterwarnings("default")
def test_a_bare_folder_of_peft_is_read(backbone_folder, tmp_path):
    from peft import LoraConfig, get_peft_model

    theirs = get_peft_model(AutoModel.from_pretrained(backbone_folder("smollm")), LoraConfig(r=2, target_modules=["up_proj"]))
    for name, weight in theirs.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = TextEncoder.from_folder(tmp_path / "theirs", pooling="cls", max_length=16)
    ids = torch.tensor([ours.tokenizer.tokenize(["the cat"])[0].tolist()])
    with torch.no_grad():
        np.testing.assert_allclose(theirs.eval()(input_ids=ids).last_hidden_state[0, :1], ours.encode(["the cat"]), atol=1e-5)


def test_both_ways_comes_back_from_the_adapters_folder_and_from_the_merged_one(backbone_folder, tmp_path):
    encoder = TextEncoder(backbone_folder("smollm"), "mean", 24, decoder=DecoderSettings(bidirectional=True), lora=SMALL)
    encoder.save_folder(tmp_path / "adapters")
    merged(encoder).save_folder(tmp_path / "merged")
    for name in ("adapters", "merged"):
        np.testing.assert_allclose(TextEncoder.from_folder(tmp_path / name).encode(TEXTS), encoder.encode(TEXTS), atol=1e-5)
    causal = TextEncoder.from_folder(tmp_path / "adapters", decoder=DecoderSettings(bidirectional=False))
    assert np.abs(causal.encode(TEXTS) - encoder.encode(TEXTS)).max() > 1e-3
    other = TextEncoder(str(tmp_path / "merged"), "mean", 24, decoder=DecoderSettings(bidirectional=False), lora=SMALL)
    other.save_folder(tmp_path / "causal")                            # adapters that look back, of a backbone that looks both ways
    np.testing.assert_allclose(TextEncoder.from_folder(tmp_path / "causal").encode(TEXTS), other.encode(TEXTS), atol=1e-5)


def test_other_settings_than_the_folders_are_refused_except_for_the_dropout(saved):
    _, folder = saved
    assert TextEncoder.from_folder(folder, lora=Lora(4, 8, 0.3, ["v_proj", "q_proj"])).lora.dropout == 0.3
    for other in (Lora(8, 8, 0.1, ["q_proj", "v_proj"]), Lora(4, 8, 0.1)):
        with pytest.raises(UserError, match="holds adapters of r 4, alpha 8 on q_proj, v_proj, the config asks for others"):
            TextEncoder.from_folder(folder, lora=other)


def test_a_lost_backbone_and_damaged_adapters_are_one_line(saved, toy_backbone, monkeypatch):
    _, folder = saved
    file = folder / "adapter_config.json"
    right = json.loads(file.read_text())
    file.write_text(json.dumps(right | {"base_model_name_or_path": "/nowhere/at/all"}))
    with pytest.raises(UserError, match="belong to the backbone /nowhere/at/all, which is not there"):
        TextEncoder.from_folder(folder)
    file.write_text(json.dumps(right | {"base_model_name_or_path": toy_backbone}))
    with pytest.raises(UserError, match="do not fit BertModel"):
        TextEncoder.from_folder(folder)
    file.write_text(json.dumps(right | {"r": 2}))
    with pytest.raises(UserError, match="other shapes than LlamaModel"):
        TextEncoder.from_folder(folder)
    file.write_text(json.dumps(right | {"target_modules": ["q_proj", "v_proj", "o_proj"]}))
    with pytest.raises(UserError, match="4 weights are missing and 0 belong elsewhere"):
        TextEncoder.from_folder(folder)
    file.write_text(json.dumps(right))
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "peft", None)
        with pytest.raises(UserError, match="needs the package peft"):
            TextEncoder.from_folder(folder)
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match="no adapter_model.safetensors"):
        TextEncoder.from_folder(folder)
