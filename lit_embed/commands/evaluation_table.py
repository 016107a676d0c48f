"""The figures of `lit-embed evaluate` for the eye: a row a system, each figure with half of its interval behind it."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lit_embed.run.retrieval_figures import UNCUT

PARTS = {"encode": "encode ms", "search": "search ms", "rerank": "re-rank ms"}
LABELS = {"hit_rate": "HitRate", "mrr": "MRR", "ndcg": "nDCG", "recall": "Recall", "map": "MAP"}


def label(figure: str) -> str:
    """ndcg@10 -> nDCG@10"""
    name, at, k = figure.partition("@")
    return LABELS[name] + at + k


def main_k(result: dict) -> int:
    """The depth of the figures that are not shown at every depth: 10, as published, or the largest there is."""
    return 10 if 10 in result["k"] else result["k"][-1]


def show(result: dict) -> None:
    """Print what `lit_embed.run.retrieval_figures.report` made."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table(result))
    for line in notes(result):
        console.print(Text(line), soft_wrap=True)


def table(result: dict) -> Table:
    k = main_k(result)
    figures = [*(f"hit_rate@{each}" for each in result["k"]), f"mrr@{k}", f"ndcg@{k}", f"recall@{k}", "map"]
    uncut = next((name for each in result["systems"].values() for name in each if name.endswith(UNCUT)), None)
    title = f"{result['questions']:,} questions, {result['passages']:,} passages: {result['data']}"
    made = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    made.add_column("")
    for figure in figures:
        made.add_column(label(figure), justify="right")
    parts = [part for part in PARTS if any(each["ms"][part] for each in result["systems"].values())]
    for part in parts:
        made.add_column(PARTS[part], justify="right", max_width=8)
    if uncut:
        made.add_column(f"{label(uncut.removesuffix(UNCUT))} (uncut, as published)", justify="right", max_width=14,
                        style="dim")
    best = {figure: max(each[figure] for each in result["systems"].values()) for figure in figures}
    for name, system in result["systems"].items():
        cells = [Text(_figure(system, figure), "bold" if system[figure] == best[figure] else "") for figure in figures]
        times = [_milliseconds(system["ms"][part]) for part in parts]
        made.add_row(name, *cells, *times, *([_figure(system, uncut) if uncut in system else ""] if uncut else []))
    return made


def notes(result: dict) -> list[str]:
    """What the table means, whose models these are, what was spent on the corpus, and which differences are real."""
    systems, k = result["systems"], main_k(result)
    lines = [f"± half of the 95 % bootstrap interval over questions ({result['resamples']:,} resamples), best in bold"]
    depths: dict[int, list[str]] = {}
    for name, system in systems.items():
        depths.setdefault(system["depth"], []).append(name)
    lines.append("MAP over " + ", ".join(f"{depth} results ({', '.join(names)})" for depth, names in depths.items()))
    if any(name.endswith(UNCUT) for system in systems.values() for name in system):
        lines.append(f"uncut: an answer anywhere among the {result['retrieve']} candidates counts, which no re-ranking "
                     f"can change: it is the HitRate@{result['retrieve']} of what was retrieved")
    lines += [f"{name}: {folder}" for name, folder in result["models"].items()]
    lines += [f"{name}: {_spending(**spending)}" for name, spending in result.get("endpoints", {}).items()]
    for name in ("bm25", *result["models"]):
        if seconds := systems.get(name, {}).get("corpus_seconds"):
            lines.append(f"corpus, once, {name}: {seconds:.1f} s, {result['passages'] / seconds:,.0f} passages/s")
    for pair, apart in result["differences"].items():
        lines.append(f"{label(f'ndcg@{k}')}, {pair}: {_difference(**apart[f'ndcg@{k}'])}")
    return lines


def _spending(tokens: int, dollars: float | None, texts: int, texts_from_cache: int) -> str:
    cost = "" if dollars is None else f", ${dollars:,.6f}"
    return f"{tokens:,} tokens{cost} for {texts:,} texts; {texts_from_cache:,} were in the cache"


def _figure(system: dict, name: str) -> str:
    low, high = system["intervals"][name]
    return f"{_short(system[name])} ±{_short((high - low) / 2)}"


def _short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def _milliseconds(value: float) -> str:
    if not value:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _difference(difference: float, interval: list[float]) -> str:
    low, high = interval
    verdict = "better" if low > 0 else "worse" if high < 0 else "no clear difference"
    signs = ["-" if value < 0 else "+" for value in (difference, low, high)]
    numbers = [sign + _short(abs(value)) for sign, value in zip(signs, (difference, low, high))]
    return f"{numbers[0]} [{numbers[1]}, {numbers[2]}], {verdict}"
