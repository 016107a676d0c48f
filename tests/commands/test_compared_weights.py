"""Two model folders, parameter by parameter."""

import pytest
import torch
from safetensors.torch import save_file

from lit_embed.commands.compared_weights import compare_weights
from lit_embed.errors import UserError


def folder(path, **parts: dict[str, torch.Tensor]):
    """One file for each of `parts`."""
    path.mkdir()
    for name, tensors in parts.items():
        save_file(tensors, path / f"{name}.safetensors")
    return path


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    names = ["embeddings.weight", *(f"encoder.layer.{i}.weight" for i in (0, 1, 2, 10)), "empty"]
    return {name: torch.randn(0 if name == "empty" else 3, 2) for name in names}


def test_equal_weights_are_equal_wherever_they_lie(tmp_path):
    whole, half = weights(), weights()
    first = {name: half.pop(name) for name in list(half)[:2]}
    found = compare_weights(folder(tmp_path / "a", model=whole), folder(tmp_path / "b", one=first, two=half), 0)
    assert (found.different, found.largest) == ([], 0) and str(found) == "weights: the 6 parameters of model/ are equal"


def test_the_first_that_differs_is_told_from_the_one_that_differs_most(tmp_path):
    ours, theirs = weights(), weights()
    theirs["encoder.layer.2.weight"][1, 1] += 0.25
    theirs["encoder.layer.10.weight"][0, 0] -= 0.5
    found = compare_weights(folder(tmp_path / "a", model=ours), folder(tmp_path / "b", model=theirs), 0)
    assert found.different == ["encoder.layer.2.weight", "encoder.layer.10.weight"] and found.of == found.different[1]
    assert found.largest == pytest.approx(0.5)
    assert str(found).startswith("weights: 2 of 6 parameters of model/ differ, the first is encoder.layer.2.weight; ")


def test_a_tolerance_is_a_share_of_the_largest_weight(tmp_path):
    ours, theirs = weights(), weights()
    theirs["embeddings.weight"] *= 1 + 1e-4
    folders = folder(tmp_path / "a", model=ours), folder(tmp_path / "b", model=theirs)
    assert compare_weights(*folders, 1e-5).different == ["embeddings.weight"]
    within = compare_weights(*folders, 2e-4)
    assert not within.different and within.largest > 0 and "are equal; largest difference" in str(within)


def test_nan_is_never_equal_and_half_precision_is_read(tmp_path):
    ours = {name: tensor.bfloat16() for name, tensor in weights().items()}
    theirs = {name: tensor.clone() for name, tensor in ours.items()}
    theirs["encoder.layer.1.weight"][0, 0] = torch.nan
    found = compare_weights(folder(tmp_path / "a", model=ours), folder(tmp_path / "b", model=theirs), 0.5)
    assert found.different == ["encoder.layer.1.weight"] and found.largest == float("inf")


def test_models_that_cannot_be_compared_are_refused(tmp_path):
    ours, theirs = weights(), weights()
    first = folder(tmp_path / "a", model=ours)
    theirs["empty"] = torch.zeros(1, 2)
    with pytest.raises(UserError, match=r"empty is \[0, 2\] in one and \[1, 2\] in the other"):
        compare_weights(first, folder(tmp_path / "b", model=theirs), 0)
    del theirs["empty"]
    with pytest.raises(UserError, match="only one of them has the parameter empty"):
        compare_weights(first, folder(tmp_path / "c", model=theirs), 0)
    with pytest.raises(UserError, match="no .safetensors file is in it"):
        compare_weights(first, folder(tmp_path / "d"), 0)
    (tmp_path / "d/model.safetensors").write_bytes(b"half a file")
    with pytest.raises(UserError, match="d/model.safetensors is damaged"):
        compare_weights(first, tmp_path / "d", 0)
