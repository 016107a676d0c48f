"""Packed equals padded for every architecture that says so, in values and in gradients; the others fall back."""

import pytest
import torch

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.backbone import PADDED, evaluating, filler, load_backbone, probe, run_packed, run_padded
from lit_embed.models.packed_attention import PACKED

PACKABLE = {"bert": 0, "roberta": 1, "xlm_roberta": 1, "distilbert": 0, "modernbert": 0, "llama": 0}


def some_tokens(seed: int = 1) -> Tokens:
    torch.manual_seed(seed)
    lengths = torch.tensor([1, 2, 2, 3, 9, 17, 40])
    return Tokens(torch.randint(5, 80, (int(lengths.sum()),)), lengths)


@pytest.mark.parametrize("architecture", PACKABLE)
def test_the_probe_finds_where_positions_start(architecture, backbone_folder):
    assert probe(load_backbone(backbone_folder(architecture))) == PACKABLE[architecture]


@pytest.mark.parametrize("architecture", ["mpnet", "deberta", "gemma2"])
def test_the_probe_refuses_what_would_answer_wrong_numbers(architecture, backbone_folder):
    backbone = load_backbone(backbone_folder(architecture))
    assert probe(backbone) is None
    expected = load_backbone(backbone_folder(architecture)).eval()                # as transformers runs it by itself
    with torch.no_grad():
        torch.testing.assert_close(run_padded(backbone.eval(), some_tokens()), run_padded(expected, some_tokens()))


@pytest.mark.parametrize("architecture", PACKABLE)
def test_packed_equals_padded_with_gradients(architecture, backbone_folder):
    backbone, tokens = load_backbone(backbone_folder(architecture)).double().eval(), some_tokens()
    direction = torch.randn(len(tokens.ids), 32, dtype=torch.float64)
    results = []
    for attention in (PADDED, PACKED):
        backbone.set_attn_implementation(attention)
        backbone.zero_grad()
        hidden = run_padded(backbone, tokens) if attention == PADDED else run_packed(backbone, tokens, PACKABLE[architecture])
        (hidden * direction).sum().backward()
        results.append((hidden.detach(), [p.grad.clone() for p in backbone.parameters() if p.grad is not None]))
    (hidden, gradients), (packed_hidden, packed_gradients) = results
    # ModernBERT and Llama compute their rotations in float32 whatever the model's precision.
    torch.testing.assert_close(packed_hidden, hidden, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(packed_gradients, gradients, rtol=1e-4, atol=1e-5)


def test_a_text_never_sees_its_neighbours(toy_backbone):
    backbone = load_backbone(toy_backbone).eval()
    position, tokens = probe(backbone), some_tokens()
    changed = tokens.ids.clone()
    changed[-40:] = 7                                               # the last text becomes another one
    with torch.no_grad():
        before, after = (run_packed(backbone, Tokens(ids, tokens.lengths), position) for ids in (tokens.ids, changed))
    torch.testing.assert_close(after[:-40], before[:-40], rtol=0, atol=0)
    assert not torch.allclose(after[-40:], before[-40:])


def test_evaluating_leaves_every_mode_as_it_was(toy_backbone):
    backbone = load_backbone(toy_backbone).train()
    backbone.encoder.layer[0].eval()
    modes = [part.training for part in backbone.modules()]
    with pytest.raises(RuntimeError), evaluating(backbone):
        assert not any(part.training for part in backbone.modules()) and not torch.is_grad_enabled()
        raise RuntimeError
    assert [part.training for part in backbone.modules()] == modes and torch.is_grad_enabled()


def test_an_unknown_backbone_is_one_line_that_says_how_to_give_a_folder():
    with pytest.raises(UserError, match="--model.encoder.backbone FOLDER") as error:
        load_backbone("nobody/no-such-model")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("architecture", ["bert", "modernbert", "llama"])
def test_slots_behind_the_last_text_change_neither_values_nor_gradients(architecture, backbone_folder, monkeypatch):
    backbone, tokens = load_backbone(backbone_folder(architecture)).eval(), some_tokens()
    backbone.set_attn_implementation(PACKED)
    found = []
    for short in (10**9, 4):
        monkeypatch.setattr("lit_embed.models.backbone.SHORT", short)
        backbone.zero_grad()
        hidden = run_packed(backbone, tokens, PACKABLE[architecture])
        (hidden * torch.arange(hidden.size(1))).sum().backward()
        found.append([hidden.detach(), *(p.grad for p in backbone.parameters() if p.grad is not None)])
    assert filler(tokens) > 0 and len(found[0]) == len(found[1])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_numbers_of_slots_are_few_and_near():
    totals = {}
    for slots in range(256, 5_000):
        more = filler(Tokens(torch.zeros(slots, dtype=torch.long), torch.tensor([slots])))
        assert 0 <= more <= slots / 16
        totals[slots + more] = totals.get(slots + more, 0) + 1
    assert len(totals) < 100
    with torch.no_grad():
        assert filler(Tokens(torch.zeros(1_001, dtype=torch.long), torch.tensor([1_001]))) == 0
