"""How far could a figure be off by the luck of which questions were asked? The bootstrap: ask them again and again.

As many questions are drawn as there are, with replacement, and the mean is taken anew; the middle 95 % of such means
are the interval (Efron 1979, https://doi.org/10.1214/aos/1176344552, percentile method).
"""

from collections.abc import Iterator

import numpy as np

BLOCK = 16 * 1024 * 1024  # numbers held at a time: 128 MB, however many questions there are


def intervals(values: dict[str, np.ndarray], resamples: int = 1000, seed: int = 42,
              confidence: float = 0.95) -> dict[str, tuple[float, float]]:
    """Lower and upper end for the mean of each figure; the same questions are drawn for all of them.

    values    (Q,) for each name, one value a question. For two systems on the same questions give the differences: an
              interval without 0 says that one is better, also where their own intervals overlap.
    """
    table = np.stack([np.asarray(each, dtype=np.float64) for each in values.values()], axis=1)         # (Q, M)
    if not len(table):
        return dict.fromkeys(values, (float("nan"), float("nan")))
    means = np.concatenate([draws @ table for draws in _shares(len(table), resamples, seed)])          # (R, M)
    outside = (1 - confidence) / 2
    low, high = np.quantile(means, [outside, 1 - outside], axis=0)                                     # (M,) each
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(values)}


def _shares(questions: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """(R, Q) in blocks: how often each question was drawn, over Q, so that a mean is a product of matrices."""
    random = np.random.default_rng(seed)
    block = max(1, BLOCK // questions)
    for start in range(0, resamples, block):
        drawn = random.multinomial(questions, np.full(questions, 1 / questions), size=min(block, resamples - start))
        yield drawn / questions
