"""Candidates in a better order: a cross-encoder reads question and passage together, so it is given a few only."""

from collections.abc import Callable

import numpy as np

from lit_embed.errors import UserError


def rerank(score: Callable[[list[tuple[str, str]]], np.ndarray], questions: list[str], places: np.ndarray,
           text_of: Callable[[int], str], keep: int) -> tuple[np.ndarray, np.ndarray]:
    """The candidates of each question by their score with it, best first; equal scores keep the earlier order.

    score      P pairs of question and passage -> (P,); called once, with every distinct pair once
    places     (Q, K) places in the corpus, best first, -1 where there is none
    text_of    the passage at a place
    returns    scores (Q, keep) float32 and places (Q, keep) int64, -inf and -1 where there were fewer candidates

    Raises
        UserError   the scores are not one finite number a pair
    """
    keep = max(0, min(keep, places.shape[1]))
    there = places >= 0                                                                 # (Q, K)
    texts = {place: text_of(place) for place in np.unique(places[there]).tolist()}
    asked = [(questions[row], texts[place]) for row, place in zip(np.nonzero(there)[0], places[there].tolist())]
    number: dict[tuple[str, str], int] = {}
    which = [number.setdefault(pair, len(number)) for pair in asked]                    # into the distinct pairs
    values = np.asarray(score(list(number)), dtype=np.float32) if number else np.zeros(0, dtype=np.float32)
    if values.shape != (len(number),):
        raise UserError(f"the cross-encoder gives {values.shape[1:]} scores a pair: re-ranking needs one that was "
                        "trained with num_labels 1")
    if not np.isfinite(values).all():
        raise UserError("the cross-encoder gives NaN or infinite scores, which no order follows from: its training "
                        "diverged; start again with a lower learning rate")
    scores = np.full(places.shape, -np.inf, dtype=np.float32)
    scores[there] = values[which]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :keep]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(places, order, axis=1).astype(np.int64)
