"""`lit-embed odd-one-out`: which of a few words is farthest from the others?

    lit-embed odd-one-out --model checkpoints/quickstart/model breakfast lunch dinner car
"""

import argparse
import sys

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lit_embed.commands.json_option import STANDARD_OUTPUT, add_json_option, put_json
from lit_embed.commands.open_model import open_encoder
from lit_embed.commands.similarity import all_pairs
from lit_embed.errors import UserError
from lit_embed.run.arguments import one_line_parser
from lit_embed.run.messages import quiet


def run(arguments: list[str]) -> None:
    """arguments: "odd-one-out" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    check(options.words)
    quiet()
    means = mean_to_others(open_encoder(options.model).encode(options.words, options.role))       # (N,)
    odd = options.words[int(means.argmin())]
    if options.json:
        means_by_word = dict(zip(options.words, means.tolist(), strict=True))
        put_json(options.json, {"odd_one_out": odd, "mean_similarity": means_by_word})
    if options.json != STANDARD_OUTPUT:
        show(options.words, means)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("odd-one-out", __doc__)
    made.add_argument("--model", required=True, help="folder with a model: <run>/model, or of sentence-transformers")
    made.add_argument("words", nargs="*", help="three or more words or sentences, all different")
    made.add_argument("--role", choices=["text", "query", "document"], default="text",
                      help="whose prefix goes before each word")
    add_json_option(made, "the odd one, and the mean similarity of each to the others")
    return made


def check(words: list[str]) -> None:
    """
    Raises
        UserError   fewer than three words, an empty one, or one that is given twice
    """
    if len(words) < 3:
        raise UserError(f"{len(words)} words: of three at least can one be odd")
    for number, word in enumerate(words, 1):
        if not word.strip():
            raise UserError(f"word {number} is empty")
        if word.strip() in (other.strip() for other in words[:number - 1]):
            raise UserError(f"word {number}, {word!r}, is given twice: give each word once")


def mean_to_others(embeddings: np.ndarray) -> np.ndarray:
    """Mean cosine of each text to all the others.  (N, D) -> (N,) float64"""
    cosines = all_pairs(embeddings, "cosine")                                                     # (N, N)
    return (cosines.sum(axis=1) - cosines.diagonal()) / (len(cosines) - 1)


def show(words: list[str], means: np.ndarray) -> None:
    """The words from the most alike to the odd one, which is marked."""
    table = Table("mean cosine to the others", "", "", box=None, pad_edge=False)
    order = np.argsort(-means, kind="stable")
    for place in (*order[order != means.argmin()], means.argmin()):
        odd = place == means.argmin()
        table.add_row(f"{means[place]:.3f}", Text(words[place]), "<- the odd one out" if odd else "",
                      style="bold" if odd else None)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
