"""Packed gives the logits and the gradients of padded, with the head each architecture was published with."""

import pytest
import torch
from torch import nn
from toys import make_backbone
from transformers import AutoConfig, AutoModelForSequenceClassification

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.backbone import PADDED
from lit_embed.models.classifier import (load_classifier, logits_packed, logits_padded, probe_classifier, takes_types)
from lit_embed.models.packed_attention import PACKED

PACKABLE = {"bert": 0, "roberta": 1, "xlm_roberta": 1, "distilbert": 0, "modernbert": 0}


def classifier(folder: str, num_labels: int = 2) -> nn.Module:
    """With a head large enough that a wrong vector shows."""
    model, _ = load_classifier(folder, num_labels)
    for name, weight in model.named_parameters():
        if weight.ndim == 2 and not name.startswith(model.base_model_prefix + "."):
            nn.init.normal_(weight, std=0.3)
    return model.eval()


def some_pairs() -> tuple[Tokens, torch.Tensor]:
    lengths = torch.tensor([3, 4, 4, 9, 17, 40])
    ids = torch.randint(5, 80, (int(lengths.sum()),))
    return Tokens(ids, lengths), torch.randint(2, ids.shape)


@pytest.mark.parametrize("architecture", PACKABLE)
def test_packed_equals_padded_with_gradients(architecture, backbone_folder):
    model = classifier(backbone_folder(architecture)).double()
    assert probe_classifier(model) == PACKABLE[architecture]
    (tokens, types), results = some_pairs(), []
    for attention in (PADDED, PACKED):
        model.set_attn_implementation(attention)
        model.zero_grad()
        logits = (logits_padded(model, tokens, types) if attention == PADDED
                  else logits_packed(model, tokens, types, PACKABLE[architecture]))
        (logits * torch.arange(1, 13).view(6, 2)).sum().backward()
        results.append((logits.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    (logits, gradients), (packed_logits, packed_gradients) = results
    assert logits.std(dim=0).min() > 0.01
    # ModernBERT computes its rotations in float32 whatever the model's precision.
    torch.testing.assert_close(packed_logits, logits, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(packed_gradients, gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["mpnet", "deberta", "llama"])
def test_what_cannot_be_packed_is_padded(architecture, backbone_folder):
    model, plain = (classifier(backbone_folder(architecture)) for _ in range(2))
    plain.load_state_dict(model.state_dict())
    assert probe_classifier(model) is None
    tokens, types = some_pairs()
    with torch.no_grad():
        torch.testing.assert_close(logits_padded(model, tokens, types), logits_padded(plain, tokens, types))


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_each_pair_gets_the_logits_it_gets_alone(architecture, backbone_folder):
    model = classifier(backbone_folder(architecture))
    first, (tokens, types) = probe_classifier(model), some_pairs()
    plain = AutoModelForSequenceClassification.from_pretrained(backbone_folder(architecture), num_labels=2).eval()
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        packed = logits_packed(model, tokens, types, first)
        for row, ids, kinds in zip(packed, tokens.ids.split(tokens.lengths.tolist()), types.split(tokens.lengths.tolist())):
            inputs = {"token_type_ids": kinds[None]} if takes_types(plain) else {}
            torch.testing.assert_close(row, plain(input_ids=ids[None], **inputs).logits[0], rtol=1e-4, atol=1e-5)


def test_token_types_change_the_logits_of_a_bert_and_do_not_reach_a_distilbert(backbone_folder):
    for architecture, changes in [("bert", True), ("distilbert", False)]:
        model, (tokens, types) = classifier(backbone_folder(architecture)), some_pairs()
        first = probe_classifier(model)
        with torch.no_grad():
            one, other = (logits_packed(model, tokens, kinds, first) for kinds in (types, torch.zeros_like(types)))
        assert torch.allclose(one, other, atol=1e-6) != changes


def test_a_head_on_the_mean_of_the_tokens_gets_the_mean(tmp_path):
    folder = make_backbone("modernbert", tmp_path)
    config = AutoConfig.from_pretrained(folder)
    config.classifier_pooling = "mean"
    config.save_pretrained(folder)
    model = classifier(folder)
    assert probe_classifier(model) == 0
    tokens, types = some_pairs()
    with torch.no_grad():
        packed = logits_packed(model, tokens, types, 0)
        model.set_attn_implementation(PADDED)
        torch.testing.assert_close(packed, logits_padded(model, tokens, types), rtol=1e-4, atol=1e-5)


def test_a_pair_never_sees_its_neighbours(toy_backbone):
    model, (tokens, types) = classifier(toy_backbone), some_pairs()
    first, changed = probe_classifier(model), tokens.ids.clone()
    changed[-40:] = 7                                               # the last pair becomes another one
    with torch.no_grad():
        before, after = (logits_packed(model, Tokens(ids, tokens.lengths), types, first) for ids in (tokens.ids, changed))
    torch.testing.assert_close(after[:-1], before[:-1], rtol=0, atol=0)
    assert not torch.allclose(after[-1], before[-1])


def test_a_new_head_is_decided_by_the_seed_and_said_once(toy_backbone, caplog):
    heads = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        model, new = load_classifier(toy_backbone, 1)
        assert new
        heads.append(model.classifier.weight)
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
    assert caplog.messages[0].endswith("has no classification head for 1 label: classifier.bias, classifier.weight start at random")
    assert len(caplog.messages) == 3


def test_a_head_is_kept_and_one_of_another_width_gives_way(toy_backbone, tmp_path, caplog):
    classifier(toy_backbone, 3).save_pretrained(tmp_path)
    caplog.clear()
    kept, new = load_classifier(str(tmp_path), 3)
    assert not new and not caplog.messages
    assert torch.equal(kept.classifier.weight, AutoModelForSequenceClassification.from_pretrained(tmp_path).classifier.weight)
    other, new = load_classifier(str(tmp_path), 1)
    assert new and other.classifier.out_features == 1 and "for 1 label: classifier.bias" in caplog.messages[0]
    torch.testing.assert_close(other.bert.encoder.layer[0].output.dense.weight, kept.bert.encoder.layer[0].output.dense.weight)


def test_a_body_of_another_shape_is_one_line(toy_backbone, tmp_path):
    classifier(toy_backbone).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    config.intermediate_size = 32
    config.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has another shape than its config.json says"):
        load_classifier(str(tmp_path), 2)
