"""Which of the passages that a search brought up may be hard negatives of a question, and which of those are taken.

The margins are those of NV-Retriever (Moreira et al. 2024, arXiv 2407.15831), which finds that a candidate scoring
close to the positive is more often an answer that nobody marked than a hard negative.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lit_embed.errors import UserError
from lit_embed.search.draw import mix


@dataclass(frozen=True)
class Rules:
    """What makes a candidate a negative, and how many are taken; None: no such rule.

    count             negatives of each pair
    sample            "top": those with the highest scores; "random": any of those allowed
    seed              of the random ones: a function of (seed, question) alone
    ranks             first and last rank, from 1, the known positives not counted
    margin            its score is at most the positive's minus this
    relative_margin   its score is at most the positive's minus this share of it; of its size, where that is negative
    max_score, min_score

    Raises
        UserError   a rule that no candidate can satisfy, or that says nothing
    """

    count: int = 1
    sample: Literal["top", "random"] = "top"
    seed: int = 42
    ranks: tuple[int, int] = (1, 100)
    margin: float | None = None
    relative_margin: float | None = None
    max_score: float | None = None
    min_score: float | None = None

    def __post_init__(self):
        first, last = self.ranks
        if self.count < 1:
            raise UserError(f"{self.count} negatives: ask for one at least")
        if self.sample not in ("top", "random"):
            raise UserError(f"sample {self.sample!r}: there are top and random")
        if not 1 <= first <= last:
            raise UserError(f"ranks {first} to {last}: the first is 1 or more, the last no less than the first")
        if last - first + 1 < self.count:
            raise UserError(f"ranks {first} to {last} hold {last - first + 1} candidates, but {self.count} negatives "
                            "are wanted")
        if (self.margin or 0) < 0 or not 0 <= (self.relative_margin or 0) < 1:
            raise UserError("margins keep negatives below the positive: margin is 0 or more, relative_margin from 0 to "
                            "below 1")
        if None not in (self.max_score, self.min_score) and self.min_score > self.max_score:
            raise UserError(f"min_score {self.min_score:g} is above max_score {self.max_score:g}")

    @property
    def by_score(self) -> bool:
        """Whether any rule needs scores that can be compared."""
        return any(rule is not None for rule in (self.margin, self.relative_margin, self.max_score, self.min_score))


def ranks(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The rank of each candidate, from 1, among those that are no known positive; 0 for those and where none is.

    places (Q, K) best first, -1 where a search found fewer; known (Q, K)  ->  (Q, K)
    """
    free = (places >= 0) & ~known
    return np.where(free, free.cumsum(axis=1), 0)


def within_ranks(places: np.ndarray, known: np.ndarray, rules: Rules) -> tuple[np.ndarray, dict[str, int]]:
    """Which candidates no positive and no rank speaks against.  -> (Q, K), and how many each rule removed

    What stands behind the last rank was never a candidate: a search has to look further for those with many positives.
    """
    rank = ranks(places, known)                                                          # (Q, K)
    ahead = rank.astype(bool).cumsum(axis=1) - rank.astype(bool)                         # (Q, K) free ones before it
    looked_at = (places >= 0) & (ahead < rules.ranks[1])
    allowed = looked_at & ~known & (rank >= rules.ranks[0])
    return allowed, {"candidates": int(looked_at.sum()), "known positive or equal text": int((looked_at & known).sum()),
                     "rank": int((looked_at & ~known & ~allowed).sum())}


def within_scores(scores: np.ndarray, positive_scores: np.ndarray, allowed: np.ndarray,
                  rules: Rules) -> tuple[np.ndarray, dict[str, int]]:
    """Which candidates the scores speak not against; one that two rules remove counts for the first.

    scores (Q, K), positive_scores (Q,), allowed (Q, K)  ->  (Q, K), and how many each rule removed
    """
    positive = positive_scores[:, None].astype(np.float64)                               # (Q, 1)
    limits = {"margin": (rules.margin, lambda margin: scores <= positive - margin),
              "relative margin": (rules.relative_margin, lambda share: scores <= positive - share * np.abs(positive)),
              "max score": (rules.max_score, lambda most: scores <= most),
              "min score": (rules.min_score, lambda least: scores >= least)}
    removed = {}
    for name, (limit, holds) in limits.items():
        kept = allowed if limit is None else allowed & holds(limit)
        removed[name] = int(allowed.sum() - kept.sum())
        allowed = kept
    return allowed, removed


def choose(scores: np.ndarray, places: np.ndarray, allowed: np.ndarray, rules: Rules,
           questions: np.ndarray) -> np.ndarray:
    """The columns of the candidates that are taken, the highest scores first; -1 where there are too few.

    scores, places, allowed   (Q, K)
    questions                 (Q,)   identities: what a random choice depends on, beside the seed and the place
    returns                   (Q, count)
    """
    if rules.sample == "random":
        key = mix(mix(np.uint64(rules.seed)) + questions.astype(np.uint64))[:, None] + places.astype(np.uint64)
        order = np.lexsort((mix(key), ~allowed))[:, : rules.count]                       # (Q, count)
        picked = np.zeros_like(allowed)
        np.put_along_axis(picked, order, True, axis=1)
        allowed = allowed & picked
    # NaN, the score of a candidate that nobody scored, sorts like the lowest; stable: equal scores as they were found.
    value = np.where(allowed, np.nan_to_num(scores, nan=-np.inf), -np.inf)
    order = np.lexsort((-value, ~allowed))[:, : rules.count]                             # (Q, count)
    chosen = np.where(np.take_along_axis(allowed, order, axis=1), order, -1)
    missing = rules.count - chosen.shape[1]
    return np.pad(chosen, ((0, 0), (0, max(missing, 0))), constant_values=-1)
