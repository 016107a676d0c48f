"""Sentences without any label: each is paired with itself, and dropout makes the two differ (SimCSE).

    text
    A plane is taking off.
    A man is playing chess.
"""

from dataclasses import dataclass

from lit_embed.batches import PairRows
from lit_embed.data.notice import notice
from lit_embed.data.pair_data import PairData
from lit_embed.errors import UserError
from lit_embed.search.retrieval import distinct


@dataclass(eq=False)
class Sentences(PairData):
    """Distinct texts of one or several columns, each as a query whose document it is too (Gao et al. 2021, arXiv 2104.08821,
    section 3). One call of the encoder takes both copies, so that they meet different dropout; train with InfoNCE."""

    text: str | list[str] = "text"
    """Columns of sentences; the texts of all of them, each once."""

    def __post_init__(self):
        super().__post_init__()
        self.no_duplicates = False      # each stands in the data once, so a batch has none beside a row's own two

    def rows(self, split: str) -> PairRows:
        sheet = self.sheet(split)
        columns = [self.text] if isinstance(self.text, str) else self.text
        texts = []
        for name in columns:
            found = sheet.texts(name)
            if None in found and self.on_bad_row == "error":
                raise UserError(f"{sheet.where(found.index(None))}: column '{name}' is empty; fill it, or leave such rows out with"
                                " data.on_bad_row: skip")
            if None in found:
                notice(f"{sheet.sources[0]}: {found.count(None)} of {len(found)} rows have no '{name}'")
            texts += [text for text in found if text is not None]
        if not texts:
            raise UserError(f"{sheet.sources[0]}: no rows are left in this split (data.limit, data.validation)")
        once, _ = distinct(texts)
        return PairRows(once, [once])
