"""Attention by hand is softmax(q k^T) v, forward and backward, whatever is masked and dropped."""

import pytest
import torch

from lit_embed.models.dropout import drop, kept_bits
from lit_embed.models.half_attention import LONG, half_attention


def as_printed(q, k, v, mask, scaling, kept, p):
    """In float64, one operation of the formula at a time, differentiated by autograd."""
    scores = q @ k.transpose(-1, -2) * scaling
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    shares = scores.softmax(dim=-1)
    return (shares if kept is None else shares * (kept != 0) / (1 - p)) @ v


@pytest.mark.parametrize("length", [1, 7, LONG - 1, LONG + 8])
@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize("masked", ["nothing", "keys", "causal"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_values_and_gradients_are_those_of_the_formula(length, p, masked, dtype):
    inputs = [torch.randn(3, 2, length, 16).to(dtype).requires_grad_() for _ in range(3)]
    keys = torch.arange(length) < torch.tensor([max(1, length - 2), length, max(1, length // 2)])[:, None]
    mask = {"nothing": None, "keys": keys[:, None, None, :],
            "causal": torch.ones(length, length, dtype=torch.bool).tril()[None, None]}[masked]
    upstream = torch.randn(3, 2, length, 16).to(dtype)
    torch.manual_seed(5)
    out = half_attention(*inputs, mask, 0.25, p)
    gradients = torch.autograd.grad(out, inputs, upstream)
    torch.manual_seed(5)
    kept = kept_bits(3 * 2 * length * length, p).view(3, 2, length, length) if p else None
    exact = [x.detach().double().requires_grad_() for x in inputs]
    expected = as_printed(*exact, mask, 0.25, kept, p)
    tolerance = {"rtol": 0.02, "atol": 0.03} if dtype == torch.bfloat16 else {"rtol": 0.003, "atol": 0.005}
    torch.testing.assert_close(out.double(), expected, **tolerance)
    for got, right in zip(gradients, torch.autograd.grad(expected, exact, upstream.double())):
        torch.testing.assert_close(got.double(), right, **tolerance)


def test_autocast_leaves_it_in_half_precision():
    q = torch.randn(2, 2, LONG, 16, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert half_attention(q, q, q, None, 0.25, 0.1).dtype == torch.bfloat16


def test_nothing_kept_back_means_everything_stays():
    x = torch.randn(3)
    assert drop(x, None, 0.5) is x


@pytest.mark.parametrize("masked", ["nothing", "keys", "causal"])
def test_without_a_gradient_a_few_texts_at_a_time_give_the_same(monkeypatch, masked):
    inputs = [torch.randn(7, 2, 9, 16).bfloat16() for _ in range(3)]
    keys = (torch.arange(9) < torch.arange(2, 9)[:, None])[:, None, None, :]
    mask = {"nothing": None, "keys": keys, "causal": torch.ones(9, 9, dtype=torch.bool).tril()[None, None]}[masked]
    monkeypatch.setattr("lit_embed.models.half_attention.CACHED", 3 * 2 * 9 * 9)
    expected = half_attention(*inputs, mask, 0.25, 0.0)
    with torch.no_grad():
        torch.testing.assert_close(half_attention(*inputs, mask, 0.25, 0.0), expected, rtol=0, atol=0)
