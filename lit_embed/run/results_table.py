"""Search results: for the eye a table a query, long documents cut short, words in bold; for programs a line of JSON."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

LONGEST = 300           # letters of a document that are shown


@dataclass(frozen=True)
class Hit:
    rank: int
    score: float
    id: str
    text: str


def json_lines(queries: list[str], hits: list[list[Hit]]) -> list[str]:
    """For each query its text and its results, all that is known of them."""
    return [json.dumps({"query": query, "results": [asdict(hit) for hit in row]}, ensure_ascii=False)
            for query, row in zip(queries, hits, strict=True)]


def show(query: str, hits: list[Hit], total: int, score_name: str,
         words_of: Callable[[str], list[tuple[int, int]]] | None = None) -> None:
    """Print what was found for one query among `total` documents; words_of: start and end of words to print bold."""
    table = Table(title=Text(f"{query}  ({total} documents)"), title_justify="left", box=None, pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column(score_name, justify="right", no_wrap=True)
    table.add_column("id", overflow="fold", max_width=24)
    table.add_column("document", overflow="fold")
    digits = 3 if hits and abs(hits[0].score) >= 0.1 else 4                        # fused by rank, all are below 0.04
    for hit in hits:
        table.add_row(str(hit.rank), f"{hit.score:.{digits}f}", Text(hit.id), _document(hit.text, words_of))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    if not hits:
        console.print("  no document shares a word with it")


def _document(text: str, words_of: Callable[[str], list[tuple[int, int]]] | None) -> Text:
    text = " ".join(text.split())
    shown = Text(text if len(text) <= LONGEST else text[:LONGEST] + " …")          # Text: brackets in it are no markup
    for start, end in words_of(shown.plain) if words_of else []:
        shown.stylize("bold", start, end)
    return shown
