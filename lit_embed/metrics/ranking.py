"""How good are lists of results? Each figure question by question, so that means, intervals and comparisons follow.

All of them are trec_eval's. A list is the row of its gains, best result first: gain[q, r] is the grade of what stands
at rank r + 1 in the list of question q, 0 where that does not answer it (True and False are grades 1 and 0). `ideal`
holds the grades of everything that does answer it, the highest first, filled up with zeros.
"""

from collections.abc import Sequence

import numpy as np


def hits(gains: np.ndarray, k: int) -> np.ndarray:
    """1 where the first k results hold an answer.  (Q, K) -> (Q,)"""
    return (gains[:, :k] > 0).any(axis=1).astype(np.float64)


def reciprocal_ranks(gains: np.ndarray, k: int) -> np.ndarray:
    """1 / rank of the first answer, 0 where the first k results hold none.  (Q, K) -> (Q,)"""
    found = gains[:, :k] > 0
    return (found / np.arange(1, found.shape[1] + 1)).max(axis=1, initial=0.0)


def precisions(gains: np.ndarray, k: int) -> np.ndarray:
    """Share of answers among k results; a shorter list counts as filled up with wrong ones.  (Q, K) -> (Q,)"""
    return (gains[:, :k] > 0).sum(axis=1) / k


def recalls(gains: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """Share of a question's answers that stand among the first k results.  (Q, K), (Q, I) -> (Q,)"""
    return (gains[:, :k] > 0).sum(axis=1) / _answers(ideal)


def average_precisions(gains: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """The precision at the rank of each answer, averaged over all answers; one not found counts 0.  -> (Q,)"""
    found = gains > 0
    precision = found.cumsum(axis=1) / np.arange(1, gains.shape[1] + 1)                 # (Q, K) at every rank
    return (precision * found).sum(axis=1) / _answers(ideal)


def normalized_gains(gains: np.ndarray, ideal: np.ndarray, k: int) -> np.ndarray:
    """nDCG: the grades of the first k results, discounted by rank, over those of a perfect list.

    (Q, K), (Q, I) -> (Q,). A grade at rank r counts grade / log2(r + 1): https://doi.org/10.1145/582415.582418 with
    linear gain, as in trec_eval, BEIR and MTEB.
    """
    perfect = _discounted(ideal, k)
    return _discounted(gains, k) / np.where(perfect > 0, perfect, 1.0)


def _discounted(grades: np.ndarray, k: int) -> np.ndarray:                              # (Q, K) -> (Q,)
    return (grades[:, :k] / np.log2(np.arange(2, grades[:, :k].shape[1] + 2))).sum(axis=1)


def _answers(ideal: np.ndarray) -> np.ndarray:                                          # (Q, I) -> (Q,), never 0
    return np.maximum((ideal > 0).sum(axis=1), 1)


def question_figures(gains: np.ndarray, ideal: np.ndarray, ks: Sequence[int] = (1, 5, 10)) -> dict[str, np.ndarray]:
    """hit_rate@k, mrr@k, ndcg@k, recall@k and precision@k for each k, and map over the whole lists.

    gains     (Q, K)
    ideal     (Q, I)
    returns   (Q,) for each name, a value a question; the figures that are published are their means
    """
    figures = {}
    for k in ks:
        figures |= {f"hit_rate@{k}": hits(gains, k), f"mrr@{k}": reciprocal_ranks(gains, k),
                    f"ndcg@{k}": normalized_gains(gains, ideal, k), f"recall@{k}": recalls(gains, ideal, k),
                    f"precision@{k}": precisions(gains, k)}
    return figures | {"map": average_precisions(gains, ideal)}


def hit_rate(relevance: np.ndarray, k: int) -> float:
    """Share of questions with a right answer among the first k results.  (Q, K) True where right, best first"""
    return _mean(hits(relevance, k))


def mrr(relevance: np.ndarray, k: int) -> float:
    """Mean of 1 / rank of the first right answer, 0 where the first k hold none.  (Q, K)"""
    return _mean(reciprocal_ranks(relevance, k))


def ndcg(relevance: np.ndarray, relevant: np.ndarray, k: int) -> float:
    """Mean nDCG where an answer is right or wrong.

    relevance   (Q, K)   True where right, best first
    relevant    (Q,)     right answers that the corpus holds for each question
    """
    ideal = np.arange(k) < np.asarray(relevant)[:, None]                                # (Q, k)
    return _mean(normalized_gains(relevance, ideal, k))


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values, dtype=np.float64)) if len(values) else float("nan")


def retrieval_metrics(relevance: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """HitRate@1, @5, @10, MRR@10 and nDCG@10 of search results.  (Q, K) bool with K up to 10, (Q,) -> five numbers"""
    rates = {f"hit_rate@{k}": hit_rate(relevance, k) for k in (1, 5, 10)}
    return {**rates, "mrr@10": mrr(relevance, 10), "ndcg@10": ndcg(relevance, relevant, 10)}
