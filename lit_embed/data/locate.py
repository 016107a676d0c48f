"""What `path` and `name` mean: the same as to datasets.load_dataset, and a single file besides.

The folder's own description (its README, or the names of its files) decides which files belong to which split; files
on this machine are then read by read_file, so that a mistake in them can be explained, and the Hub's by `datasets`.
"""

import re
from pathlib import Path

import datasets
import pyarrow as pa

from lit_embed.data.read_file import READERS, read_file
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError

LOCAL_HINT = "give a local file or folder (--data, in training --data.path)"


def split_names(path: str, name: str | None) -> list[str]:
    """The splits there are; a single file is a train split."""
    files = _local_files(path, name)
    return list(files) if files is not None else _from_hub(path, datasets.get_dataset_split_names, path, name)


def config_names(path: str) -> list[str]:
    """The configurations there are; a single file has none."""
    place = _local(path)
    if place is None:
        return _from_hub(path, datasets.get_dataset_config_names, path)
    return _configs(place) if place.is_dir() else []


def read_split(path: str, name: str | None, split: str) -> Sheet:
    """All rows of one split.

    Raises
        UserError   nothing there, no hub reachable, no such configuration or split (with those there are), unreadable
    """
    names = split_names(path, name)
    _check_split(path, name, split, names)
    files = _local_files(path, name)
    if files is not None:
        return Sheet.of([(str(file), read_file(file)) for file in files[split]])
    return Sheet.of([(f"{path}/{name or 'default'}/{split}", _from_hub_split(path, name, split))])


def split_source(path: str, name: str | None, split: str | None) -> list[Path] | pa.Table:
    """Where the rows of one split are, to be read a few at a time: files here, or the Hub's table, mapped into memory.

    split   None: the only one, or train

    Raises
        UserError   as read_split, or there are several splits and none is called train
    """
    names = split_names(path, name)
    usual = names[0] if len(names) == 1 else "train"
    if split is None and usual not in names:
        raise UserError(f"{path} has the splits {', '.join(names)}: say which with --split")
    _check_split(path, name, split or usual, names)
    files = _local_files(path, name)
    return _from_hub_split(path, name, split or usual) if files is None else files[split or usual]


def _check_split(path: str, name: str | None, split: str, names: list[str]) -> None:
    if split not in names:
        raise UserError(f"{path}{f' ({name})' if name else ''} has no split '{split}'; it has {', '.join(names)}")


def _from_hub_split(path: str, name: str | None, split: str) -> pa.Table:
    return _from_hub(path, datasets.load_dataset, path, name, split=split).data.table


def _local(path: str) -> Path | None:
    """The file or folder of this machine, or None where the path can only be a Hub id."""
    place = Path(path).expanduser()
    if place.exists():
        return place
    if place.suffix.lower() in READERS or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path) or path.startswith("."):
        raise UserError(f"{path}: no such file or folder")
    return None


def _local_files(path: str, name: str | None) -> dict[str, list[Path]] | None:
    """The files of each split, or None if the path is no file or folder of this machine."""
    place = _local(path)
    if place is None or place.is_file():
        return place and {"train": [place]}
    builder = _builder(place, name)
    return {str(split): [Path(file) for file in files] for split, files in builder.config.data_files.items()}


def _configs(folder: Path) -> list[str]:
    try:
        return datasets.get_dataset_config_names(str(folder))
    except Exception as error:  # `datasets` raises many kinds, each with a message that helps
        raise UserError(f"{folder}: {_first_sentence(error)}") from error


def _builder(folder: Path, name: str | None) -> datasets.DatasetBuilder:
    names = _configs(folder)
    try:
        # A plain folder of files has nothing to choose from, so a data set's usual name does no harm there.
        return datasets.load_dataset_builder(str(folder), None if names == ["default"] else name)
    except Exception as error:
        raise UserError(f"{folder}: {_first_sentence(error)}") from error


def _from_hub(path: str, call, *arguments, **options):
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        return call(*arguments, **options)
    except ValueError as error:
        raise UserError(f"{path}: {_first_sentence(error)}") from error
    except Exception as error:  # every way a network can fail, and DatasetNotFoundError
        reason = _first_sentence(error)
        raise UserError(f"{path}: no file or folder here, nor had from the Hub ({reason}); {LOCAL_HINT}") from error
    finally:
        if shown:
            datasets.enable_progress_bars()


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split("Example of usage")[0].split())[:200]
