"""The page shows both ends of every figure, the sample questions, and a command that a shell takes as it is."""

import io
import shlex
from pathlib import Path

from rich.console import Console

from lit_embed.callbacks.report_page import print_report

RESULT = {"before": {"mrr@10": 0.25, "spearman_max": None}, "after": {"mrr@10": 0.5, "spearman_max": 0.75},
          "corpus": 4000, "train_pairs": 5000, "train_seconds": 54.31, "steps": 78}
SAMPLE = {"question": "what's [bold] here?", "found": ["one " * 99, "f[int](x)"], "right": [False, True]}


def page(result, before, after, searchable=True, width=120):
    out = io.StringIO()
    print_report(Console(file=out, width=width), Path("/runs/my run"), result, before, after, searchable)
    return out.getvalue()


def test_both_ends_of_every_figure_stand_in_one_row():
    rows = [line.replace("│", " ").split() for line in page(RESULT, [SAMPLE], [SAMPLE]).splitlines()]
    assert ["mrr@10", "0.2500", "0.5000"] in rows and ["spearman_max", "-", "0.7500"] in rows
    assert "5,000 training pairs, 54.3 s of training; 4,000 passages searched" in page(RESULT, [], [])


def test_texts_are_shown_as_they_are_and_long_ones_cut():
    shown = page(RESULT, [SAMPLE], [SAMPLE])
    assert "what's [bold] here?" in shown and shown.count("2 * f[int](x)") == 2
    assert "one one" in shown and "one " * 40 not in shown and "..." in shown


def test_a_narrow_terminal_shows_a_line_for_each_hit():
    lines = page(RESULT, [], [SAMPLE], width=40).splitlines()
    assert [line[:12] for line in lines if line.startswith("  after") or line.startswith("        ")] == [
        "  after   1 ", "          2 "]


def test_the_command_survives_quotes_and_spaces():
    line = next(line for line in page(RESULT, [SAMPLE], [SAMPLE]).splitlines() if "lit-embed search" in line)
    assert shlex.split(line) == ["lit-embed", "search", "/runs/my run", "what's [bold] here?"]


def test_without_index_samples_or_a_beginning_the_rest_is_shown():
    shown = page(RESULT | {"before": None, "corpus": None}, [], [SAMPLE], searchable=False)
    assert "lit-embed search" not in shown and "before  1" not in shown and "after   1" in shown
    assert "lit-embed search" not in page(RESULT, [], [])


def test_what_was_re_ranked_shows_what_was_found_before_it():
    missed = {"question": "xyzzy", "found": [], "right": [], "retrieved": {"by": "bm25", "found": [], "right": []}}
    ranked = SAMPLE | {"retrieved": {"by": "bm25", "found": ["f[int](x)"], "right": [True]}}
    lines = page(RESULT, [ranked, missed], [ranked, missed], searchable=False).splitlines()
    shown = [line.split()[0] for line in lines if line.startswith(("  bm25", "  before", "  after"))]
    assert shown == ["bm25", "before", "after"] * 2
    assert sum(line.endswith("- nothing") for line in lines) == 3
