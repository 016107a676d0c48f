"""A few questions of an evaluation with what was found first, for people to look at."""

import numpy as np

SAMPLES, SHOWN = 3, 3  # questions kept of each evaluation, passages kept of each


def samples(questions: list[str], corpus: list[str], nearest: np.ndarray, relevance: np.ndarray) -> list[dict]:
    """{"question": text, "found": the first passages, "right": whether each answers it}, as Evaluated keeps them.

    nearest     (Q, K)   places in the corpus, best first, -1 where nothing was found
    relevance   (Q, K)   whether each answers the question
    """
    return [{"question": questions[i], **first_found(corpus, nearest[i], relevance[i])} for i in spread(len(questions))]


def spread(count: int) -> list[int]:
    """A few of `count` places, evenly apart: not chosen for their looks."""
    return np.unique(((np.arange(SAMPLES) + 0.5) / SAMPLES * count).astype(int)).tolist()[:count]


def first_found(corpus: list[str], nearest: np.ndarray, relevance: np.ndarray) -> dict:       # (K,) each
    there = nearest[:SHOWN] >= 0
    return {"found": [corpus[place] for place in nearest[:SHOWN][there]], "right": relevance[:SHOWN][there].tolist()}
