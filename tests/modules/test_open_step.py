"""A checkpoint in the middle of a step holds its gradients so far, one between two steps holds none."""

from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.strategies import FSDPStrategy, SingleDeviceStrategy
from torch import nn

from lit_embed.modules.open_step import gradients_so_far, restore_gradients


def module_after(ready: int, strategy: type = SingleDeviceStrategy, is_last: bool = False) -> nn.Module:
    """One that has seen `ready` of ten batches, three of which make a step."""
    module = nn.Sequential(nn.Linear(2, 1), nn.Linear(2, 1), nn.Linear(2, 1))
    module[0](torch.ones(2)).sum().backward()
    module[2].requires_grad_(False)
    progress = SimpleNamespace(current=SimpleNamespace(ready=ready), is_last_batch=is_last)
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress))
    module.trainer = SimpleNamespace(strategy=strategy.__new__(strategy), accumulate_grad_batches=3,
                                     num_training_batches=10, fit_loop=loop)
    return module


def test_an_open_steps_gradients_come_back():
    saved = gradients_so_far(module_after(5))
    assert set(saved) == {"0.weight", "0.bias", "1.weight", "1.bias"}                # not those of what is frozen
    other = module_after(5).double()
    other.zero_grad()
    restore_gradients(saved, other)
    assert other[0].weight.grad.tolist() == [[1.0, 1.0]] and other[0].weight.grad.dtype == torch.float64
    assert not other[1].weight.grad.any() and other[2].weight.grad is None


def test_over_another_number_of_processes_each_gets_the_mean():
    module = module_after(5)
    restore_gradients({"0.bias": torch.tensor([[1.0], [3.0]])}, module)
    assert module[0].bias.grad.tolist() == [2.0]


@pytest.mark.parametrize("ready, is_last", [(0, False), (3, False), (9, False), (10, False), (5, True)])
def test_between_two_steps_there_are_none(ready, is_last):
    assert gradients_so_far(module_after(ready, is_last=is_last)) == {}


def test_shares_of_gradients_are_left_out():
    assert gradients_so_far(module_after(5, FSDPStrategy)) == {}
