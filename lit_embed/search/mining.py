"""Hard negatives for pairs: search for each question, put the rules to what is found, take the rest, and count.

Everything is numbers here: which question, which passage. Who searches and who scores comes in from outside.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lit_embed.search.negatives import Rules, choose, within_ranks, within_scores

BLOCK = 1024         # pairs searched for at a time
JUDGED = 64          # the same where each candidate is judged as a text: a cross-encoder takes its time
Judge = Callable[[np.ndarray, np.ndarray], np.ndarray]      # questions (P,), places (P,) -> scores (P,)


class Source(Protocol):
    """Who brings candidates: one of search.candidates."""

    def search(self, questions: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]: ...

    def score(self, questions: np.ndarray, places: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class MiningTask:
    """N pairs of Q distinct questions and M distinct passages, as numbers.

    question     (N,)   which question a pair asks
    answer       (N,)   which passage answers it
    identities   (Q,)   of the questions' texts
    passages     M
    known        (P,)   question * M + place, ascending: every answer of a question, and its own text
    """

    question: np.ndarray
    answer: np.ndarray
    identities: np.ndarray
    passages: int
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.question)

    def is_known(self, questions: np.ndarray, places: np.ndarray) -> np.ndarray:          # (Q,), (Q, K) -> (Q, K)
        keys = questions[:, None] * self.passages + places
        found = np.searchsorted(self.known, keys).clip(max=len(self.known) - 1)
        return self.known[found] == keys if len(self.known) else np.zeros(keys.shape, dtype=bool)

    def most_known(self, questions: np.ndarray) -> int:
        """How many known passages one of these questions has at most."""
        first, last = np.searchsorted(self.known, [questions * self.passages, (questions + 1) * self.passages])
        return int((last - first).max(initial=0))


def mining_task(questions: np.ndarray, answers: np.ndarray, passages: np.ndarray) -> MiningTask:
    """From the identities of texts: pair i asks questions[i] and is answered by answers[i], one of the passages.

    questions (N,), answers (N,), passages (M,) all different; the numbers of the passages are their places in it
    """
    identities, question = np.unique(questions, return_inverse=True)
    order = np.argsort(passages)
    place = order[np.searchsorted(passages, answers, sorter=order)]                       # (N,)
    own = np.searchsorted(passages, identities, sorter=order).clip(max=len(passages) - 1)
    own = np.where(passages[order[own]] == identities, order[own], -1)                    # (Q,) itself as a passage
    asked = np.flatnonzero(own >= 0)
    known = np.concatenate([question * len(passages) + place, asked * len(passages) + own[asked]])
    return MiningTask(question, place, identities, len(passages), np.unique(known))


@dataclass(frozen=True)
class Mined:
    """What was taken for N pairs.

    places            (N, n)   passages, the highest score first; -1 where too few were left
    scores            (N, n)   NaN where there is none
    positive_scores   (N,)
    counts            candidates, how many of them each rule removed (a rule counts what those before it left),
                      and how many were left to take from
    """

    places: np.ndarray
    scores: np.ndarray
    positive_scores: np.ndarray
    counts: dict[str, int]

    @property
    def short(self) -> np.ndarray:
        """Which pairs have fewer negatives than wanted.  -> (S,)"""
        return np.flatnonzero((self.places < 0).any(axis=1))


def mine(task: MiningTask, source: Source, rules: Rules, judge: Judge | None = None, rows: np.ndarray | None = None,
         done: Callable[[int], None] = lambda pairs: None) -> Mined:
    """Negatives of all pairs, or of those in `rows`.

    judge   who scores what the source found, and the positives; None: the source itself
    done    is called with the number of pairs that were finished since
    """
    rows = np.arange(len(task)) if rows is None else rows
    places = np.full((len(rows), rules.count), -1, dtype=np.int64)
    scores, positive_scores = np.full(places.shape, np.nan, np.float32), np.zeros(len(rows), np.float32)
    counts: Counter[str] = Counter()
    # The pairs of one question stand together, so that it is searched for once.
    order = np.argsort(task.question[rows], kind="stable")                                # (N,)
    block = BLOCK if judge is None else JUDGED
    for start in range(0, max(len(order), 1), block):               # none at all still has its counts
        part = order[start : start + block]                                               # (B,)
        found = _mine_block(task, source, rules, judge, rows[part])
        places[part], scores[part], positive_scores[part] = found.places, found.scores, found.positive_scores
        counts.update(found.counts)
        done(len(part))
    return Mined(places, scores, positive_scores, dict(counts))


def _mine_block(task: MiningTask, source: Source, rules: Rules, judge: Judge | None, rows: np.ndarray) -> Mined:
    asked, back = np.unique(task.question[rows], return_inverse=True)                     # (Q,), (B,)
    questions, answers = task.question[rows], task.answer[rows]                           # (B,)
    deep = min(rules.ranks[1] + task.most_known(asked), task.passages)
    scores, places = (found[back] for found in source.search(asked, deep))                # (B, K)
    allowed, counts = within_ranks(places, task.is_known(questions, places), rules)
    positive_scores = (judge or source.score)(questions, answers)                         # (B,)
    if judge is not None:
        scores = _judged(judge, questions, places, allowed)
    allowed, removed = within_scores(scores, positive_scores, allowed, rules)
    columns = choose(scores, places, allowed, rules, task.identities[questions])          # (B, n)
    taken = [np.where(columns < 0, missing, np.take_along_axis(array, columns.clip(min=0), axis=1))
             for array, missing in ((places, -1), (scores, np.nan))]
    return Mined(*taken, positive_scores, counts | removed | {"left": int(allowed.sum())})


def _judged(judge: Judge, questions: np.ndarray, places: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The judge's score of every candidate that is asked for, each question and passage judged once.  -> (B, K)"""
    pairs = np.stack([np.broadcast_to(questions[:, None], places.shape)[asked], places[asked]])           # (2, P)
    pairs, back = np.unique(pairs, axis=1, return_inverse=True)
    scores = np.full(places.shape, np.nan, dtype=np.float32)
    scores[asked] = judge(*pairs)[back.reshape(-1)]
    return scores
