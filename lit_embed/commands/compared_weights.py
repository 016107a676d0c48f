"""Are the weights of two runs the same, and if not, how far apart, and from which parameter on?"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from lit_embed.errors import UserError, first_line


@dataclass(frozen=True)
class ComparedWeights:
    """parameters      how many there are
    different       names of those that differ by more than the tolerance, in the order of the model
    largest         the largest difference of any weight, and `of`, the parameter it is in
    """

    parameters: int
    different: list[str]
    largest: float
    of: str

    def __str__(self) -> str:
        if not self.different:
            apart = f"; largest difference {self.largest:.3g} ({self.of})" if self.largest else ""
            return f"weights: the {self.parameters} parameters of model/ are equal{apart}"
        return (f"weights: {len(self.different)} of {self.parameters} parameters of model/ differ, the first is "
                f"{self.different[0]}; largest difference {self.largest:.3g} ({self.of})")


def compare_weights(first: Path, second: Path, tolerance: float) -> ComparedWeights:
    """The weights of two model folders.

    tolerance   the share of a parameter's largest weight that two weights may lie apart

    Raises
        UserError   a file cannot be read, or the models have other parameters
    """
    files = _files(first), _files(second)
    for name in sorted(files[0].keys() ^ files[1].keys()):
        raise UserError(f"{first} and {second} are different models: only one of them has the parameter {name}")
    different, largest, of = [], 0.0, ""
    for name in sorted(files[0], key=_in_order):
        ours, theirs = (_read(file[name], name) for file in files)
        if ours.shape != theirs.shape:
            raise UserError(f"{first} and {second} are different models: {name} is {list(ours.shape)} in one and "
                            f"{list(theirs.shape)} in the other")
        if not ours.numel():
            continue
        apart = (ours - theirs).abs().nan_to_num(nan=torch.inf).max().item()
        if apart > largest:
            largest, of = apart, name
        if not apart <= tolerance * torch.maximum(ours.abs(), theirs.abs()).max().item():          # which NaN is not
            different.append(name)
    return ComparedWeights(len(files[0]), different, largest, of)


def _files(folder: Path) -> dict[str, Path]:
    """Where each parameter is; large models lie in several files."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as content:
                found |= dict.fromkeys(content.keys(), file)
        except Exception as error:                                     # safetensors raises kinds of its own
            raise UserError(f"{file} is damaged: {first_line(error)}") from error
    if not found:
        raise UserError(f"{folder} has no weights: no .safetensors file is in it")
    return found


def _read(file: Path, name: str) -> Tensor:
    with safe_open(file, framework="pt") as content:
        return content.get_tensor(name).float()


def _in_order(name: str) -> list[tuple[int, str]]:
    """Layer 2 before layer 10; embeddings stand before the encoder by their name."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
