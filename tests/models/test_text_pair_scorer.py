"""Scores are those of the plain model pair by pair; execution never changes a number or a gradient."""

import numpy as np
import pytest
import torch
from toys import lively, toy_pairs, toy_texts
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models import TextPairScorer

ARCHITECTURES = ["bert", "roberta", "xlm_roberta", "mpnet", "distilbert", "modernbert", "deberta", "llama"]
PACKED = {"bert", "roberta", "xlm_roberta", "distilbert", "modernbert"}


def by_hand(scorer: TextPairScorer, folder: str, pairs: list[tuple[str, str]]) -> np.ndarray:
    """One pair through the plain Hugging Face model."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=scorer.num_labels).eval()
    model.load_state_dict(scorer.backbone.state_dict())
    tokenizer, rows = AutoTokenizer.from_pretrained(folder), []
    for first, second in pairs:
        inputs = tokenizer([first], [second], truncation=True, max_length=scorer.max_length, return_tensors="pt")
        if "distil" in type(model).__name__.lower():
            inputs.pop("token_type_ids")
        with torch.no_grad():
            rows.append(model(**{name: ids for name, ids in inputs.items() if ids.numel()}).logits[0])
    return torch.stack(rows).numpy()


@pytest.mark.parametrize("num_labels", [1, 3])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_the_plain_model_pair_by_pair(architecture, num_labels, backbone_folder):
    folder, pairs = backbone_folder(architecture), toy_pairs(9)
    scorer = lively(TextPairScorer(folder, num_labels, max_length=24))
    assert scorer.packed == (architecture in PACKED)
    expected = by_hand(scorer, folder, pairs)
    expected = 1 / (1 + np.exp(-expected[:, 0])) if num_labels == 1 else expected
    for batch_tokens in (40, None):
        scores = scorer.score(pairs, batch_tokens)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    assert scores.dtype == np.float32 and scores.std() > 0.01


def tokens_of(scorer: TextPairScorer, choices: int = 3) -> tuple[Tokens, Tokens]:
    texts = toy_texts(4 + 4 * choices)
    return scorer.tokenizer.tokens(texts[:4]), scorer.tokenizer.tokens(texts[4:])


def test_the_choices_of_a_query_stand_next_to_each_other(toy_backbone):
    scorer, texts = lively(TextPairScorer(toy_backbone, max_length=32)).eval(), toy_texts(16)
    with torch.no_grad():
        logits = scorer(*tokens_of(scorer))
    pairs = [(texts[i], texts[4 + 3 * i + c]) for i in range(4) for c in range(3)]
    np.testing.assert_allclose(logits.sigmoid()[:, 0].numpy(), scorer.score(pairs), rtol=1e-5)
    assert logits.shape == (12, 1)


def gradients(scorer: TextPairScorer, tokens: tuple[Tokens, Tokens], max_tokens: int) -> list[torch.Tensor]:
    scorer.max_tokens = max_tokens
    scorer.zero_grad()
    scorer(*tokens).pow(2).sum().backward()
    return [p.grad.clone() for p in scorer.parameters() if p.grad is not None]


@pytest.mark.parametrize("architecture", ["bert", "mpnet"])
def test_micro_batches_give_the_gradient_of_one_pass(architecture, backbone_folder):
    scorer = lively(TextPairScorer(backbone_folder(architecture), max_length=32)).double().eval()
    tokens = tokens_of(scorer)
    torch.testing.assert_close(gradients(scorer, tokens, 40), gradients(scorer, tokens, 10_000), rtol=1e-9, atol=1e-9)


def test_micro_batches_replay_their_dropout(toy_backbone):
    """With dropout on, backward must see the activations that forward saw: the gradient is that of the value computed."""
    scorer = lively(TextPairScorer(toy_backbone, max_length=32)).double().train()
    tokens, weight = tokens_of(scorer), scorer.backbone.bert.encoder.layer[0].output.dense.weight
    scorer.max_tokens, direction = 40, torch.randn_like(weight)

    def value() -> torch.Tensor:
        torch.manual_seed(5)
        return scorer(*tokens).pow(2).sum()

    scorer.zero_grad()
    value().backward()
    slope = float((weight.grad * direction).sum())
    with torch.no_grad():
        weight += 1e-6 * direction
        above = float(value())
        weight -= 2e-6 * direction
        below = float(value())
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)


def test_every_weight_gets_a_gradient(backbone_folder):
    """One that no loss sees would leave processes waiting for each other."""
    for architecture in PACKED:
        scorer = TextPairScorer(backbone_folder(architecture), max_length=32)
        scorer(*tokens_of(scorer)).sum().backward()
        assert not [name for name, p in scorer.named_parameters() if p.grad is None]


def test_bf16_autocast_stays_close_and_hands_out_float32(toy_backbone):
    scorer = lively(TextPairScorer(toy_backbone, max_length=32)).eval()
    tokens = tokens_of(scorer)
    with torch.no_grad():
        exact = scorer(*tokens)
        with torch.autocast("cpu", torch.bfloat16):
            rough = scorer(*tokens)
    assert rough.dtype == torch.float32 and not torch.equal(exact, rough)
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0.05)


def test_prefixes_are_put_before_first_and_second_texts(toy_backbone):
    torch.manual_seed(1)
    prefixed = TextPairScorer(toy_backbone, query_prefix="red ", document_prefix="blue ", max_length=32)
    plain = TextPairScorer(toy_backbone, max_length=32)
    plain.load_state_dict(prefixed.state_dict())
    np.testing.assert_allclose(prefixed.score([("cat", "dog")]), plain.score([("red cat", "blue dog")]), atol=1e-7)


def test_nothing_to_score_gives_no_scores(toy_backbone):
    assert TextPairScorer(toy_backbone, max_length=32).score([]).shape == (0,)
    scorer = TextPairScorer(toy_backbone, 3, max_length=32)
    assert scorer.score([]).shape == (0, 3)
    nothing = Tokens(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    assert scorer(nothing, nothing).shape == (0, 3)


def test_scoring_leaves_training_mode_and_random_numbers_alone(toy_backbone):
    scorer = TextPairScorer(toy_backbone, max_length=32).train()
    state = torch.get_rng_state()
    first, second = scorer.score([("cat", "dog")]), scorer.score([("cat", "dog")])
    np.testing.assert_array_equal(first, second)
    assert scorer.training and torch.equal(torch.get_rng_state(), state)


def test_each_distinct_text_is_tokenised_once(toy_backbone, monkeypatch):
    scorer, seen = TextPairScorer(toy_backbone, max_length=32), []
    tokenize = scorer.tokenizer.tokenize
    monkeypatch.setattr(scorer.tokenizer, "tokenize", lambda texts, prefix="": seen.extend(texts) or tokenize(texts, prefix))
    scorer.score([("cat", "dog"), ("cat", "mat"), ("sun", "dog"), ("cat", "dog")])
    assert seen == ["cat", "sun", "dog", "mat"]


@pytest.mark.parametrize("settings, says", [({"max_length": 1000}, "140 positions"), ({"num_labels": 0}, "number of classes"),
                                            ({"max_length": 4}, "no room for two texts")])
def test_a_wrong_setting_is_one_clear_line(settings, says, toy_backbone):
    with pytest.raises(UserError, match=says):
        TextPairScorer(toy_backbone, **{"max_length": 32, **settings})
