"""The random numbers of a run, in its checkpoint: Lightning leaves them out, and a resumed run would drop other units."""

import torch
from torch import Tensor

from lit_embed.distributed import gather, rank


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The generators of all processes, (W, bytes) each; called on every process."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {name: gather(state.to(device).unsqueeze(0)).cpu() for name, state in states.items()}


def restore_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    """This process's generators as they stood; with more processes than before, the new ones keep their own."""
    # A copy of its own memory: torch reads a row in the middle of a tensor from a wrong place and crashes.
    mine = {name: state[rank()].clone() for name, state in states.items() if rank() < len(state)}
    if "cpu" in mine:
        torch.set_rng_state(mine["cpu"])
    if "cuda" in mine and device.type == "cuda":
        torch.cuda.set_rng_state(mine["cuda"], device)
