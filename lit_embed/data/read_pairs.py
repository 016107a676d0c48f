"""Pairs and the passages around them, from wherever they are: what `lit-embed mine` looks for negatives in.

Rows of a question and its passage, from a file, a folder or a Hub data set; or three tables with ids (read_beir), where
a pair is a question and one passage that the qrels call relevant, and the passages are the whole corpus.

    question                     context
    수도는 어디인가?             그 나라의 수도는 강가에 있는 도시로 ...
"""

from typing import Literal

from lit_embed.batches import PairRows
from lit_embed.data.columns import pair_rows
from lit_embed.data.locate import read_split
from lit_embed.data.read_beir import is_beir, read_beir
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError

USUAL = (("question", "context"), ("query", "document"))      # of KLUE-MRC; of what data.Pairs reads by default


def read_pairs(path: str, split: str = "train", query: str | None = None, document: str | None = None,
               name: str | None = None, on_bad_row: Literal["error", "skip"] = "error") -> tuple[PairRows, list[str]]:
    """The pairs of a split, in their order, and every passage there is, some perhaps twice.

    query, document   columns of rows; None: question and context, or query and document
    name              configuration of the data set, as in datasets.load_dataset

    Raises
        UserError   nothing there, a column or split is missing, a row is bad
    """
    if is_beir(path):
        if query or document or name:
            raise UserError(f"{path} holds a corpus, queries and qrels: there --query, --document and --name have "
                            "nothing to choose")
        found = read_beir(path, split, on_bad_row)
        pairs = [(asked, found.passages[place]) for asked, own in zip(found.questions, found.relevant) for place in own]
        return PairRows([asked for asked, _ in pairs], [[passage for _, passage in pairs]]), found.passages
    sheet = read_split(path, name, split)
    query, document = _columns(sheet, query, document)
    rows = pair_rows(sheet, query, document, on_bad_row, skip="--on-bad-row skip")
    return rows, rows.documents[0]


def _columns(sheet: Sheet, query: str | None, document: str | None) -> tuple[str, str]:
    for usual_query, usual_document in USUAL:
        names = query or usual_query, document or usual_document
        if set(names) <= set(sheet.columns) or (query and document):
            return names
    raise UserError(f"{sheet.sources[0]}: name the columns of the pairs with --query and --document; there are "
                    f"{', '.join(map(repr, sheet.columns))}")
