"""Dropout of the CPU: the right share goes, the rest is scaled, and backward drops what forward dropped."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from lit_embed.models.dropout import Dropout, dropout, with_fast_dropout

DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_each_element_goes_with_probability_p_or_is_scaled(dtype, p):
    x = torch.ones(400, 250, dtype=dtype)
    y = dropout(x, p)
    assert y.dtype == dtype and set(y.unique().tolist()) == {0.0, torch.tensor(1.0, dtype=dtype).mul(1 / (1 - p)).item()}
    share = (y == 0).double().mean().item()
    assert abs(share - p) < 5 * (p * (1 - p) / x.numel()) ** 0.5                  # five standard deviations
    columns = (y == 0).double().mean(dim=0)                                       # no lane is unlike the others
    assert (columns.view(-1)[:248].view(-1, 4).mean(dim=0) - p).abs().max() < 5 * (p * (1 - p) / (400 * 62)) ** 0.5


def test_neighbours_are_independent():
    gone = (dropout(torch.ones(1_000_000), 0.3) == 0).double() - 0.3
    for step in (1, 2, 3, 4, 5, 64):
        assert abs((gone[step:] * gone[:-step]).mean()) < 5 * 0.21 / 1000


@pytest.mark.parametrize("dtype", DTYPES)
def test_backward_drops_what_forward_dropped(dtype):
    x = torch.randn(33, 7, dtype=dtype, requires_grad=True)
    y = dropout(x, 0.4)
    y.sum().backward()
    assert torch.equal((y == 0), (x.grad == 0))
    torch.testing.assert_close(x.grad * x, y)


def test_a_transposed_gradient_is_dropped_in_the_right_places():
    x = torch.randn(5, 6, 3, requires_grad=True)
    y = dropout(x.transpose(0, 2), 0.5)
    y.transpose(0, 1).contiguous().mul(torch.arange(5.0)).sum().backward()
    torch.testing.assert_close(x.grad != 0, (y != 0).transpose(0, 2) & (torch.arange(5) > 0).view(5, 1, 1))


def test_gradient_by_differences():
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    def same_numbers_each_time(x):
        torch.manual_seed(3)
        return dropout(x, 0.5)

    assert torch.autograd.gradcheck(same_numbers_each_time, x)


def test_recomputation_replays_it():
    x = torch.randn(8, 9, requires_grad=True)
    y = checkpoint(lambda x: dropout(x, 0.5) * dropout(x, 0.3), x, use_reentrant=False)
    y.sum().backward()
    assert torch.equal(x.grad != 0, y != 0)


def test_evaluation_and_the_edges_of_p():
    x = torch.randn(3, 4)
    assert torch.equal(dropout(x, 0.5, training=False), x) and torch.equal(dropout(x, 0.0), x)
    assert not dropout(x, 1.0).any() and dropout(torch.empty(0, 4), 0.5).shape == (0, 4)


def test_every_dropout_layer_of_a_model_is_replaced_with_its_mode():
    model = nn.Sequential(nn.Dropout(0.2), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.7))).eval()
    model[1].train()
    replaced = [part for part in with_fast_dropout(model).modules() if isinstance(part, nn.Dropout)]
    assert [(type(part), part.p, part.training) for part in replaced] == [(Dropout, 0.2, False), (Dropout, 0.7, True)]
