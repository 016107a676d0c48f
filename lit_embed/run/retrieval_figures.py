"""How good are the results of a search, how sure is that, and is one search better than another?

    found = index.search(encoder.encode(asked.questions, "query"), 100)[1]                 # places, best first
    evaluate_retrieval(found, asked)     # {"hit_rate@1": .., "ndcg@10": .., "intervals": {"hit_rate@1": [low, high]}}
    compare_retrieval(found, found_before, asked)["ndcg@10"]            # {"difference": .., "interval": [low, high]}
"""

import math
from collections.abc import Sequence

import numpy as np

from lit_embed.metrics import hits, intervals, question_figures, recalls
from lit_embed.run.retrieval_systems import RERANK, Found
from lit_embed.search.questions import RetrievalSet

DEEP = 100              # recall is wanted this deep too: what is not among the candidates, no re-ranker can find
UNCUT = "_uncut"


def evaluate_retrieval(places: np.ndarray, asked: RetrievalSet, ks: Sequence[int] = (1, 5, 10), resamples: int = 1000,
                       seed: int = 42) -> dict:
    """hit_rate@k, mrr@k, ndcg@k, recall@k and precision@k for each k, map over the lists, recall@100 of lists so long.

    places    (Q, K) places of passages, best first, -1 where nothing was found
    returns   the mean of each figure over the questions, and under "intervals" its 95 % bootstrap interval [low, high]
    """
    return summary(question_values(places, asked, ks), resamples, seed)


def compare_retrieval(places: np.ndarray, others: np.ndarray, asked: RetrievalSet, ks: Sequence[int] = (1, 5, 10),
                      resamples: int = 1000, seed: int = 42) -> dict[str, dict]:
    """By how much the first lists are better than the others, question by question, and the interval of that.

    An interval without 0 is a difference that is not the luck of the questions: two systems answer the same questions,
    so it is narrower than their own intervals suggest.
    """
    return difference(question_values(places, asked, ks), question_values(others, asked, ks), resamples, seed)


def question_values(places: np.ndarray, asked: RetrievalSet, ks: Sequence[int] = (1, 5, 10)) -> dict[str, np.ndarray]:
    """Every figure for every question, (Q,) each; `evaluate_retrieval` gives their means."""
    gains, ideal = asked.gains(places), asked.ideal()
    values = question_figures(gains, ideal, ks)
    return values | ({f"recall@{DEEP}": recalls(gains, ideal, DEEP)} if places.shape[1] >= DEEP else {})


def summary(values: dict[str, np.ndarray], resamples: int = 1000, seed: int = 42) -> dict:
    """Means and intervals, as plain numbers of six digits."""
    spread = intervals(values, resamples, seed)
    means = {name: _plain(own.mean()) if len(own) else None for name, own in values.items()}
    return means | {"intervals": {name: [_plain(low), _plain(high)] for name, (low, high) in spread.items()}}


def difference(first: dict[str, np.ndarray], second: dict[str, np.ndarray], resamples: int = 1000,
               seed: int = 42) -> dict[str, dict]:
    """First less second, for every figure that both have."""
    apart = summary({name: first[name] - second[name] for name in first if name in second}, resamples, seed)
    return {name: {"difference": apart[name], "interval": apart["intervals"][name]} for name in apart["intervals"]}


def report(found: dict[str, Found], asked: RetrievalSet, ks: Sequence[int] = (1, 5, 10), resamples: int = 1000,
           seed: int = 42) -> dict:
    """What `lit-embed evaluate` writes: figures and milliseconds of each system, and who is better than whom.

    A re-ranked system has hit_rate@10_uncut beside its hit_rate@10 (10: the results it keeps): an answer anywhere among
    its candidates counts as found, which no order of them can change. That is what some publish as HitRate@10.
    """
    values = {name: question_values(each.places, asked, ks) | _uncut(each, asked) for name, each in found.items()}
    systems = {name: summary(values[name], resamples, seed) | _times(each) for name, each in found.items()}
    differences = {f"{name} - {other}": difference(values[name], values[other], resamples, seed)
                   for name in found for other in _references(name) if other in found}
    return {"questions": len(asked), "passages": len(asked.passages), "left_out": asked.left_out, "systems": systems,
            "differences": differences}


def _uncut(found: Found, asked: RetrievalSet) -> dict[str, np.ndarray]:
    if found.candidates is None:
        return {}
    return {f"hit_rate@{found.keep}{UNCUT}": hits(asked.gains(found.candidates), found.candidates.shape[1])}


def _times(found: Found) -> dict:
    parts = {part: round(value, 4) for part, value in found.milliseconds().items()}
    return {"depth": found.places.shape[1], "ms_per_question": round(sum(parts.values()), 4), "ms": parts,
            "corpus_seconds": round(found.corpus_seconds, 4)}


def _references(name: str) -> list[str]:
    """Whom a system is compared with: the floor, and what it adds something to."""
    if name.endswith(RERANK):
        return [name.removesuffix(RERANK)]
    return {"bm25": [], "dense": ["bm25", "base"], "hybrid": ["bm25", "dense"]}.get(name, ["bm25"])


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)             # JSON has no nan
