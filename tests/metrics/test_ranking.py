"""Every figure against trec_eval, against its slow twin, and against numbers derived by hand."""

import math

import numpy as np
import pytest
import pytrec_eval

from lit_embed.metrics import hit_rate, mrr, ndcg, question_figures, retrieval_metrics

T, F = True, False


def graded(questions: int, seed: int, depth: int = 30,
           passages: int = 60) -> tuple[list[list[int]], list[dict[int, int]]]:
    """Lists of passages without ties, and grades 0 to 3 (0 = judged, and wrong) of some of them."""
    random = np.random.default_rng(seed)
    lists = [random.permutation(passages)[:depth].tolist() for _ in range(questions)]
    grades = [{int(p): int(random.integers(0, 4)) for p in random.permutation(passages)[:1 + i % 15]}
              for i in range(questions)]
    return lists, [own | {int(random.integers(passages)): 1} for own in grades]


def arrays(lists, grades) -> tuple[np.ndarray, np.ndarray]:
    gains = np.array([[own.get(place, 0) for place in row] for row, own in zip(lists, grades)], dtype=float)
    ideal = np.zeros((len(lists), max(map(len, grades))))
    for row, own in zip(ideal, grades):
        row[:len(own)] = sorted(own.values(), reverse=True)
    return gains, ideal


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_trec_eval(seed):
    lists, grades = graded(50, seed)
    found = question_figures(*arrays(lists, grades), ks=(1, 5, 10, 30))
    names = {"map", "ndcg_cut.1,5,10,30", "recall.1,5,10,30", "P.1,5,10,30", "recip_rank", "success.1,5,10"}
    judge = pytrec_eval.RelevanceEvaluator(
        {f"q{i}": {f"d{p}": grade for p, grade in own.items()} for i, own in enumerate(grades)}, names)
    run = {f"q{i}": {f"d{p}": float(-rank) for rank, p in enumerate(row)} for i, row in enumerate(lists)}
    theirs = judge.evaluate(run)
    cut = judge.evaluate({q: dict(list(row.items())[:10]) for q, row in run.items()})
    ours = {"map": "map", "mrr@30": "recip_rank"}
    for k in (1, 5, 10, 30):
        ours |= {f"ndcg@{k}": f"ndcg_cut_{k}", f"recall@{k}": f"recall_{k}", f"precision@{k}": f"P_{k}"}
    ours |= {f"hit_rate@{k}": f"success_{k}" for k in (1, 5, 10)}
    for name, their_name in ours.items():
        expected = [theirs[f"q{i}"][their_name] for i in range(50)]
        np.testing.assert_allclose(found[name], expected, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(found["mrr@10"], [cut[f"q{i}"]["recip_rank"] for i in range(50)], atol=1e-6)


def naive_figures(row: list[int], own: dict[int, int], k: int) -> dict[str, float]:
    """One question, one rank at a time, as printed in the books."""
    right = {place for place, grade in own.items() if grade > 0}
    found = [place in right for place in row]
    ideal = sorted(own.values(), reverse=True)[:k]
    gain = sum(own.get(place, 0) / math.log2(rank + 1) for rank, place in enumerate(row[:k], 1))
    return {
        f"hit_rate@{k}": float(any(found[:k])),
        f"mrr@{k}": 1 / (found[:k].index(True) + 1) if any(found[:k]) else 0.0,
        f"recall@{k}": sum(found[:k]) / len(right), f"precision@{k}": sum(found[:k]) / k,
        f"ndcg@{k}": gain / sum(grade / math.log2(rank + 1) for rank, grade in enumerate(ideal, 1)),
        "map": sum(sum(found[:rank]) / rank for rank, hit in enumerate(found, 1) if hit) / len(right),
    }


@pytest.mark.parametrize("k", [1, 3, 40])
def test_figures_match_the_naive_loop(k):
    lists, grades = graded(40, seed=k)
    found = question_figures(*arrays(lists, grades), ks=(k,))
    for i, (row, own) in enumerate(zip(lists, grades)):
        expected = naive_figures(row, own, k)
        assert {name: values[i] for name, values in found.items()} == pytest.approx(expected, abs=1e-12)


def test_a_question_without_answers_or_a_list_without_results_is_0_and_does_not_warn():
    found = question_figures(np.zeros((2, 3)), np.array([[0.0], [1.0]]))
    empty = question_figures(np.zeros((2, 0)), np.ones((2, 1)))
    assert all((values == 0).all() for figures in (found, empty) for values in figures.values())


def naive_retrieval(relevance, relevant, k):
    """hit rate, MRR and nDCG one question at a time, as printed in the books."""
    hits = reciprocal = gains = 0.0
    for row, known in zip(relevance, relevant):
        ranked = list(row[:k])
        hits += any(ranked)
        reciprocal += 1 / (ranked.index(True) + 1) if any(ranked) else 0
        gain = sum(1 / math.log2(rank + 1) for rank, right in enumerate(ranked, 1) if right)
        gains += gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(known, k) + 1))
    return hits / len(relevance), reciprocal / len(relevance), gains / len(relevance)


@pytest.mark.parametrize("k", [1, 3, 10, 20])
def test_retrieval_figures_match_the_naive_loop(k):
    rng = np.random.default_rng(k)
    relevance = rng.random((40, 10)) < 0.15
    relevant = np.maximum(relevance.sum(axis=1) + rng.integers(0, 4, size=40), 1)
    found = hit_rate(relevance, k), mrr(relevance, k), ndcg(relevance, relevant, k)
    assert found == pytest.approx(naive_retrieval(relevance, relevant, k), abs=1e-12)


def test_retrieval_figures_derived_by_hand():
    """Three questions: found first, found third (of two answers), not found.

    hit rate at 1: 1/3, at 3: 2/3.   MRR: (1 + 1/3 + 0) / 3 = 4/9.
    nDCG: (1 + (1/log2 4) / (1/log2 2 + 1/log2 3) + 0) / 3 = (1 + 0.5 / 1.63093) / 3 = 0.435524
    """
    relevance, relevant = np.array([[T, F, F], [F, F, T], [F, F, F]]), np.array([1, 2, 1])
    assert hit_rate(relevance, 1) == pytest.approx(1 / 3) and hit_rate(relevance, 3) == pytest.approx(2 / 3)
    assert mrr(relevance, 3) == pytest.approx(4 / 9) and mrr(relevance, 2) == pytest.approx(1 / 3)
    assert ndcg(relevance, relevant, 3) == pytest.approx(0.435524, abs=1e-6)
    assert retrieval_metrics(relevance, relevant) == pytest.approx(
        {"hit_rate@1": 1 / 3, "hit_rate@5": 2 / 3, "hit_rate@10": 2 / 3, "mrr@10": 4 / 9,
         "ndcg@10": 0.435524}, abs=1e-6)


def test_no_questions_and_no_corpus_do_not_warn():
    assert math.isnan(retrieval_metrics(np.zeros((0, 10), dtype=bool), np.zeros(0))["mrr@10"])
    assert retrieval_metrics(np.zeros((3, 0), dtype=bool), np.zeros(3)) == dict.fromkeys(
        ["hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10"], 0.0)
