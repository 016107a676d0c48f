"""The encoder: order kept, execution never changes a number or a gradient, a folder that others read."""

import numpy as np
import pytest
import torch
from toys import toy_texts
from transformers import AutoModel, AutoTokenizer

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder

POOLINGS = ["mean", "cls", "max", "last"]
ARCHITECTURES = ["bert", "roberta", "xlm_roberta", "mpnet", "distilbert", "modernbert", "llama"]


def by_hand(folder: str, text: str, pooling: str) -> np.ndarray:
    """One text through the plain Hugging Face model, pooled by hand."""
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        ids = torch.tensor([tokenizer(text, truncation=True, max_length=32)["input_ids"]])
        hidden = model(input_ids=ids).last_hidden_state[0]
    return {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.max(0).values, "last": hidden[-1]}[pooling].numpy()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_the_plain_model_text_by_text(architecture, pooling, backbone_folder):
    folder, texts = backbone_folder(architecture), [*toy_texts(6), ""]
    embeddings = TextEncoder(folder, pooling, max_length=32).encode(texts, batch_tokens=30)
    expected = np.stack([by_hand(folder, text, pooling) for text in texts])
    np.testing.assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-5)
    assert embeddings.dtype == np.float32


def tokens_of(encoder: TextEncoder, texts: list[str]) -> Tokens:
    ids, lengths, _ = encoder.tokenizer.tokenize(texts)
    return Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long())


def gradients(encoder: TextEncoder, tokens: Tokens, max_tokens: int) -> list[torch.Tensor]:
    encoder.max_tokens = max_tokens
    encoder.zero_grad()
    torch.manual_seed(3)
    encoder(tokens).pow(2).sum().backward()
    return [p.grad.clone() for p in encoder.parameters() if p.grad is not None]


@pytest.mark.parametrize("architecture", ["bert", "mpnet"])
def test_micro_batches_give_the_gradient_of_one_pass(architecture, backbone_folder):
    encoder = TextEncoder(backbone_folder(architecture)).double().eval()
    tokens = tokens_of(encoder, toy_texts(9))
    torch.testing.assert_close(gradients(encoder, tokens, 20), gradients(encoder, tokens, 10_000), rtol=1e-9, atol=1e-9)


def test_micro_batches_replay_their_dropout(toy_backbone):
    """With dropout on, backward must see the activations that forward saw: the gradient is that of the value computed."""
    encoder = TextEncoder(toy_backbone).double().train()
    tokens, weight = tokens_of(encoder, toy_texts(6)), encoder.backbone.encoder.layer[0].output.dense.weight
    encoder.max_tokens, direction = 20, torch.randn_like(weight)

    def value() -> torch.Tensor:
        torch.manual_seed(5)
        return encoder(tokens).pow(2).sum()

    encoder.zero_grad()
    value().backward()
    slope = float((weight.grad * direction).sum())
    with torch.no_grad():
        weight += 1e-6 * direction
        above = float(value())
        weight -= 2e-6 * direction
        below = float(value())
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)


def test_bf16_autocast_stays_close_to_float32(toy_backbone):
    encoder, texts = TextEncoder(toy_backbone), toy_texts(8)
    exact = encoder.encode(texts)
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder.encode(texts)
    assert rough.dtype == np.float32
    cosine = (exact * rough).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rough, axis=1)
    assert 0.99 < cosine.min() and not np.array_equal(exact, rough)


def test_nothing_to_encode_gives_no_rows(toy_backbone):
    encoder = TextEncoder(toy_backbone)
    assert encoder.encode([]).shape == (0, encoder.width)
    assert encoder(Tokens(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))).shape == (0, encoder.width)


def test_prefixes_are_put_before_queries_and_documents(toy_backbone):
    encoder, plain = TextEncoder(toy_backbone, query_prefix="red ", document_prefix="blue "), TextEncoder(toy_backbone)
    np.testing.assert_allclose(encoder.encode(["cat"], "query"), plain.encode(["red cat"]), atol=1e-6)
    np.testing.assert_allclose(encoder.encode(["cat"], "document"), plain.encode(["blue cat"]), atol=1e-6)
    np.testing.assert_allclose(encoder.encode(["cat"]), plain.encode(["cat"]), atol=1e-6)


def test_l2_normalization_gives_unit_vectors(toy_backbone):
    lengths = np.linalg.norm(TextEncoder(toy_backbone, normalization="l2").encode(toy_texts(5)), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


def test_encoding_leaves_training_mode_and_random_numbers_alone(toy_backbone):
    encoder = TextEncoder(toy_backbone).train()
    state = torch.get_rng_state()
    first, second = encoder.encode(["cat"]), encoder.encode(["cat"])
    np.testing.assert_array_equal(first, second)
    assert encoder.training and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("settings, says", [({"pooling": "median"}, "mean, cls, max, last"),
                                            ({"normalization": "l1"}, "none and l2"), ({"max_length": 1000}, "140 positions")])
def test_a_wrong_setting_is_one_clear_line(settings, says, toy_backbone):
    with pytest.raises(UserError, match=says):
        TextEncoder(toy_backbone, **settings)
