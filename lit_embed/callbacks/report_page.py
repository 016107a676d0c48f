"""How a report looks in the terminal."""

import os
import shlex
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 106  # characters of a passage that are shown: with its number, a line of 120


def print_report(console: Console, run: Path, result: dict, before: list[dict], after: list[dict],
                 searchable: bool) -> None:
    """The table, the sample questions before and after, and the command that searches.

    before, after   samples as in Evaluated, in the same order; before may be empty
    searchable      whether the run left an index
    """
    console.print()
    console.print(_table(result))
    console.print(_summary(result))
    for i, sample in enumerate(after):
        console.print()
        console.print(Text(_line(sample["question"]), style="bold"))
        retrieved = [(sample["retrieved"]["by"], sample["retrieved"])] if "retrieved" in sample else []
        for when, found in [*retrieved, *(("before", earlier) for earlier in before[i : i + 1]), ("after", sample)]:
            console.print(_hits(when, found), no_wrap=True, overflow="ellipsis")
    run = os.path.relpath(run) if run.is_relative_to(Path.cwd()) else run
    if searchable and after:
        question = shlex.quote(_line(after[0]["question"]))
        console.print("\nSearch with it:")
        console.print(Text(f"  lit-embed search {shlex.quote(str(run))} {question}", style="bold"), soft_wrap=True)
    console.print(Text(f"\nThe figures are in {run}/result.json"), soft_wrap=True)


def _table(result: dict) -> Table:
    table = Table("", title=f"{result['steps']:,} steps of training")
    for column in ("before", "after"):
        table.add_column(column, justify="right")
    for name, value in result["after"].items():
        table.add_row(name, _number((result["before"] or {}).get(name)), _number(value))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _summary(result: dict) -> str:
    summary = f"{result['train_pairs']:,} training pairs, {result['train_seconds']:.1f} s of training"
    return summary if result["corpus"] is None else f"{summary}; {result['corpus']:,} passages searched"


def _hits(when: str, sample: dict) -> Text:
    text = Text()
    if not sample["found"]:
        text.append(f"  {when:6}  - nothing", style="dim")
    for place, (found, right) in enumerate(zip(sample["found"], sample["right"], strict=True), 1):
        text.append(f"{'' if place == 1 else chr(10)}  {when if place == 1 else '':6}  ", style="dim")
        text.append(f"{place} {'*' if right else ' '} {_line(found)}", style="green" if right else "")
    return text


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
