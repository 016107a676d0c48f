"""Means, intervals and comparisons follow from what a search found, and the honest HitRate from the list that was cut."""

import json

import numpy as np
import pytest
import pytrec_eval

from lit_embed.metrics import question_figures
from lit_embed.run.retrieval_figures import compare_retrieval, evaluate_retrieval, report
from lit_embed.run.retrieval_systems import Found
from lit_embed.search import RetrievalSet


def questions(count: int, passages: int = 200, seed: int = 0) -> RetrievalSet:
    random = np.random.default_rng(seed)
    relevant = [{int(random.integers(passages)): float(random.integers(1, 4)), int(i): 1.0} for i in range(count)]
    return RetrievalSet([str(i) for i in range(count)], [f"q{i}" for i in range(count)],
                        [str(i) for i in range(passages)], [f"p{i}" for i in range(passages)], relevant, left_out=7)


def lists(asked: RetrievalSet, right: float, depth: int = 100, seed: int = 1) -> np.ndarray:
    """Any passages, but for a share `right` of the questions an answer stands first."""
    random = np.random.default_rng(seed)
    found = np.stack([random.permutation(len(asked.passages))[:depth] for _ in asked.questions])
    for i in np.flatnonzero(random.random(len(asked)) < right):
        found[i] = [i, *found[i][found[i] != i]][:depth]
    return found


def found_by(places: np.ndarray, **more: object) -> Found:
    return Found((np.zeros(places.shape, dtype=np.float32), places), **more)


def test_figures_are_the_means_of_the_questions_and_intervals_hold_them():
    asked = questions(40)
    places = lists(asked, 0.5)
    found = evaluate_retrieval(places, asked, resamples=200)
    expected = question_figures(asked.gains(places), asked.ideal())
    means = {name: values.mean() for name, values in expected.items()}
    assert {name: found[name] for name in expected} == pytest.approx(means, abs=1e-6)
    assert all(low <= found[name] <= high for name, (low, high) in found["intervals"].items())
    assert found["intervals"]["hit_rate@1"][0] < found["intervals"]["hit_rate@1"][1]
    assert found == evaluate_retrieval(places, asked, resamples=200)                     # the same every time


def test_graded_answers_are_judged_as_trec_eval_judges_them():
    asked = questions(30, passages=120)
    places = lists(asked, 0.4)
    qrels = {asked.question_ids[i]: {asked.passage_ids[place]: int(grade) for place, grade in own.items()}
             for i, own in enumerate(asked.relevant)}
    run = {asked.question_ids[i]: {asked.passage_ids[place]: float(-rank) for rank, place in enumerate(row)}
           for i, row in enumerate(places)}
    names = {"map": "map", "ndcg_cut_10": "ndcg@10", "recall_100": "recall@100", "success_5": "hit_rate@5"}
    judged = pytrec_eval.RelevanceEvaluator(qrels, {"map", "ndcg_cut.10", "recall.100", "success.5"}).evaluate(run)
    found = evaluate_retrieval(places, asked)
    for theirs, ours in names.items():
        assert found[ours] == pytest.approx(np.mean([own[theirs] for own in judged.values()]), abs=1e-6), ours


def test_recall_at_100_is_there_where_lists_are_so_long():
    asked = questions(5)
    assert "recall@100" in evaluate_retrieval(lists(asked, 1), asked)
    assert "recall@100" not in evaluate_retrieval(lists(asked, 1, depth=99), asked)


def test_nothing_found_is_0():
    asked = questions(3)
    found = evaluate_retrieval(np.full((3, 10), -1), asked)
    assert found["ndcg@10"] == found["map"] == 0 and found["intervals"]["map"] == [0, 0]


def test_no_questions_are_no_figures_that_json_could_not_say():
    found = evaluate_retrieval(np.zeros((0, 10), dtype=np.int64), questions(0))
    assert found["map"] is None and json.dumps(found, allow_nan=False)


def test_a_better_list_is_shown_to_be_better_and_the_same_list_is_no_different():
    asked = questions(60)
    better, worse = lists(asked, 0.8), lists(asked, 0.3)
    apart = compare_retrieval(better, worse, asked)["mrr@10"]
    means = [evaluate_retrieval(places, asked)["mrr@10"] for places in (better, worse)]
    assert apart["difference"] == pytest.approx(means[0] - means[1], abs=2e-6) and apart["interval"][0] > 0
    assert compare_retrieval(better, better, asked)["map"] == {"difference": 0, "interval": [0, 0]}


def test_the_report_cuts_what_was_re_ranked_and_keeps_the_uncut_figure_apart():
    """30 candidates with the answer at rank 20, of which 10 are kept: found by the published way of counting only."""
    asked = RetrievalSet(["0"], ["q"], [str(i) for i in range(50)], [f"p{i}" for i in range(50)], [{19: 1.0}])
    candidates = np.arange(30)[None]
    dense = found_by(candidates, seconds={"encode": 0.002, "search": 0.001}, corpus_seconds=3.0)
    cut = found_by(candidates[:, :10], seconds=dense.seconds | {"rerank": 0.5}, candidates=candidates, keep=10)
    made = report({"bm25": found_by(candidates), "dense": dense, "dense+rerank": cut}, asked)
    system = made["systems"]["dense+rerank"]
    assert system["hit_rate@10"] == 0 and system["hit_rate@10_uncut"] == 1
    assert "hit_rate@10_uncut" not in made["systems"]["dense"]
    assert system["ms"] == {"encode": 2, "search": 1, "rerank": 500} and system["ms_per_question"] == 503
    assert made["systems"]["dense"]["corpus_seconds"] == 3 and system["depth"] == 10


def test_the_report_compares_each_system_with_what_it_adds_to():
    asked = questions(20)
    names = ["bm25", "base", "dense", "hybrid", "dense+rerank"]
    made = report({name: found_by(lists(asked, 0.5)) for name in names}, asked, resamples=50)
    assert list(made["differences"]) == ["base - bm25", "dense - bm25", "dense - base", "hybrid - bm25",
                                         "hybrid - dense", "dense+rerank - dense"]
    assert (made["questions"], made["passages"], made["left_out"]) == (20, 200, 7)
    assert list(made["systems"]) == names and json.dumps(made, allow_nan=False)
