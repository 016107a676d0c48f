"""Your own pairs: a csv, tsv, json, jsonl or parquet file, a folder of them, or a Hub data set, by names of columns.

    Q                        answer                              (data.query: Q, data.document: answer)
    I lost my card           Order a new one in the app.
    When does it arrive?     Within three working days.
"""

from dataclasses import dataclass

import numpy as np

from lit_embed.batches import PairRows
from lit_embed.data.columns import classes, pair_rows, scores
from lit_embed.data.pair_data import PairData
from lit_embed.data.sheet import Sheet
from lit_embed.data.teacher_scores import teacher_scores
from lit_embed.errors import UserError


@dataclass(eq=False)
class Pairs(PairData):
    """Pairs from columns of any name."""

    query: str = "query"
    """Column of the queries, or of the first texts."""
    document: str = "document"
    """Column of the documents that answer them, or of the second texts."""
    negatives: str | list[str] | None = None
    """Columns of hard negatives: a text each, or a list of texts each."""
    label: str | None = None
    """Column of a score or a class; needs score_range or classes."""
    score_range: tuple[float, float] | None = None
    """Lowest and highest score; they come out as 0 and 1."""
    classes: int | list[str] | None = None
    """How many classes there are (labels 0, 1, ...), or their names in order."""
    teacher_scores: str | list[str] | None = None
    """Columns of a teacher's scores: first that of the document, then those of its negatives; a number or a list each."""

    def rows(self, split: str) -> PairRows:
        sheet = self.sheet(split)
        negatives = [self.negatives] if isinstance(self.negatives, str) else self.negatives
        labels, name = self._labels(sheet), self.label or "label"
        if self.teacher_scores is not None:
            if labels is not None:
                raise UserError("data.label and data.teacher_scores are two things to learn from: give one of them")
            columns = [self.teacher_scores] if isinstance(self.teacher_scores, str) else self.teacher_scores
            labels, name = teacher_scores(sheet, columns), columns[0]
        rows = pair_rows(sheet, self.query, self.document, self.on_bad_row, negatives, labels, name)
        if rows.answered and rows.labels is not None and rows.labels.shape[1] != len(rows.documents):
            raise UserError(f"{sheet.where(0)}, column '{name}': {rows.labels.shape[1]} teacher's scores, but "
                            f"{len(rows.documents)} texts (data.document, data.negatives): each needs one, in that order")
        return rows

    def _labels(self, sheet: Sheet) -> np.ndarray | None:
        if self.label is None:
            return None
        if (self.score_range is None) == (self.classes is None):
            raise UserError(
                f"column '{self.label}': say what it holds with either data.score_range [lowest, highest] or"
                " data.classes (their number or their names)"
            )
        if self.classes is not None:
            return classes(sheet, self.label, self.classes)
        low, high = self.score_range
        if not low < high:
            raise UserError(f"data.score_range is {low:g}, {high:g}; the lowest score comes first")
        return scores(sheet, self.label, low, high)
