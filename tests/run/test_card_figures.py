"""Figures in a card are those of the files, and nothing is said where there are none."""

import json

import pytest

from lit_embed.run.card_figures import evaluated, figures, result_of, table


def test_before_and_after_come_from_the_result(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps({"before": {"mrr@10": 0.25}, "after": {"mrr@10": 0.5, "new": None}}))
    assert "| mrr@10 | 0.2500 | 0.5000 |\n| new |  |  |" in figures(tmp_path)
    assert result_of(tmp_path)["before"] == {"mrr@10": 0.25}


@pytest.mark.parametrize("result", [None, {"before": None, "after": {}}])
def test_without_them_the_first_and_the_last_that_were_logged_stand_in(tmp_path, result):
    if result:
        (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "metrics.csv").write_text("step,mrr@10,train_loss,spearman_dot\n0,0.1,,\n1,,2.5,\n2,0.3,,\n3,0.2,,\n")
    found = figures(tmp_path)
    assert "the first and the last that were logged" in found and "| mrr@10 | 0.1000 | 0.2000 |" in found
    assert "loss" not in found and "spearman" not in found


def test_without_either_nothing_is_said(tmp_path):
    assert figures(tmp_path) == "" and result_of(tmp_path) == {}
    (tmp_path / "metrics.csv").write_text("step,train_loss\n0,1.5\n")
    assert figures(tmp_path) == ""


def test_an_evaluation_shows_its_intervals():
    systems = {"bm25": {"mrr@10": 0.4, "intervals": {"mrr@10": [0.3, 0.5]}}, "dense": {"mrr@10": None, "intervals": {}}}
    found = evaluated({"systems": systems, "questions": 3, "passages": 9, "data": "some/folder/set"})
    assert "3 questions over 9 passages of set" in found
    assert "| bm25 | 0.4000 [0.3000, 0.5000] |\n| dense |  |" in found


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"
