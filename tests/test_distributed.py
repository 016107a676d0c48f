"""One process needs no group; several see each other's rows, gradients and examples."""

import pytest
import torch
from toys import run_in_processes

from lit_embed.distributed import (barrier, gather, gather_examples, gather_with_grad, group_on_this_machine, is_sharded,
                                   largest, rank, shard, world_size)


def test_without_a_group_everything_is_that_of_one_process():
    x = torch.randn(3, 2, requires_grad=True)
    barrier()
    assert (rank(), world_size(), largest(3)) == (0, 1, 3) and gather(x) is x and gather_with_grad(x) is x


def test_examples_come_in_order_and_a_missing_one_is_named():
    values = torch.tensor([[2.0], [0.0], [1.0]])
    assert gather_examples(torch.tensor([2, 0, 1]), values, 3).flatten().tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="example 1 of 4"):
        gather_examples(torch.tensor([2, 0, 3]), values, 4)


def strided_gradient(rank_here):
    """The upstream gradient of a transposed product is not contiguous, which gloo alone would scramble."""
    x = (torch.arange(6.0).view(3, 2) + 10 * rank_here).requires_grad_()
    weight = torch.arange(12.0).view(2, 6)                                  # (D, W*B): one row of numbers for each column
    everyones = gather_with_grad(x)
    assert everyones.tolist() == torch.cat([torch.arange(6.0).view(3, 2), torch.arange(6.0).view(3, 2) + 10]).tolist()
    (everyones.T * weight * (rank_here + 1)).sum().backward()
    expected = weight.T[rank_here * 3: rank_here * 3 + 3] * 3               # summed over both processes: 1 + 2
    assert torch.equal(x.grad, expected)


def test_the_gradient_of_a_row_is_the_sum_over_processes():
    run_in_processes(2, strided_gradient)


def uneven_examples(rank_here):
    mine = torch.tensor([[0, 2, 4, 6], [1, 3, 5]][rank_here])
    if rank_here:
        mine = torch.cat([mine, torch.tensor([0])])                         # a sampler's repeat to even out the ranks
    assert gather_examples(mine, mine * 10, 7).tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert largest(rank_here + 3) == 4
    nobody = torch.tensor([0, 1]) if rank_here else torch.zeros(0, dtype=torch.long)
    assert gather_examples(nobody, nobody * 10, 2).tolist() == [0, 10]


def test_seven_examples_on_two_processes_are_seven_examples():
    run_in_processes(2, uneven_examples)


def test_a_sharded_layer_computes_with_whole_weights(tmp_path):
    whole, layer, x = torch.nn.Linear(3, 5), torch.nn.Linear(3, 5), torch.randn(2, 3)
    layer.load_state_dict(whole.state_dict())
    assert not is_sharded(layer)
    with group_on_this_machine(0, 1, tmp_path / "meeting_point", timeout=60):          # two share it in test_sharding.py
        shard([layer], "cpu")
        assert is_sharded(layer) and is_sharded(layer.bias)
        torch.testing.assert_close(layer(x), whole(x))
        layer(x).sum().backward()
        torch.testing.assert_close(layer.weight.grad.full_tensor(), x.sum(0).expand(5, 3))
