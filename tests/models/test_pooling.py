"""Each pooling against a loop over texts, with its gradient, and with texts that have no tokens."""

import pytest
import torch
from torch.autograd import gradcheck

from lit_embed.models.pooling import POOLINGS, pool

SLOW = {"mean": lambda text: sum(text) / len(text), "cls": lambda text: text[0], "last": lambda text: text[-1],
        "max": lambda text: torch.stack([max(column) for column in text.T])}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_equals_a_loop_over_texts(pooling):
    hidden, lengths = torch.randn(12, 3), torch.tensor([3, 1, 8])
    expected = torch.stack([SLOW[pooling](text) for text in hidden.split(lengths.tolist())])
    torch.testing.assert_close(pool(hidden, lengths, pooling), expected)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradient_matches_finite_differences(pooling):
    hidden = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda h: pool(h, torch.tensor([2, 1, 3]), pooling), hidden)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_text_without_tokens_is_zeros_and_disturbs_nobody(pooling):
    hidden = torch.randn(4, 3)
    pooled = pool(hidden, torch.tensor([0, 3, 0, 1, 0]), pooling)
    assert torch.equal(pooled[[0, 2, 4]], torch.zeros(3, 3))
    torch.testing.assert_close(pooled[[1, 3]], pool(hidden, torch.tensor([3, 1]), pooling))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_half_precision_is_pooled_in_float32(pooling):
    hidden = torch.randn(300, 4).bfloat16()
    pooled = pool(hidden, torch.tensor([300]), pooling)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, pool(hidden.float(), torch.tensor([300]), pooling))


def test_no_texts_give_no_rows():
    assert pool(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long), "mean").shape == (0, 5)
