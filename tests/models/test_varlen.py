"""The CUDA kernels against the padded groups that run everywhere."""

import pytest
import torch
from torch import nn

from lit_embed.models import packed_attention as packed
from lit_embed.models.packed_attention import Segments
from lit_embed.models.varlen import varlen_attention

LENGTHS = torch.tensor([1, 2, 7, 40, 41])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_cuda_the_caller_pads_groups(dtype):
    q, k, v = torch.randn(3, int(LENGTHS.sum()), 2, 8, dtype=dtype)
    assert varlen_attention(q, k, v, Segments(LENGTHS, q.device), 0.3, 0.0, False, None) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("causal", [False, True])
def test_the_kernel_equals_the_groups(causal, window, dtype, monkeypatch):
    settings = {"scaling": 0.3, "is_causal": causal, "sliding_window": window, "segments": Segments(LENGTHS, torch.device("cuda"))}
    leaves = [torch.randn(1, heads, int(LENGTHS.sum()), 16, device="cuda", dtype=dtype, requires_grad=True) for heads in (4, 2, 2)]
    results = []
    for kernel in (varlen_attention, lambda *_: None):
        monkeypatch.setattr(packed, "varlen_attention", kernel)
        out, _ = packed.packed_attention(nn.Module().eval(), *leaves, **settings)
        results.append((out, *torch.autograd.grad(out.float().square().sum(), leaves)))
    torch.testing.assert_close(*results, rtol=0.02, atol=0.02)
