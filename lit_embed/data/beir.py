"""A retrieval benchmark's own training questions, from three tables with ids as BEIR and MTEB lay them out (read_beir).

    question                                                 passage that the qrels name
    0-dimensional biomaterials show inductive properties.    New opportunities: the use of nanotechnologies to ...
"""

from dataclasses import dataclass

from lit_embed.batches import PairRows
from lit_embed.data.pair_data import PairData
from lit_embed.data.read_beir import read_beir
from lit_embed.data.splits import hold_out
from lit_embed.errors import UserError


@dataclass(eq=False)
class Beir(PairData):
    """A row is a question and one passage that the qrels call relevant; a held-out question takes all of its rows along."""

    validation: float | str | None = 0.1
    """Share of the training questions held out, or name of other qrels (dev)."""

    def rows(self, split: str) -> PairRows:
        if self.path is None:
            raise UserError("Beir needs data.path: a folder with corpus, queries and qrels, or a Hub data set")
        named = {"train": "train", "validation": self.validation, "test": "test"}[split]
        found = read_beir(self.path, named if isinstance(named, str) else "train", self.on_bad_row)
        asked = range(len(found))
        if split != "test" and not isinstance(self.validation, str):
            train, validation = hold_out(len(found), self._share(), self.seed)
            asked = (train if split == "train" else validation).tolist()
        rows = [(found.questions[i], found.passages[place]) for i in asked for place in found.relevant[i]]
        return PairRows([question for question, _ in rows], [[passage for _, passage in rows]])

    def _share(self) -> float:
        share = 0.1 if self.validation is None else self.validation
        if not 0 < share < 1:
            raise UserError(f"data.validation is {share}; give a share between 0 and 1, or the name of other qrels")
        return share
