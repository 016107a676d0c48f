"""Semantic textual similarity: two sentences and how alike they are, 0 to 5; scores come out as 0 to 1.

GLUE STS-B (columns sentence1, sentence2, label) and KorSTS-like files (sentence1, sentence2, score):

    sentence1                 sentence2                       label
    A plane is taking off.    An air plane is taking off.     5.0
    A man is playing chess.   A woman is feeding two birds.   0.2
"""

from dataclasses import dataclass
from typing import ClassVar


from lit_embed.batches import PairRows
from lit_embed.data.columns import pair_rows, scores
from lit_embed.data.pair_data import PairData


@dataclass(eq=False)
class Sts(PairData):
    """Pairs of sentences with their likeness, 0 to 1."""

    name: str | None = "stsb"
    """Configuration of the data set, as in datasets.load_dataset."""
    score: str | None = None
    """Column of the scores; None: label or score, whichever there is."""

    home: ClassVar[str] = "nyu-mll/glue"
    validation_splits: ClassVar[tuple[str, ...]] = ("validation", "dev")

    def rows(self, split: str) -> PairRows:
        sheet = self.sheet(split)
        score = self.score or ("score" if "score" in sheet.columns and "label" not in sheet.columns else "label")
        values = sheet.numbers(score)
        if split == "test" and (values == -1).all():
            return self.rows("validation")  # the benchmark keeps its test scores to itself
        labels = scores(sheet, score, 0, 5)
        return pair_rows(sheet, "sentence1", "sentence2", self.on_bad_row, labels=labels, label=score)
