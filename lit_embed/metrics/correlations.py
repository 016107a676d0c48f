"""Do similarities of embeddings agree with what people said? Pearson and Spearman, for four kinds of similarity.

Everything is computed in float64, so that float32 embeddings agree with scipy to six digits.
"""

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

BLOCK = 16_384  # rows made float64 at a time: the whole of a large evaluation would be copied eight times over


def _norm(x: np.ndarray) -> np.ndarray:                                   # (N, D) -> (N,)
    return np.sqrt((x * x).sum(axis=1))


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:          # (N, D), (N, D) -> (N,)
    return dot(first, second) / np.maximum(_norm(first) * _norm(second), 1e-30)


def euclidean(first: np.ndarray, second: np.ndarray) -> np.ndarray:       # negative, so that higher = more similar
    return -_norm(first - second)


def manhattan(first: np.ndarray, second: np.ndarray) -> np.ndarray:       # negative, so that higher = more similar
    return -np.abs(first - second).sum(axis=1)


def dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(axis=1)


SIMILARITIES = {"cosine": cosine, "euclidean": euclidean, "manhattan": manhattan, "dot": dot}


def similarities(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """The four similarities of each row of `first` with the same row of `second`.  (N, D), (N, D) -> (N,) each"""
    blocks = list(_float64_blocks(first, second))
    return {name: np.concatenate([similarity(*block) for block in blocks]) for name, similarity in SIMILARITIES.items()}


def _float64_blocks(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"two arrays (N, D) of one shape are compared, not {first.shape} with {second.shape}")
    for start in range(0, max(len(first), 1), BLOCK):
        rows = slice(start, start + BLOCK)
        yield first[rows].astype(np.float64), second[rows].astype(np.float64)


def ranks(values: np.ndarray) -> np.ndarray:
    """1 for the smallest; equal values share the mean of their ranks.  (N,) -> (N,)"""
    return rankdata(values)


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Linear correlation; nan for fewer than two rows, for a constant, or where a value is not finite."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()) or _constant(x) or _constant(y):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.abs(x).max(), y / np.abs(y).max()     # the squares of tiny or huge values would leave float64
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _constant(x: np.ndarray) -> bool:
    return bool((x == x[0]).all())


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Correlation of the ranks, ties sharing the mean of theirs; nan as for `pearson`."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return float("nan")
    return pearson(ranks(x), ranks(y))


def similarity_correlations(first: np.ndarray, second: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """How well four similarities of embeddings agree with human scores: the table published for STS.

    first, second   (N, D)   embeddings of the two texts of each pair
    scores          (N,)     what people said: higher is more similar
    returns         pearson_cosine, spearman_cosine, pearson_euclidean, ... _manhattan, ... _dot, and the best of each
                    kind, pearson_max and spearman_max; distances count as negative, so that higher is always better
    """
    if len(scores) != len(first):
        raise ValueError(f"{len(first)} pairs have {len(scores)} scores")
    result = {}
    for name, values in similarities(first, second).items():
        result |= {f"pearson_{name}": pearson(values, scores), f"spearman_{name}": spearman(values, scores)}
    for kind in ("pearson", "spearman"):
        known = [value for name, value in result.items() if name.startswith(kind) and not np.isnan(value)]
        result[f"{kind}_max"] = max(known, default=float("nan"))
    return result
