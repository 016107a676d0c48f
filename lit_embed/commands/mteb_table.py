"""The main figures of `lit-embed mteb` for the eye: a row a task, a column a model."""

import math
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(figures: dict[str, dict], about: dict, main: dict[str, str]) -> None:
    """Print what each model reached.

    figures   of each model and task
    about     settings, with the splits of the tasks and the seconds of the models
    main      the name of each task's main figure
    """
    Console(width=None if sys.stdout.isatty() else 160).print(table(figures, about, main))


def table(figures: dict[str, dict], about: dict, main: dict[str, str]) -> Table:
    made = Table(title=Text(f"MTEB {about['mteb']}"), title_justify="left", box=None, pad_edge=False)
    for name in ("task", "split", "figure"):
        made.add_column(name)
    for name in figures:
        made.add_column(Text(name), justify="right", overflow="fold")
        made.add_column("s", justify="right", style="dim")
    splits = {source["task"]: ", ".join(source["splits"]) for source in about["data"]}
    for task, figure in main.items():
        best = max(_main(own, task) for own in figures.values())
        cells = []
        for model, own in figures.items():
            value = _main(own, task)
            cells += [Text(f"{value:.6f}", "bold" if value == best else ""), f"{about['models'][model]['seconds'][task]:.0f}"]
        made.add_row(Text(task), splits.get(task, ""), Text(figure), *cells)
    if len(main) > 1:
        means = [sum(_main(own, task) for task in main) / len(main) for own in figures.values()]
        made.add_row("mean", "", "", *[cell for value in means for cell in (f"{value:.6f}", "")], style="dim")
    return made


def _main(figures: dict[str, dict], task: str) -> float:
    return figures[task].get("main_score", math.nan)
