"""The figures of one model on one task of mteb, computed by mteb."""

import math
import warnings
from typing import TYPE_CHECKING

from lit_embed.benchmarks.mteb_data import LOCAL
from lit_embed.benchmarks.mteb_model import MtebModel
from lit_embed.benchmarks.mteb_tasks import mteb_package, parts, without_bars
from lit_embed.errors import UserError, first_line

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask

TEXTS = 1_024           # that mteb hands over at a time; they are embedded all together


def task_figures(model: MtebModel, task: "AbsTask") -> dict[str, float]:
    """Every figure of the task by mteb's name for it, the main one also as main_score; the task is loaded.

    Of several splits or languages the mean, as mteb does with the main score. Figures that mteb does not define for these
    rows are left out.

    Raises
        UserError   rows of a folder that lack what the task needs
    """
    options = {"batch_size": TEXTS, "show_progress_bar": False}
    with warnings.catch_warnings(), without_bars():
        # The logistic regression of the benchmark stops after 100 iterations, a class that it never chose has precision 0,
        # and a task that has a successor was asked for by its name.
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        warnings.filterwarnings("ignore", message="Precision is ill-defined")
        warnings.filterwarnings("ignore", message="The task .* is superseded")
        try:
            found = mteb_package().evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False,
                                            encode_kwargs=options)
        except (ValueError, KeyError) as error:
            if all(source["revision"] != LOCAL for source in sources(task)):
                raise
            places = ", ".join(str(source["path"]) for source in sources(task))
            raise UserError(f"{task.metadata.name}: mteb cannot evaluate the rows of {places} ({first_line(error)})") from error
    rows = [row for split in found.task_results[0].scores.values() for row in split]
    names = [name for name, value in rows[0].items() if _is_figure(value)]
    everywhere = [name for name in ["main_score", *names] if all(_is_figure(row.get(name)) for row in rows)]
    return {name: sum(row[name] for row in rows) / len(rows) for name in everywhere}


def sources(task: "AbsTask") -> list[dict[str, object]]:
    """Where the rows of a task came from: path, revision ("local" for a folder), and the splits that were evaluated."""
    return [{"task": part.metadata.name, **part.metadata.dataset, "splits": list(part.eval_splits)} for part in parts(task)]


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
