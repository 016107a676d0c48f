"""OnnxEncoder prepares texts as TextEncoder does, runs any graph that gives an embedding, and says what is wrong in one line."""

import shutil

import numpy as np
import pytest
import torch
from toys import toy_texts

from lit_embed.commands.open_model import open_encoder
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.models.onnx_encoder import OnnxEncoder, is_onnx, open_onnx, passes
from lit_embed.models.onnx_export import EMBEDDING
from lit_embed.search.fingerprint import fingerprint

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
TEXTS = [*toy_texts(40), "the cat " * 30, ""]


def write_counting_graph(file, output=EMBEDDING, factor=1.0):
    """A graph that takes what those of other exporters take: embedding = (sum of ids, number of tokens), types left out."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["batch", "length"]) for name in names]
    nodes = [onnx.helper.make_node("Mul", ["input_ids", "attention_mask"], ["real"]),
             onnx.helper.make_node("Add", ["real", "token_type_ids"], ["typed"]),
             onnx.helper.make_node("ReduceSum", ["typed", "axis"], ["total"]),
             onnx.helper.make_node("ReduceSum", ["attention_mask", "axis"], ["count"]),
             onnx.helper.make_node("Concat", ["total", "count"], ["both"], axis=1),
             onnx.helper.make_node("Cast", ["both"], ["numbers"], to=onnx.TensorProto.FLOAT),
             onnx.helper.make_node("Mul", ["numbers", "factor"], [output])]
    constants = [onnx.helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1]),
                 onnx.helper.make_tensor("factor", onnx.TensorProto.FLOAT, [1], [factor])]
    outputs = [onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["batch", 2])]
    graph = onnx.helper.make_graph(nodes, "counting", inputs, outputs, constants)
    file.parent.mkdir(exist_ok=True)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10), file)


@pytest.fixture
def folder(toy_backbone, tmp_path):
    TextEncoder(toy_backbone, max_length=16, query_prefix="red ").save_folder(tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()
    write_counting_graph(tmp_path / "model/onnx/model.onnx")
    return tmp_path / "model"


@pytest.mark.parametrize("batch_tokens", [None, 20])
def test_texts_are_tokenised_cut_and_put_back_in_order(folder, batch_tokens):
    encoder = OnnxEncoder(folder)
    for role, prefix in [("text", ""), ("query", "red ")]:
        ids, lengths, _ = encoder.tokenizer.tokenize(TEXTS, prefix)
        totals = [int(part.sum()) for part in np.split(ids, np.cumsum(lengths)[:-1])]
        np.testing.assert_array_equal(encoder.encode(TEXTS, role, batch_tokens), np.stack([totals, lengths], axis=1))
    assert encoder.width == 2 and encoder.encode([]).shape == (0, 2) and max(lengths) == 16
    assert OnnxEncoder(folder, max_length=5).encode(["the cat " * 30])[0, 1] == 5


def test_a_pass_holds_texts_of_about_the_same_length():
    lengths = torch.tensor([100, 3, 4, 90, 12, 5, 11, 13, 300])
    found = [lengths[part].tolist() for part in passes(lengths, 400)]
    assert found == [[3, 4, 5, 11], [12, 13], [90, 100], [300]]
    assert list(passes(torch.zeros(0), 400)) == []


def test_every_command_opens_the_folder_where_there_are_no_other_weights(folder, toy_backbone):
    assert is_onnx(folder) and not is_onnx(toy_backbone)
    np.testing.assert_array_equal(open_encoder(folder).encode(TEXTS), OnnxEncoder(folder).encode(TEXTS))
    with pytest.raises(UserError, match="--precision bfloat16: the ONNX model in"):
        open_onnx(folder, precision="bfloat16")
    shutil.copy(f"{toy_backbone}/model.safetensors", folder)
    assert not is_onnx(folder) and isinstance(open_encoder(folder), TextEncoder)


def test_the_fingerprint_follows_graph_and_settings(folder):
    before = fingerprint(OnnxEncoder(folder))
    assert fingerprint(OnnxEncoder(folder)) == before != fingerprint(OnnxEncoder(folder, max_length=9))
    write_counting_graph(folder / "onnx/model.onnx", factor=2.0)
    assert fingerprint(OnnxEncoder(folder)) != before


def test_what_is_wrong_is_one_line(folder):
    with pytest.raises(UserError, match="max_length 900 is more than the 140 positions"):
        OnnxEncoder(folder, max_length=900)
    file = folder / "onnx/model.onnx"
    write_counting_graph(file, output="logits")
    with pytest.raises(UserError, match="gives logits and no sentence_embedding: export the model"):
        OnnxEncoder(folder)
    file.write_bytes(file.read_bytes()[:99])
    with pytest.raises(UserError, match=r"model.onnx cannot be opened \(.*\): export the model again"):
        OnnxEncoder(folder)
    shutil.copy(file, folder / "onnx/model_int8.onnx")
    with pytest.raises(UserError, match="holds 2 ONNX files: leave the one that is meant"):
        OnnxEncoder(folder)
    shutil.rmtree(folder / "onnx")
    with pytest.raises(UserError, match="holds no ONNX file"):
        OnnxEncoder(folder)
    (folder / "modules.json").unlink()
    with pytest.raises(UserError, match="does not say how long its texts are"):
        OnnxEncoder(folder)
