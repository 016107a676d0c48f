"""The float32 island."""

import torch

from lit_embed.losses.full_precision import in_full_precision


@in_full_precision
def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a @ b


def test_half_precision_is_widened_and_float64_is_left():
    for dtype, expected in [(torch.bfloat16, torch.float32), (torch.float16, torch.float32), (torch.float64, torch.float64)]:
        assert product(torch.ones(2, 2, dtype=dtype), b=torch.ones(2, 2, dtype=dtype)).dtype == expected


def test_autocast_does_not_reach_inside():
    a, b = torch.randn(8, 8), torch.randn(8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(product(a, b), a @ b) is False       # outside the island the product is rounded
        inside = product(a, b)
    assert torch.equal(inside, a @ b)
