"""Which rows are training, validation and test: the data's own splits where it has them, a held-out share otherwise."""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from lit_embed.data.locate import read_split, split_names
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError

HELD_OUT = 0.1
Rows = TypeVar("Rows")              # a Sheet, or anything else with a length and take(places)


def split_sheet(data, split: str) -> Sheet:
    """The raw rows of "train", "validation" or "test" of a PairData (its path, name, limit, validation and seed).

    validation   a share of train, the split that data.validation names, or the first of data.validation_splits there is
    test         the test split; without one the validation split that training does not use, or else validation itself
    """
    path = data.path or data.home
    if path is None:
        raise UserError(f"{type(data).__name__} needs data.path: a file, a folder or a Hub data set")
    return split_rows(data, split, path, read_split)


def split_rows(data, split: str, path: str, read: Callable[[str, str | None, str], Rows]) -> Rows:
    """As `split_sheet`, of whatever `read(path, name, split)` gives: shares are held out of that."""
    names = split_names(path, data.name)
    held_out = _held_out(data, path, names)
    own = [name for name in data.validation_splits if name in names]
    if split == "test" and "test" in names:
        return _first_rows(data, read, path, "test")
    if split == "test" and own and isinstance(held_out, float):
        return _first_rows(data, read, path, own[0])
    if isinstance(held_out, str):
        return _first_rows(data, read, path, "train" if split == "train" else held_out)
    sheet = _first_rows(data, read, path, "train")
    train, validation = hold_out(len(sheet), held_out, data.seed)
    return sheet.take(train if split == "train" else validation)


def hold_out(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of train and of the held-out share: those that datasets' train_test_split(share, seed=seed) picks."""
    order = np.random.default_rng(seed).permutation(rows)
    held_out = math.ceil(rows * share)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _held_out(data, path: str, names: list[str]) -> float | str:
    choice = data.validation
    if choice is None:
        return next((name for name in data.validation_splits if name in names), HELD_OUT)
    if isinstance(choice, str) and choice not in names:
        raise UserError(f"{path} has no split '{choice}' (data.validation); it has {', '.join(names)}")
    if not isinstance(choice, str) and not 0 < choice < 1:
        raise UserError(f"data.validation is {choice}; give a share between 0 and 1, or the name of a split")
    return choice


def _first_rows(data, read: Callable[[str, str | None, str], Rows], path: str, name: str) -> Rows:
    sheet = read(path, data.name, name)
    return sheet if data.limit is None else sheet.take(np.arange(min(data.limit, len(sheet))))
