"""How alike are the two texts of each pair of a file, and how far apart are related and unrelated ones?"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lit_embed.commands.json_option import STANDARD_OUTPUT, put_json
from lit_embed.commands.open_model import open_encoder
from lit_embed.data.read_file import read_file
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError
from lit_embed.metrics import similarities

BINS, BAR = 20, 30          # lines of the histogram, characters of its longest bar


def similarity_of_pairs(options: argparse.Namespace) -> None:
    """options: those of `lit-embed similarity`, with --pairs."""
    if not (options.first and options.second):
        raise UserError(f"--pairs {options.pairs}: name the columns of the two texts with --first and --second")
    if options.sentences or options.input or options.plot:
        raise UserError("--pairs reads its own file and draws no matrix: leave out sentences, --input and --plot")
    first, second, related = read_pairs(options.pairs, options.first, options.second, options.label)
    encoder = open_encoder(options.model)
    embeddings = encoder.encode(first + second, options.role, progress=True)                      # (2N, D)
    values = similarities(embeddings[:len(first)], embeddings[len(first):])[options.measure]      # (N,)
    found = summary(values, related)
    if options.json:
        put_json(options.json, {"measure": options.measure, **found, "similarity": values.tolist()})
    if options.json != STANDARD_OUTPUT:
        show(values, related, found, options.measure)


def read_pairs(file: str, first: str, second: str, label: str | None) -> tuple[list[str], list[str], np.ndarray | None]:
    """The two texts of each row, and whether they are related (N,) bool; None without a label.

    Raises
        UserError   unreadable file, no such column, a row without a text or label, a label of other than two values
    """
    sheet = Sheet.of([(file, read_file(Path(file)))])
    texts = sheet.texts(first), sheet.texts(second)
    for name, column in zip((first, second), texts, strict=True):
        if None in column:
            raise _empty(sheet, column.index(None), name)
    return *texts, None if label is None else _related(sheet, label)


def _related(sheet: Sheet, label: str) -> np.ndarray:
    labels = sheet.numbers(label)
    if np.isnan(labels).any():
        raise _empty(sheet, int(np.isnan(labels).argmax()), label)
    if len(values := np.unique(labels)) != 2:
        raise UserError(f"--label {label}: two different values tell related from unrelated, here are {len(values)}"
                        f" ({', '.join(f'{value:g}' for value in values[:5])}{', ...' if len(values) > 5 else ''})")
    return labels == values[1]


def _empty(sheet: Sheet, row: int, column: str) -> UserError:
    return UserError(f"{sheet.where(row)}: column '{column}' is empty; fill it or leave the row out")


def summary(values: np.ndarray, related: np.ndarray | None) -> dict:
    """Means, and the gap between related and unrelated pairs where it is known which are which.  (N,), (N,) bool"""
    found = {"pairs": len(values), "mean": float(values.mean()), "median": float(np.median(values)),
             "min": float(values.min()), "max": float(values.max())}
    if related is not None:
        means = float(values[related].mean()), float(values[~related].mean())
        found |= {"related": int(related.sum()), "unrelated": int((~related).sum()),
                  "related_mean": means[0], "unrelated_mean": means[1], "gap": means[0] - means[1]}
    return found


def show(values: np.ndarray, related: np.ndarray | None, found: dict, measure: str) -> None:
    groups = {"pairs": values} if related is None else {"related": values[related], "unrelated": values[~related]}
    edges = np.linspace(found["min"], max(found["max"], found["min"] + 0.001), BINS + 1)          # (BINS + 1,)
    counts = {name: np.histogram(group, edges)[0] for name, group in groups.items()}              # (BINS,) each
    most = max(count.max() for count in counts.values())
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(measure, justify="right", no_wrap=True, min_width=len(measure))
    for name, count in counts.items():
        table.add_column(f"{name} ({count.sum():,})", min_width=BAR + 6, no_wrap=True)
    for line in range(BINS):
        bars = [f"{'█' * round(BAR * count[line] / most)} {count[line] or ''}" for count in counts.values()]
        table.add_row(f"{edges[line]:.3f}", *bars)
    console = Console()
    console.print(table)
    console.print("  ".join(f"{name} {found[name]:.3f}" for name in ("mean", "median", "min", "max")))
    if related is not None:
        numbers = [("related", "related_mean"), ("unrelated", "unrelated_mean"), ("gap", "gap")]
        console.print("  ".join(f"{name} {found[key]:.3f}" for name, key in numbers))
