"""Tasks of the Massive Text Embedding Benchmark (mteb) by their names."""

import difflib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import datasets

from lit_embed.errors import UserError, first_line

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask


def mteb_package():
    """The package, whose import takes seconds; of what it says only errors are shown.

    Raises
        UserError   it is not installed
    """
    try:
        import mteb
    except ImportError as error:
        raise UserError(f'the benchmark needs the package mteb ({first_line(error)}): pip install "lit-embed[mteb]"') from error
    logging.getLogger("mteb").setLevel(logging.ERROR)
    return mteb


@contextmanager
def without_bars() -> Iterator[None]:
    """No bars of `datasets`, which has one for every small step."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def open_task(name: str, split: str | None = None) -> "AbsTask":
    """A task that nothing is loaded of yet. It seeds Python's, numpy's and torch's random numbers, as mteb does.

    split   evaluate this one instead of those that the benchmark says

    Raises
        UserError   no such task (with those of a similar name), or one that is not about text
    """
    mteb = mteb_package()
    from mteb.get_tasks import TASK_LIST

    names = {task.metadata.name.lower(): task.metadata.name for task in TASK_LIST}
    if name not in names.values():
        near = sorted((each for low, each in names.items() if name.lower() in low), key=len)[:5]
        near += [names[each] for each in difflib.get_close_matches(name.lower(), names) if names[each] not in near]
        raise UserError(f"MTEB has no task {name!r}" + (f": there are {', '.join(near)}" if near else " nor one of a similar name"))
    task = mteb.get_task(name, eval_splits=[split] if split else None)
    if set(task.modalities) != {"text"}:
        raise UserError(f"the MTEB task {name} is about {' and '.join(task.modalities)}: only tasks of texts alone can be run")
    return task


def parts(task: "AbsTask") -> list["AbsTask"]:
    """The tasks that a task takes the mean of; most stand for themselves."""
    return list(getattr(task, "tasks", [task]))
