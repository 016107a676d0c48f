"""How alike are the two texts of each pair of a file, and how far apart are related and unrelated ones? One model, or two beside
each other."""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from lit_embed.commands.json_option import STANDARD_OUTPUT, put_json
from lit_embed.commands.open_model import device_here, open_encoder
from lit_embed.data.read_file import read_file
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError
from lit_embed.metrics import auc, similarities
from lit_embed.models import DecoderSettings, TextEncoder
from lit_embed.models.decoder import ends_texts

BINS, BAR = 20, 30          # lines of the histogram, characters of its longest bar
FIGURES = ("related_mean", "unrelated_mean", "gap", "auc")


def similarity_of_pairs(options: argparse.Namespace) -> None:
    """options: those of `lit-embed similarity`, with --pairs."""
    if not (options.first and options.second):
        raise UserError(f"--pairs {options.pairs}: name the columns of the two texts with --first and --second")
    if options.sentences or options.input:
        raise UserError("--pairs reads its own file: leave out sentences and --input")
    first, second, related = read_pairs(options.pairs, options.first, options.second, options.label)
    model = open_encoder(options.model)
    encoders = {"model": model} if options.base is None else {"base": open_base(options.base, model), "model": model}
    values = {}                                                                                   # (N,) each
    for name, encoder in encoders.items():
        embeddings = encoder.encode(first + second, options.role, progress=True)                  # (2N, D)
        values[name] = similarities(embeddings[:len(first)], embeddings[len(first):])[options.measure]
    found = {name: summary(each, related) for name, each in values.items()}
    if options.json:
        content = {name: {**found[name], "similarity": values[name].tolist()} for name in values}
        base = {"base": {"model": options.base, **content["base"]}} if options.base else {}
        put_json(options.json, {"measure": options.measure, **content["model"], **base})
    if options.json != STANDARD_OUTPUT:
        for name in values:
            show(values[name], related, found[name], options.measure, name if options.base else "")
        if options.base:
            beside_each_other(found)
    if options.plot:
        from lit_embed.commands.pairs_plot import plot                        # matplotlib takes a moment

        plot(options.plot, values, related, found, options.measure)
        print(f"plot: {options.plot}", file=sys.stderr)


def open_base(base: str, model: TextEncoder) -> TextEncoder:
    """The model to compare with; one that says nothing of its pooling is used as `model` is."""
    if (Path(base) / "modules.json").is_file() or (Path(base) / "adapter_config.json").is_file():
        return open_encoder(base)
    eos = DecoderSettings(append_eos=None if ends_texts(model.tokenizer.hugging_face) else False)
    encoder = TextEncoder(base, model.pooling, model.max_length, model.normalization, model.query_prefix, model.document_prefix,
                          decoder=eos)
    print(f"base: {base} says nothing of its pooling and is used as the model is: {model.pooling}", file=sys.stderr)
    return encoder.to(device_here())


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
    """Means, and how well the values tell related pairs from unrelated ones where it is known which are which.  (N,), (N,) bool"""
    found = {"pairs": len(values), "mean": float(values.mean()), "median": float(np.median(values)),
             "min": float(values.min()), "max": float(values.max())}
    if related is not None:
        means = float(values[related].mean()), float(values[~related].mean())
        found |= {"related": int(related.sum()), "unrelated": int((~related).sum()),
                  "related_mean": means[0], "unrelated_mean": means[1], "gap": means[0] - means[1], "auc": auc(values, related)}
    return found


def groups_of(values: np.ndarray, related: np.ndarray | None) -> dict[str, np.ndarray]:
    return {"pairs": values} if related is None else {"related": values[related], "unrelated": values[~related]}


def show(values: np.ndarray, related: np.ndarray | None, found: dict, measure: str, title: str = "") -> None:
    groups = groups_of(values, related)
    edges = np.linspace(found["min"], max(found["max"], found["min"] + 0.001), BINS + 1)          # (BINS + 1,)
    counts = {name: np.histogram(group, edges)[0] for name, group in groups.items()}              # (BINS,) each
    most = max(count.max() for count in counts.values())
    table = Table(box=None, pad_edge=False, header_style="bold", title=title or None, title_justify="left")
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
        console.print("  ".join(f"{name.removesuffix('_mean')} {found[name]:.3f}" for name in FIGURES))


def beside_each_other(found: dict[str, dict]) -> None:
    """The base and the model in one table, and what the second has gained over the first."""
    figures = [name for name in FIGURES if name in found["model"]] or ["mean"]
    table = Table(header_style="bold")
    for heading in ("", *(name.replace("_", " ") for name in figures)):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, each in found.items():
        table.add_row(name, *(f"{each[figure]:.3f}" for figure in figures))
    table.add_row("change", *(f"{found['model'][figure] - found['base'][figure]:+.3f}" for figure in figures))
    Console().print(table)
