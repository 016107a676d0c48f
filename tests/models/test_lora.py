"""Adapters: nothing else trains, they change nothing until they have learnt, and merged they are the same embeddings."""

import sys

import numpy as np
import pytest
import torch
from toys import toy_texts
from transformers import GPT2Config, GPT2Model

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models import Lora, TextEncoder
from lit_embed.models.backbone import PADDED, load_backbone
from lit_embed.models.cpu_linear import Linear
from lit_embed.models.dropout import Dropout
from lit_embed.models.lora import base_names, fingerprint, merged, targets

TEXTS = [*toy_texts(6), "", "the cat " * 20]
SMALL = Lora(r=4, alpha=8, dropout=0.1, target_modules=["q_proj", "v_proj"])


def adapted(folder: str, lora: Lora = SMALL, pooling: str = "last", **settings) -> TextEncoder:
    """With adapters that have learnt something."""
    encoder = TextEncoder(folder, pooling, 24, lora=lora, **settings)
    for name, weight in encoder.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return encoder


def tokens_of(encoder: TextEncoder) -> Tokens:
    ids, lengths, _ = encoder.tokenizer.tokenize(TEXTS)
    return Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long())


@pytest.mark.parametrize("architecture, pooling", [("smollm", "last"), ("bert", "mean")])
def test_new_adapters_change_nothing_and_only_they_are_trained(architecture, pooling, backbone_folder):
    folder = backbone_folder(architecture)
    encoder = TextEncoder(folder, pooling, 24, lora=Lora(r=4))
    np.testing.assert_allclose(encoder.encode(TEXTS), TextEncoder(folder, pooling, 24).encode(TEXTS), atol=1e-6)
    encoder.train()(tokens_of(encoder)).pow(2).sum().backward()
    trained = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert trained == {name for name, weight in encoder.named_parameters() if weight.grad is not None}
    assert trained and all(".lora_" in name for name in trained)
    kinds = {type(part) for part in encoder.modules()}
    assert {Linear, Dropout} <= kinds and not {torch.nn.Linear, torch.nn.Dropout} & kinds


@pytest.mark.parametrize("architecture, pooling", [("smollm", "last"), ("qwen3", "mean"), ("bert", "mean")])
def test_packed_equals_padded_with_adapters(architecture, pooling, backbone_folder):
    encoder = adapted(backbone_folder(architecture), Lora(r=4), pooling)
    packed = encoder.encode(TEXTS)
    assert encoder.packed
    encoder.first_position = None
    encoder.backbone.set_attn_implementation(PADDED)
    np.testing.assert_allclose(packed, encoder.encode(TEXTS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_micro_batches_and_layer_by_layer_give_the_gradient_of_one_pass(dropout, backbone_folder):
    """With dropout on, several passes draw other numbers than one, so that those that keep everything are the measure."""
    folder = backbone_folder("smollm")

    def gradients(recompute: str, max_tokens: int) -> torch.Tensor:
        torch.manual_seed(0)
        encoder = adapted(folder, Lora(r=4, dropout=dropout), recompute=recompute, max_tokens=max_tokens).double().train()
        torch.manual_seed(1)
        embeddings = encoder(tokens_of(encoder))
        (embeddings * torch.arange(embeddings.numel()).view_as(embeddings).sin()).sum().backward()
        return torch.cat([weight.grad.flatten() for weight in encoder.parameters() if weight.requires_grad])

    several = gradients("never", 30)
    ways = [("auto", 30), ("layers", 30)] + ([("layers", 10_000), ("auto", 10_000)] if not dropout else [])
    for way in ways:
        assert (gradients(*way) - several).norm() < 1e-6 * several.norm(), way          # rotations are float32 whatever comes in


def test_merged_is_a_plain_encoder_with_the_same_embeddings(backbone_folder, tmp_path):
    encoder = adapted(backbone_folder("smollm"))
    before, weights = encoder.encode(TEXTS), {name: value.clone() for name, value in encoder.state_dict().items()}
    plain = merged(encoder)
    np.testing.assert_allclose(plain.encode(TEXTS), before, atol=1e-5)
    assert plain.lora is None and plain.settings["lora"] is None
    assert not any("lora" in name for name in plain.state_dict())
    assert all(weight.requires_grad for weight in plain.parameters()) and merged(plain) is plain
    assert all(torch.equal(value, weights[name]) for name, value in encoder.state_dict().items())
    np.testing.assert_array_equal(encoder.encode(TEXTS), before)
    plain.save_folder(tmp_path / "merged")
    again = TextEncoder.from_folder(tmp_path / "merged")
    np.testing.assert_allclose(again.encode(TEXTS), before, atol=1e-5)
    assert (tmp_path / "merged/model.safetensors").is_file() and again.lora is None and not base_names(again)


def test_weights_of_four_bits_take_nothing_up(backbone_folder):
    encoder = adapted(backbone_folder("smollm"))
    encoder.lora.quantize = "4bit"
    with pytest.raises(UserError, match="cannot be merged into weights of four bits"):
        merged(encoder)
    encoder.lora.quantize = "none"


def test_targets_are_names_of_linear_layers(backbone_folder):
    backbone = load_backbone(backbone_folder("smollm"))
    assert targets(backbone, "all-linear") == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert targets(backbone, "q_proj") == ["q_proj"] and targets(backbone, ["v_proj", "mlp.up_proj"]) == ["mlp.up_proj", "v_proj"]
    for wrong in (["q_proj", "query"], "proj", [], [""]):
        with pytest.raises(UserError, match="has no linear layer .*; there are down_proj, gate_proj, k_proj, .*all-linear"):
            targets(backbone, wrong)


def test_a_model_without_linear_layers_is_one_line():
    with pytest.raises(UserError, match="GPT2Model has no linear layers"):
        targets(GPT2Model(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=9, bos_token_id=1, eos_token_id=1)), "all-linear")


@pytest.mark.parametrize("lora, says", [(Lora(r=0), "r 0"), (Lora(dropout=1.0), "dropout 1.0"), (Lora(alpha=0), "alpha 0")])
def test_settings_out_of_range_are_one_line(lora, says, backbone_folder):
    with pytest.raises(UserError, match=says):
        TextEncoder(backbone_folder("smollm"), lora=lora)


def test_a_missing_peft_is_one_line_that_says_how_to_get_it(backbone_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match=r'pip install "lit-embed\[lora\]"'):
        TextEncoder(backbone_folder("smollm"), lora=Lora())


def test_a_backbone_is_known_by_its_weights(backbone_folder):
    one, other = (load_backbone(backbone_folder(name)) for name in ("smollm", "qwen3"))
    assert fingerprint(one) == fingerprint(load_backbone(backbone_folder("smollm"))) != fingerprint(other)
    with torch.no_grad():
        one.layers[1].mlp.up_proj.weight *= 1.01
    assert fingerprint(one) != fingerprint(load_backbone(backbone_folder("smollm")))
