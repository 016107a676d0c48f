"""The generators of every process come back as they stood."""

import torch
from toys import run_in_processes

from lit_embed.modules.random_state import random_state, restore_random_state

CPU = torch.device("cpu")


def test_the_next_numbers_are_the_same_again():
    states = random_state(CPU)
    first = torch.rand(3)
    restore_random_state(states, CPU)
    assert torch.equal(torch.rand(3), first)
    restore_random_state({}, CPU)                    # a checkpoint of another tool has none: nothing happens


def each_has_its_own(rank):
    torch.manual_seed(rank)
    states = random_state(CPU)
    first = torch.rand(3)
    assert len(states["cpu"]) == 2 and not torch.equal(states["cpu"][0], states["cpu"][1])
    torch.manual_seed(99)
    restore_random_state(states, CPU)
    assert torch.equal(torch.rand(3), first)


def test_each_process_gets_its_own_back():
    run_in_processes(2, each_has_its_own)
