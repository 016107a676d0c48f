import json

import numpy as np
import pyarrow.parquet as pq

from lit_embed.batches import PairRows
from lit_embed.commands.mining_report import MinedPairs, report, show, write_pairs, write_report
from lit_embed.search.mining import Mined
from lit_embed.search.negatives import Rules

COUNTS = {"candidates": 10, "known positive or equal text": 2, "rank": 1, "margin": 0, "relative margin": 3,
          "max score": 0, "min score": 0, "left": 4}


def found() -> MinedPairs:
    """Three pairs, the second with too few negatives."""
    scores = np.array([[0.5, 0.25], [0.5, np.nan], [np.nan, np.nan]], np.float32)
    mined = Mined(np.array([[1, 2], [0, -1], [2, 0]]), scores, np.array([0.75, 0.5, np.nan], np.float32), dict(COUNTS))
    pairs = PairRows(["who [bold]", "where", "why"], [["me", "here", "so"]])
    return MinedPairs(pairs, ["x" * 500, "you", "there"], mined, np.array([0, 2]))


def said() -> dict:
    options = {"data": "a.csv", "output": "b.parquet", "by": "bm25", "model": None, "judge": None,
               "teacher_scores": None}
    return report(found(), Rules(count=2, ranks=(2, 9), relative_margin=0.25), options, questions=3, short=2)


def test_the_parquet_has_the_rows_that_are_handed_out_and_null_for_no_score(tmp_path):
    write_pairs(tmp_path / "b.parquet", found())
    assert pq.read_table(tmp_path / "b.parquet").to_pylist() == [
        {"query": "who [bold]", "document": "me", "negatives": ["you", "there"], "positive_score": 0.75,
         "negative_scores": [0.5, 0.25]},
        {"query": "why", "document": "so", "negatives": ["there", "x" * 500], "positive_score": None,
         "negative_scores": [None, None]}]


def test_the_report_adds_up():
    whole = said()
    assert whole["candidates"] == sum(whole["removed"].values()) + whole["left"]
    assert (whole["pairs_mined"], whole["pairs_filled"], whole["pairs_left_out"]) == (1, 1, 1)
    assert [example["query"] for example in whole["examples"]] == ["who [bold]", "why"]


def test_what_is_shown_names_each_rule_that_was_asked_for(capsys):
    show(said())
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "found by bm25 10 100.0%" in lines and "removed: rank 2 to 9 1 10.0%" in lines
    assert "removed: known positive or equal text 2 20.0%" in lines and "removed: relative margin 0.25 3 30.0%" in lines
    assert not any("max score" in line or "removed: margin" in line for line in lines)
    assert "query who [bold]" in lines and "negative 0.500 you" in lines and "positive - so" in lines
    assert any(line.endswith("x …") for line in lines)


def test_the_report_is_a_json_file(tmp_path):
    write_report(tmp_path / "report.json", said())
    assert json.loads((tmp_path / "report.json").read_text()) == json.loads(json.dumps(said()))
