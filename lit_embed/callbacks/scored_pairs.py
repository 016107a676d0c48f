"""Pairs with scores to compare with: those of the data, or true and false pairs where the data has only true ones."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from lit_embed.batches import PairRows, text_ids
from lit_embed.callbacks.evaluation import WORST
from lit_embed.errors import UserError
from lit_embed.metrics import ranks

SEED = 42  # the same false pairs in every run, whatever the run's own seed


@dataclass(frozen=True)
class ScoredPairs:
    """first, second: N texts each; scores (N,), higher where the two are more alike."""

    first: list[str]
    second: list[str]
    scores: np.ndarray


def scored_pairs(rows: PairRows, true_pairs: int) -> ScoredPairs:
    """The rows with their scores; without labels, the first `true_pairs` rows (score 1) and as many false ones (0).

    A false pair is the query of a true one with the document of a row drawn at random, never one of its own answers.

    Raises
        UserError   the labels are classes, not scores; or every row has the same document
    """
    if not rows.answered:
        if np.issubdtype(rows.labels.dtype, np.integer) and len(np.unique(rows.labels)) > 2:
            raise UserError("correlations are with scores, but the labels of these rows are classes: give the "
                            "callback other data, for example `data: Sts`")
        return ScoredPairs(rows.queries, rows.documents[0], rows.labels.astype(np.float64))
    queries, documents = rows.queries[:true_pairs], rows.documents[0]
    false = [documents[i] for i in _others(rows, len(queries))]
    scores = np.repeat([1.0, 0.0], len(queries))
    return ScoredPairs(queries * 2, documents[:len(queries)] + false, scores)


def _others(rows: PairRows, count: int) -> list[int]:
    """For each of the first `count` rows, the place of a row whose document is no answer to its query."""
    rng = np.random.default_rng(SEED)
    queries, documents = text_ids(rows.queries), text_ids(rows.documents[0])
    answers = defaultdict(set)
    for query, document in zip(queries.tolist(), documents.tolist(), strict=True):
        answers[query].add(document)
    found = []
    for query in queries[:count].tolist():
        order = (int(i) for i in rng.integers(len(rows), size=20))       # nearly always the first one fits
        own = answers[query]
        place = next((i for i in order if int(documents[i]) not in own), None)
        if place is None:
            others = np.flatnonzero(~np.isin(documents, list(own)))
            if not len(others):
                raise UserError("no false pairs can be made: a query has every document of the split as its answer")
            place = int(rng.choice(others))
        found.append(place)
    return found


def farthest(pairs: ScoredPairs, given: np.ndarray, name: str) -> tuple[list[str], list[list[object]]]:
    """Columns and rows of a table: the pairs where the order of what a model gave is farthest from that of the scores.

    given    (N,), called `name`
    """
    wanted, found = ranks(pairs.scores), ranks(given)                                                 # (N,) each
    worst = np.argsort(-np.abs(wanted - found), kind="stable")[:WORST]
    rows = [[pairs.first[i], pairs.second[i], *map(float, (pairs.scores[i], given[i], wanted[i], found[i]))]
            for i in worst]
    return ["first", "second", "score", name, "rank_of_score", f"rank_of_{name}"], rows
