"""`lit-embed similarity`: a handful of sentences, how alike each is to each; or the two texts of every pair of a file.

    lit-embed similarity --model checkpoints/quickstart/model "drop a column" "remove a column" "plot a histogram"
    lit-embed similarity --model FOLDER --input sentences.txt --plot matrix.png --json matrix.json
    lit-embed similarity --model FOLDER --pairs pairs.csv --first question --second answer --label is_right
    lit-embed similarity --model checkpoints/mine/model --base MODEL --pairs pairs.csv ... --plot gap.png    # what training bought
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lit_embed.commands.encode import read_texts
from lit_embed.commands.json_option import STANDARD_OUTPUT, add_json_option, put_json
from lit_embed.commands.open_model import open_encoder
from lit_embed.commands.similarity_of_pairs import similarity_of_pairs
from lit_embed.errors import UserError
from lit_embed.metrics.correlations import SIMILARITIES
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet

MOST = 40                                           # sentences; a larger table is read by nobody
PLOTS = (".png", ".svg", ".pdf")
DISTANCES = ("euclidean", "manhattan")
PALE, DARK = np.array([255, 250, 225]), np.array([150, 20, 60])


def run(arguments: list[str]) -> None:
    """arguments: "similarity" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    if options.plot and Path(options.plot).suffix not in PLOTS:
        raise UserError(f"--plot {options.plot}: the name must end in one of {', '.join(PLOTS)}")
    quiet()
    if options.pairs:
        return similarity_of_pairs(options)
    sentences = _sentences(options)
    embeddings = open_encoder(options.model).encode(sentences, options.role)                      # (N, D)
    values = all_pairs(embeddings, options.measure)                                               # (N, N)
    if options.json:
        put_json(options.json, {"measure": options.measure, "sentences": sentences, "similarity": values.tolist()})
    if options.json != STANDARD_OUTPUT:
        show(sentences, values, options.measure)
    if options.plot:
        from lit_embed.commands.similarity_plot import plot                   # matplotlib takes a moment

        written = plot(options.plot, sentences, values, title(options.measure))
        note = "" if written else " (no font has all letters: its numbers are the sentences in the order given)"
        print(f"plot: {options.plot}{note}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("similarity", __doc__)
    made.add_argument("--model", required=True, help="folder with a model: <run>/model, or of sentence-transformers")
    made.add_argument("sentences", nargs="*", help=f"2 to {MOST} sentences")
    made.add_argument("--input",
                      help="the sentences: one a line, or csv, tsv, json, jsonl, parquet; - is standard input")
    made.add_argument("--column", help="column of the sentences, for files that have columns")
    made.add_argument("--measure", choices=list(SIMILARITIES), default="cosine",
                      help="default cosine; distances count as negative, so that higher is always more alike")
    made.add_argument("--role", choices=["text", "query", "document"], default="text",
                      help="whose prefix goes before each text")
    made.add_argument("--plot", metavar="OUT.png", help="the matrix as a picture; with --pairs the histogram")
    made.add_argument("--pairs", metavar="FILE",
                      help="csv, tsv, json, jsonl or parquet: how alike are the two texts of each row")
    made.add_argument("--first", metavar="COLUMN", help="with --pairs: column of the first text")
    made.add_argument("--second", metavar="COLUMN", help="with --pairs: column of the second text")
    made.add_argument("--label", metavar="COLUMN",
                      help="with --pairs: column of two values, the higher one for related pairs")
    made.add_argument("--base", metavar="MODEL",
                      help="with --pairs: a second model to set beside it, such as the one it was trained from; one that was never "
                           "trained as an encoder is used as --model says: pooling, length, prefixes")
    add_json_option(made, "all values")
    return made


def _sentences(options: argparse.Namespace) -> list[str]:
    if given := [name for name in ("first", "second", "label", "base") if getattr(options, name)]:
        raise UserError(f"--{given[0]} belongs to --pairs FILE, which is missing")
    if options.sentences and options.input:
        raise UserError("give the sentences on the command line or with --input, not both")
    sentences = read_texts(options.input, options.column) if options.input else options.sentences
    if not 2 <= len(sentences) <= MOST:
        raise UserError(f"{len(sentences)} sentences: a table of each with each takes 2 to {MOST}; "
                        "lit-embed encode writes the embeddings of any number")
    for number, sentence in enumerate(sentences, 1):
        if not sentence.strip():
            raise UserError(f"sentence {number} is empty: there is nothing to compare")
    return sentences


def all_pairs(embeddings: np.ndarray, measure: str) -> np.ndarray:
    """How alike each text is to each, in float64.  (N, D) -> (N, N)"""
    exact = np.asarray(embeddings, dtype=np.float64)
    # + 0.0: the distance of a text from itself is 0, not minus 0.
    return np.stack([SIMILARITIES[measure](np.broadcast_to(row, exact.shape), exact) for row in exact]) + 0.0


def title(measure: str) -> str:
    return f"minus the {measure} distance (0: the same)" if measure in DISTANCES else f"{measure} similarity"


def show(sentences: list[str], values: np.ndarray, measure: str) -> None:
    """The matrix with a background by value on a terminal, the same numbers without colour elsewhere."""
    low, high = shown_range(values)
    numbers = [[f"  {value:.{decimals(values)}f}" for value in row] for row in values]
    table = Table(title=title(measure), title_justify="left", box=None, padding=0, header_style="bold")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True)
    for number in range(1, len(sentences) + 1):
        table.add_column(f"{number}", justify="right", no_wrap=True)
    for place, sentence in enumerate(sentences):
        shares = (values[place] - low) / (high - low)                                             # (N,)
        cells = [Text(text, style="dim" if place == column else _background(share))
                 for column, (text, share) in enumerate(zip(numbers[place], shares, strict=True))]
        table.add_row(str(place + 1), Text(f" {' '.join(sentence.split())}"), *cells)  # Text: brackets are no markup
    width = 30 + len(sentences) * max(len(text) for row in numbers for text in row)
    Console(width=max(width, Console().width if sys.stdout.isatty() else 160)).print(table)


def shown_range(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value between two different sentences: what colours must tell apart."""
    others = values[~np.eye(len(values), dtype=bool)]
    return float(others.min()), max(float(others.max()), float(others.min()) + 1e-9)


def decimals(values: np.ndarray) -> int:
    return 3 if len(values) <= 12 and np.abs(values).max() < 10 else 2


def _background(share: float) -> str:
    red, green, blue = (PALE + (DARK - PALE) * share).round().astype(int)
    return f"{'white' if share > 0.5 else 'black'} on rgb({red},{green},{blue})"
