"""KLUE, the Korean benchmark: sentence similarity (STS) and reading comprehension (MRC), whose questions find passages.

STS    sentence1                 sentence2                        labels
       위치는 찾기 쉽습니다.     위치를 쉽게 찾을 수 있습니다.    {"label": 3.7, "real-label": 3.71, "binary-label": 1}
       방이 아주 넓었어요.       지하철역이 가깝습니다.           {"label": 0.0, "real-label": 0.0, "binary-label": 0}

MRC    question                          context
       수도는 어디인가?                  그 나라의 수도는 강가에 있는 도시로 ...
       다리는 언제 지어졌나?             그 나라의 수도는 강가에 있는 도시로 ...   (several questions share a passage)
"""

from dataclasses import dataclass
from typing import ClassVar

from lit_embed.batches import PairRows
from lit_embed.data.columns import pair_rows, scores
from lit_embed.data.pair_data import PairData


@dataclass(eq=False)
class KlueSts(PairData):
    """KLUE's test labels are withheld: its validation split is our test, and 10 % of train our validation."""

    name: str | None = "sts"
    """Configuration of the data set, as in datasets.load_dataset."""
    validation: float | str | None = 0.1
    """Share of the training rows held out, or name of a split."""

    home: ClassVar[str] = "klue/klue"

    def rows(self, split: str) -> PairRows:
        sheet = self.sheet(split)
        labels = scores(sheet, "labels.label", 0, 5)
        return pair_rows(sheet, "sentence1", "sentence2", self.on_bad_row, labels=labels, label="labels.label")


@dataclass(eq=False)
class KlueMrc(PairData):
    """A question and the passage that answers it."""

    name: str | None = "mrc"
    """Configuration of the data set, as in datasets.load_dataset."""

    home: ClassVar[str] = "klue/klue"

    def rows(self, split: str) -> PairRows:
        return pair_rows(self.sheet(split), "question", "context", self.on_bad_row)
