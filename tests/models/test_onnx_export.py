"""The exported graph gives the embeddings of the encoder: every pooling, every architecture, any number of texts and tokens."""

import numpy as np
import pytest
import torch
from onnx_toys import exported_bert
from toys import toy_texts

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.metrics import cosine
from lit_embed.models import TextEncoder, onnx_export
from lit_embed.models.backbone import padded_inputs
from lit_embed.models.onnx_encoder import OnnxEncoder, open_session
from lit_embed.models.pooling import pool

TEXTS = [*toy_texts(9), "the cat " * 30, ""]


@pytest.mark.parametrize(("architecture", "pooling", "normalization"), [
    ("xlm_roberta", "cls", "none"), ("modernbert", "max", "none"), ("llama", "last", "l2")])
def test_a_graph_gives_the_embeddings_of_its_encoder(architecture, pooling, normalization, backbone_folder, tmp_path):
    encoder = TextEncoder(backbone_folder(architecture), pooling, 40, normalization, query_prefix="red ")
    packed = encoder.backbone.config._attn_implementation
    onnx_export.save(encoder, tmp_path / "out")
    assert encoder.backbone.config._attn_implementation == packed                      # the encoder goes on as it was
    assert_embeds_as(OnnxEncoder(tmp_path / "out"), encoder)


def assert_embeds_as(exported, encoder):
    assert exported.width == 32
    for texts, role in [(TEXTS, "text"), (TEXTS[:1], "query"), (TEXTS[3:5], "document")]:
        np.testing.assert_allclose(exported.encode(texts, role), encoder.encode(texts, role), atol=2e-6)


def test_int8_is_close_and_a_fraction_of_the_size(toy_backbone, tmp_path, monkeypatch):
    encoder, content = TextEncoder(toy_backbone, max_length=40, query_prefix="red "), exported_bert(toy_backbone)
    assert str(onnx_export.__file__).encode() not in content                           # no folders of the machine that wrote it
    monkeypatch.setattr(onnx_export, "write_graph", lambda _, file: file.write_bytes(content))
    onnx_export.save(encoder, tmp_path / "float")
    assert_embeds_as(OnnxEncoder(tmp_path / "float"), encoder)
    assert not list((tmp_path / "float").glob("*.safetensors"))
    onnx_export.save(encoder, tmp_path / "int8", int8=True)
    rounded = OnnxEncoder(tmp_path / "int8")
    assert rounded.file.name == "model_int8.onnx" and rounded.file.stat().st_size < 0.7 * len(content)
    cosines = cosine(rounded.encode(TEXTS), encoder.encode(TEXTS))
    assert 0.97 < cosines.min() and cosines.mean() < 1 - 1e-6


def test_token_vectors_come_out_too_for_whoever_pools_outside(toy_backbone, tmp_path):
    encoder, file = TextEncoder(toy_backbone), tmp_path / "model.onnx"
    file.write_bytes(exported_bert(toy_backbone))
    ids, lengths, _ = encoder.tokenizer.tokenize(["the cat sat", "a dog"])
    inputs = padded_inputs(Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long()), 0)
    vectors, = open_session(file).run([onnx_export.TOKENS], {name: value.numpy() for name, value in inputs.items()})
    hidden = torch.from_numpy(vectors)[inputs["attention_mask"].bool()]                          # (S, D)
    np.testing.assert_allclose(pool(hidden, torch.from_numpy(lengths), "mean"), encoder.encode(["the cat sat", "a dog"]), atol=2e-6)


@pytest.mark.parametrize("name", onnx_export.POOLINGS)
def test_padded_pooling_is_that_of_texts_end_to_end(name):
    lengths = torch.tensor([1, 4, 6])
    hidden = torch.randn(3, 6, 5)
    mask = (torch.arange(6) < lengths.unsqueeze(1)).long()
    found = onnx_export.POOLINGS[name](hidden, mask)
    torch.testing.assert_close(found, pool(hidden[mask.bool()], lengths, name))


def test_what_cannot_be_written_is_one_line(toy_backbone, tmp_path, monkeypatch):
    encoder = TextEncoder(toy_backbone)
    encoder.pooling = "attention"
    with pytest.raises(UserError, match="pooling 'attention' has no ONNX form: there are mean"):
        onnx_export.save(encoder, tmp_path / "out")
    encoder.pooling = "mean"
    monkeypatch.setattr(encoder.backbone, "forward", lambda input_ids, attention_mask: input_ids.sum().item())
    monkeypatch.setattr(onnx_export.copy, "deepcopy", lambda backbone: backbone)
    with pytest.raises(UserError, match="torch cannot write BertModel as ONNX: "):
        onnx_export.save(encoder, tmp_path / "out")


def test_a_missing_extra_is_one_line():
    with pytest.raises(UserError, match=r'ONNX needs the package no_such_thing.*pip install "lit-embed\[onnx\]"'):
        onnx_export.need_packages("onnx", "no_such_thing")
