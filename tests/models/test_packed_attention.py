"""Packed attention against one softmax at a time, text by text."""

import math

import pytest
import torch
from torch import nn

from lit_embed.models.packed_attention import Segments, packed_attention

LENGTHS = torch.tensor([1, 2, 2, 5, 30, 31])


def naive(q, k, v, causal, window, scaling):
    """(S, heads, d) three times, one query token at a time."""
    out, start = torch.zeros_like(q), 0
    for length in LENGTHS.tolist():
        for i in range(length):
            for head in range(q.size(1)):
                seen = [j for j in range(length)
                        if (not causal or j <= i) and (window is None or abs(i - j) < window)]
                scores = [math.exp(float(q[start + i, head] @ k[start + j, head // 2]) * scaling) for j in seen]
                out[start + i, head] = sum(s * v[start + j, head // 2] for s, j in zip(scores, seen)) / sum(scores)
        start += length
    return out


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_equals_one_softmax_at_a_time(causal, window, dtype):
    total = int(LENGTHS.sum())
    q, k, v = (torch.randn(total, heads, 4, dtype=torch.float64) for heads in (4, 2, 2))    # grouped key/value heads
    q, k, v = (x.to(dtype) for x in (q, k, v))
    packed, _ = packed_attention(nn.Module().eval(), *(x.transpose(0, 1).unsqueeze(0) for x in (q, k, v)), scaling=0.5,
                                 is_causal=causal, sliding_window=window, segments=Segments(LENGTHS, q.device))
    exact = naive(q.double(), k.double(), v.double(), causal, window, 0.5)
    torch.testing.assert_close(packed[0].double(), exact, **({"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64
                                                             else {"rtol": 0.03, "atol": 0.03}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_keeps_the_mean_and_stops_in_eval_mode(dtype):
    q, k = (torch.randn(1, 2, 71, 4, dtype=dtype) for _ in range(2))
    v = torch.ones(1, 2, 71, 4, dtype=dtype)
    training, evaluation = nn.Module().train(), nn.Module().eval()
    settings = {"dropout": 0.5, "is_causal": False, "segments": Segments(LENGTHS, q.device)}
    dropped = torch.stack([packed_attention(training, q, k, v, **settings)[0].float() for _ in range(200)])
    assert dropped.std() > 0.1
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)
    torch.testing.assert_close(packed_attention(evaluation, q, k, v, **settings)[0], v.transpose(1, 2))


def test_groups_cover_every_token_once_with_little_padding():
    lengths = torch.arange(1, 200)
    groups = Segments(lengths, torch.device("cpu")).groups
    covered = [token for group in groups for token in range(group.tokens.start, group.tokens.stop)]
    assert covered == list(range(int(lengths.sum())))
    assert sum(group.texts * group.longest for group in groups) < 1.3 * int(lengths.sum())


def test_a_backbone_that_does_not_pass_segments_is_found_out():
    with pytest.raises(ValueError, match="segments"):
        packed_attention(nn.Module(), *torch.randn(3, 1, 2, 5, 4))
