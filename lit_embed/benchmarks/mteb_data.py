"""The rows of a task of mteb: from the Hub, or from folders of this machine.

    task = open_task("Banking77Classification")
    load(task, "data")      # the Hub's mteb/banking77 from data/Banking77Classification, data/mteb/banking77 or data/banking77
    load(task, "data/banking77")      # or from that folder itself

Rows of a folder go through mteb's own loading, its transformations and its evaluation, as those of the Hub would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import datasets

from lit_embed.benchmarks.mteb_tasks import parts, without_bars
from lit_embed.errors import UserError

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask

LOCAL = "local"         # stands for the revision of rows that are not from the Hub


@dataclass(frozen=True)
class Elsewhere:
    """The same rows in a data set that more people have: its folder and configuration, columns and splits by mteb's names."""

    folder: str
    name: str
    columns: dict[str, str]
    splits: dict[str, str]


# GLUE withholds the scores of its test pairs, so its validation pairs stand in for them.
ELSEWHERE = {"mteb/stsbenchmark-sts": Elsewhere("glue", "stsb", {"label": "score"}, {"test": "validation"})}


def check_data(task: "AbsTask", data: str | None) -> None:
    """What can be known before a model is loaded: that each folder is there.

    Raises
        UserError   one is missing (with the folders that would do)
    """
    for part in parts(task):
        if data is not None and _folder(part, data) is None and _elsewhere(part, data) is None:
            places = [str(place) for place in _places(part, data)]
            other = ELSEWHERE.get(part.metadata.dataset["path"])
            places += [str(Path(data) / other.folder)] if other else []
            raise UserError(f"{data} has no data for {part.metadata.name}: put the Hub's {part.metadata.dataset['path']} into "
                            f"{' or '.join(places)}")


def load(task: "AbsTask", data: str | None = None, told: Callable[[str], object] = print) -> None:
    """Read the rows of a task.

    data    folder of data sets in the layout of the Hub; None: the Hub itself, at the revision that mteb names
    told    gets a sentence where rows are not those of the benchmark

    Raises
        UserError   they cannot be had, or are not what the task needs
    """
    check_data(task, data)
    for part in parts(task):
        if part.data_loaded:
            continue
        source, where = part.metadata.dataset["path"], f"{part.metadata.name}: "
        try:
            with without_bars():
                _read(part, data)
            _check_splits(part)
        except UserError:
            raise
        except Exception as error:      # every way a network, a file or a transformation of the task can fail
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            if data is None:
                raise UserError(f"{where}{source} cannot be had from the Hub ({reason}): --data FOLDER reads it from "
                                f"FOLDER/{source.rsplit('/', 1)[-1]}") from error
            raise UserError(f"{where}{_folder(part, data) or data} cannot be read as the Hub's {source} ({reason})") from error
        if difference := _difference(part):
            told(where + difference)


def _places(task: "AbsTask", data: str) -> list[Path]:
    path = task.metadata.dataset["path"]
    names = dict.fromkeys([task.metadata.name, path, path.rsplit("/", 1)[-1]])
    itself = [Path(data)] if Path(data).resolve().name in names else []                 # data/banking77 itself was given
    return [Path(data, name) for name in names] + itself


def _folder(task: "AbsTask", data: str) -> Path | None:
    """Where the rows are; a file or an empty folder of that name is none."""
    return next((place for place in _places(task, data) if place.is_dir() and any(place.iterdir())), None)


def _elsewhere(task: "AbsTask", data: str) -> Elsewhere | None:
    other = ELSEWHERE.get(task.metadata.dataset["path"])
    return other if other and _other_folder(other, data).is_dir() else None


def _other_folder(other: Elsewhere, data: str) -> Path:
    return Path(data) if Path(data).resolve().name == other.folder else Path(data, other.folder)


def _read(task: "AbsTask", data: str | None) -> None:
    if data is None:
        task.load_data()
    elif folder := _folder(task, data):
        task.metadata = _read_from(task, folder)
        task.load_data()
    else:
        other = _elsewhere(task, data)
        folder = _other_folder(other, data)
        task.metadata = _read_from(task, folder)
        task.dataset = datasets.load_dataset(str(folder), other.name).rename_columns(other.columns)
        task.dataset_transform()
        task.data_loaded = True
        task.filter_eval_splits([other.splits.get(split, split) for split in task.eval_splits])


def _read_from(task: "AbsTask", folder: Path):
    return task.metadata.model_copy(update={"dataset": task.metadata.dataset | {"path": str(folder), "revision": LOCAL}})


def _check_splits(task: "AbsTask") -> None:
    """Raises UserError where the rows have not the splits that are evaluated."""
    there = _splits(task)
    if there and (missing := [split for split in task.eval_splits if split not in there]):
        raise UserError(f"{task.metadata.name}: {task.metadata.dataset['path']} has no split {missing[0]!r}, it has "
                        f"{', '.join(there)}: say which to evaluate with --split")


def _splits(task: "AbsTask") -> dict:
    """Rows by split; {} for tasks of several languages, and for those that keep their rows in a way of their own."""
    if task.metadata.is_multilingual or not isinstance(task.dataset, dict):
        return {}
    return task.dataset.get("default", task.dataset)


def _difference(task: "AbsTask") -> str:
    """In what the rows are others than the benchmark's; "" where they are as many."""
    counts = task.metadata.n_samples or {}
    usual = task.metadata.eval_splits
    if set(task.eval_splits) - set(usual):
        return f"its {', '.join(task.eval_splits)} split is evaluated, and the benchmark's figures are of {', '.join(usual)}"
    if task.metadata.dataset.get("revision") != LOCAL:
        return ""
    for split, there in _splits(task).items():
        rows = len(there["corpus"]) + len(there["queries"]) if isinstance(there, dict) else len(there)
        if split in task.eval_splits and rows != counts.get(split, rows):
            return (f"{rows:,} rows in its {split} split, and the benchmark's has {counts[split]:,}: "
                    "the figures are not comparable")
    return ""
