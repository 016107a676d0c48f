"""MultiNLI: a premise, a hypothesis, and whether the one entails (0), leaves open (1) or contradicts (2) the other.

    premise                              hypothesis                                   label
    Hidden in plain sight, it was found. It was hidden where everyone could see it.   0
    They waited until the next morning.  They left at once, the same evening.         2

Any data set with these columns can be read (SNLI, KLUE-NLI); rows labelled -1, of no agreed label, are left out.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from lit_embed.batches import PairRows
from lit_embed.data.columns import classes, pair_rows
from lit_embed.data.notice import notice
from lit_embed.data.pair_data import PairData
from lit_embed.errors import UserError

ENTAILMENT, CONTRADICTION = 0, 2


@dataclass(eq=False)
class Mnli(PairData):
    """Premises and hypotheses, as one of four tasks."""

    name: str | None = "mnli"
    """Configuration of the data set, as in datasets.load_dataset."""
    task: Literal["classes", "scores", "triplets", "contradictions"] = "classes"
    """classes: three labels; scores: entailment 1, the rest 0; triplets: entailed pairs and a random other hypothesis;
    contradictions: entailed pairs and a hypothesis that contradicts the same premise."""

    home: ClassVar[str] = "nyu-mll/glue"
    validation_splits: ClassVar[tuple[str, ...]] = ("validation_matched", "validation", "dev")

    def __post_init__(self):
        super().__post_init__()
        if self.task == "triplets":
            self.random_negatives = max(self.random_negatives, 1)

    def rows(self, split: str) -> PairRows:
        sheet = self.sheet(split)
        labels = sheet.numbers("label")
        if split == "test" and (labels == -1).all():
            return self.rows("validation")  # the benchmark keeps its test labels to itself
        sheet = sheet.take(np.flatnonzero(labels != -1))
        labels = classes(sheet, "label", 3)
        if self.task == "scores":
            labels = np.where(np.isnan(labels), np.nan, labels == ENTAILMENT).astype(np.float32)
        rows = pair_rows(sheet, "premise", "hypothesis", self.on_bad_row, labels=labels)
        if self.task == "triplets":
            return _entailed(rows)
        return _with_contradictions(rows) if self.task == "contradictions" else rows


def _entailed(rows: PairRows) -> PairRows:
    places = np.flatnonzero(rows.labels == ENTAILMENT)
    if not len(places):
        raise UserError("no row is labelled 0 (entailment): there are no pairs to train on")
    return PairRows([rows.queries[i] for i in places], [[rows.documents[0][i] for i in places]])


def _with_contradictions(rows: PairRows) -> PairRows:
    against: dict[str, list[str]] = {}
    for i in np.flatnonzero(rows.labels == CONTRADICTION):
        against.setdefault(rows.queries[i], []).append(rows.documents[0][i])
    entailed = np.flatnonzero(rows.labels == ENTAILMENT)
    places = [i for i in entailed if rows.queries[i] in against]
    if not places:
        raise UserError("no premise has both an entailed and a contradicting hypothesis; use task: triplets")
    if len(places) < len(entailed):
        notice(f"contradictions: {len(entailed) - len(places)} of {len(entailed)} entailed pairs left out,"
               " nothing contradicts their premise")
    queries = [rows.queries[i] for i in places]
    seen: dict[str, int] = {}
    negatives = []
    for query in queries:  # a premise that comes again takes its next contradiction
        turn = seen[query] = seen.get(query, -1) + 1
        negatives.append(against[query][turn % len(against[query])])
    return PairRows(queries, [[rows.documents[0][i] for i in places], negatives])
