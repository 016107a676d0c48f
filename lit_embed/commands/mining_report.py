"""What `lit-embed mine` leaves: a parquet that data.Pairs reads, a table of what each rule removed, ten examples."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lit_embed.batches import PairRows
from lit_embed.files import write_beside
from lit_embed.search.mining import Mined
from lit_embed.search.negatives import Rules

EXAMPLES, LONGEST = 10, 200        # pairs shown, letters shown of a text
SET_BY = {"rank": "ranks", "margin": "margin", "relative margin": "relative_margin", "max score": "max_score",
          "min score": "min_score"}


@dataclass(frozen=True)
class MinedPairs:
    """N pairs, the passages their negatives are places in, the rows (R,) of those that are handed out, and what a teacher
    said of their choices, (N, 1 + n), if one was asked."""

    pairs: PairRows
    passages: list[str]
    mined: Mined
    rows: np.ndarray
    teacher_scores: np.ndarray | None = None

    def row(self, number: int) -> dict:
        """One line of the output."""
        mined = self.mined
        line = {"query": self.pairs.queries[number], "document": self.pairs.documents[0][number],
                "negatives": [self.passages[place] for place in mined.places[number]],
                "positive_score": _score(mined.positive_scores[number]),
                "negative_scores": [_score(score) for score in mined.scores[number]]}
        if self.teacher_scores is not None:
            line["teacher_scores"] = self.teacher_scores[number].tolist()
        return line


def _score(score: np.float32) -> float | None:                # a parquet and a JSON file know nothing, but not NaN
    return float(score) if np.isfinite(score) else None


def write_pairs(file: Path, found: MinedPairs) -> None:
    texts, scores = pa.large_string(), pa.list_(pa.float32())
    columns = {"query": texts, "document": texts, "negatives": pa.list_(texts), "positive_score": pa.float32(),
               "negative_scores": scores}
    if found.teacher_scores is not None:
        columns["teacher_scores"] = scores
    with write_beside(file) as beside:
        pq.write_table(pa.Table.from_pylist([found.row(number) for number in found.rows], pa.schema(columns)), beside)


def report(found: MinedPairs, rules: Rules, options: dict, questions: int, short: int) -> dict:
    """Everything worth saying, as it goes into a JSON file: the same for the same input, so without a clock.

    short   pairs that had too few negatives before any were filled up
    """
    counts = dict(found.mined.counts)
    candidates, left = counts.pop("candidates"), counts.pop("left")
    shown = found.rows[np.unique(np.linspace(0, len(found.rows) - 1, EXAMPLES).astype(int))]
    return {"data": options["data"], "output": options["output"],
            "by": options["by"], "model": options["model"], "judge": options["judge"],
            "teacher": options["teacher_scores"], "rules": asdict(rules),
            "pairs": len(found.pairs), "questions": questions, "passages": len(found.passages),
            "candidates": candidates, "removed": counts, "left": left,
            "pairs_mined": len(found.pairs) - short, "pairs_filled": short - len(found.mined.short),
            "pairs_left_out": len(found.mined.short), "examples": [found.row(number) for number in shown.tolist()]}


def write_report(file: Path, said: dict) -> None:
    with write_beside(file) as beside:
        beside.write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf8")


def show(said: dict) -> None:
    """Print the report."""
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    table = Table(title=f"{said['pairs']:,} pairs, {said['questions']:,} questions, {said['passages']:,} passages",
                  title_justify="left", box=None, pad_edge=False)
    for name, justify in (("", "left"), ("candidates", "right"), ("share", "right")):
        table.add_column(name, justify=justify)
    for name, count in _counts(said):
        table.add_row(name, f"{count:,}", f"{count / max(said['candidates'], 1):.1%}")
    console.print(table)
    for example in said["examples"]:
        console.print()
        console.print(_example(example))
    count = said["rules"]["count"]
    console.print(f"\n{said['pairs_mined']:,} of {said['pairs']:,} pairs have {count} mined negatives, "
                  f"{said['pairs_filled']:,} more were filled up at random, {said['pairs_left_out']:,} left out: "
                  f"{said['output']}")


def _counts(said: dict) -> list[tuple[str, int]]:
    """Lines of the table: a rule that was not asked for has none."""
    lines = [(f"found by {said['by']}", said["candidates"])]
    for name, count in said["removed"].items():
        limit = said["rules"].get(SET_BY.get(name, ""), "")
        if limit is not None:
            limit = f"{limit[0]} to {limit[1]}" if name == "rank" else f"{limit:g}" if limit != "" else ""
            lines.append((f"removed: {name} {limit}".rstrip(), count))
    return [*lines, ("left to take from", said["left"])]


def _example(example: dict) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "left"):
        table.add_column(justify=justify, no_wrap=justify == "right", overflow="fold")
    table.add_row("query", "", Text(_short(example["query"])), style="bold")       # Text: brackets are no markup
    table.add_row("positive", _number(example["positive_score"]), Text(_short(example["document"])), style="green")
    for score, text in zip(example["negative_scores"], example["negatives"]):
        table.add_row("negative", _number(score), Text(_short(text)))
    return table


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"
