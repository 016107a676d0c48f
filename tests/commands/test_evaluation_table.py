"""The table of an evaluation: every system with its figures, the best in bold, and nothing that could be misread."""

import io
import re

import pytest
from rich.console import Console

from lit_embed.commands.evaluation_table import label, notes, show, table

NAMES = ("hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@10", "map")


def system(value: float, **more) -> dict:
    figures = {name: value for name in NAMES} | {name: v for name, v in more.items() if name.endswith("uncut")}
    made = figures | {"intervals": {name: [v - 0.02, v + 0.04] for name, v in figures.items()}, "depth": 100,
                      "ms": {"encode": 2.5, "search": 0.5, "rerank": 0.0}, "corpus_seconds": 4.0}
    return made | {name: v for name, v in more.items() if not name.endswith("uncut")}


@pytest.fixture
def result() -> dict:
    cut = system(0.8, depth=10, ms={"encode": 2.5, "search": 0.5, "rerank": 1100.0}) | {"hit_rate@10_uncut": 0.973}
    cut["intervals"]["hit_rate@10_uncut"] = [0.96, 0.98]
    apart = {"ndcg@10": {"difference": 0.2, "interval": [0.1, 0.3]}}
    none = {"ndcg@10": {"difference": -0.01, "interval": [-0.05, 0.03]}}
    return {"questions": 1000, "passages": 5183, "left_out": 0, "data": "scifact", "k": [1, 5, 10], "resamples": 1000,
            "retrieve": 30, "keep": 10, "models": {"dense": "run/model", "rerank": "run/cross"},
            "systems": {"bm25": system(0.5), "dense": system(0.7), "dense+rerank": cut},
            "differences": {"dense - bm25": apart, "dense+rerank - dense": none}}


def rendered(result: dict) -> str:
    console = Console(width=200, record=True, force_terminal=True, file=io.StringIO())
    console.print(table(result))
    return console.export_text(styles=True)


def test_every_system_has_its_row_and_the_best_is_bold(result):
    text = rendered(result)
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert "1,000 questions, 5,183 passages" in plain and plain.count(".700 ±.030") == 7
    assert text.count("\x1b[1m.800 ±.030") == 7 and "\x1b[1m.700" not in text


def test_the_uncut_figure_stands_apart_and_is_named_for_what_it_is(result):
    plain = re.sub(r"\x1b\[[\d;]*m", "", rendered(result))
    assert plain.count(".973") == 1 and "published)" in plain and "uncut" in plain
    assert any("it is the HitRate@30 of what was retrieved" in line for line in notes(result))
    del result["systems"]["dense+rerank"]
    assert "uncut" not in rendered(result) and "re-rank" not in rendered(result)


def test_times_are_per_question_and_apart(result):
    plain = re.sub(r"\x1b\[[\d;]*m", "", rendered(result))
    assert "2.50" in plain and "0.50" in plain and "1,100" in plain


def test_notes_say_depths_models_corpus_and_which_differences_are_real(result):
    said = "\n".join(notes(result))
    assert "MAP over 100 results (bm25, dense), 10 results (dense+rerank)" in said and "rerank: run/cross" in said
    assert "corpus, once, dense: 4.0 s, 1,296 passages/s" in said
    assert "nDCG@10, dense - bm25: +.200 [+.100, +.300], better" in said
    assert "nDCG@10, dense+rerank - dense: -.010 [-.050, +.030], no clear difference" in said


def test_other_depths_than_the_usual(result):
    result["k"] = [1, 3]
    for each in result["systems"].values():
        for name in ("hit_rate", "mrr", "ndcg", "recall"):
            each[f"{name}@3"], each["intervals"][f"{name}@3"] = 1.0, [1.0, 1.0]
    for apart in result["differences"].values():
        apart["ndcg@3"] = apart["ndcg@10"]
    plain = re.sub(r"\x1b\[[\d;]*m", "", rendered(result))
    assert "nDCG@3" in plain and "1.000 ±.000" in plain and "nDCG@10" not in plain


def test_a_pipe_gets_the_same_table(result, capsys):
    show(result)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("dense+rerank") and ".800" in line for line in lines)


def test_labels_are_those_of_the_field():
    assert [label(name) for name in NAMES[2:]] == ["HitRate@10", "MRR@10", "nDCG@10", "Recall@10", "MAP"]
