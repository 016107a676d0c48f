"""Questions and the passages that answer them, from wherever they are: what `lit-embed evaluate` asks.

Three tables with ids (read_beir), or rows of a question and its passage: a file, a folder or a Hub data set with
columns as in KLUE-MRC, or with columns of any name.

    question                     context
    수도는 어디인가?             그 나라의 수도는 강가에 있는 도시로 ...
    다리는 언제 지어졌나?        그 나라의 수도는 강가에 있는 도시로 ...   (one passage, though it stands in two rows)
"""

from typing import Literal

import numpy as np

from lit_embed.batches import PairRows
from lit_embed.data.locate import read_split, split_names
from lit_embed.data.notice import notice
from lit_embed.data.read_beir import SKIP, is_beir, read_beir
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError
from lit_embed.search.questions import RetrievalSet
from lit_embed.search.retrieval import retrieval_task

QUESTION, PASSAGE = "question", "context"       # the columns of KLUE-MRC


def read_retrieval_set(path: str, split: str | None = None, query: str | None = None, document: str | None = None,
                       questions: int | None = None, seed: int = 42, name: str | None = None,
                       corpus: list[str] | None = None, on_bad_row: Literal["error", "skip"] = "error") -> RetrievalSet:
    """The questions of one split, and what answers them.

    split              None: of three tables the qrels of test; of rows the validation split, or test, or what there is
    query, document    columns of rows: None means those of KLUE-MRC, question and context
    questions, seed    ask so many only, drawn as datasets' train_test_split(test_size=questions, seed=seed) draws its
                       test split; equal questions are one, so that there may be fewer
    name               configuration of the data set, as in datasets.load_dataset
    corpus             of rows: the splits whose passages are searched, None for all, ["asked"] for the passages of the
                       drawn questions alone
    on_bad_row         a row with an empty or unknown value: stop, or leave it out and say how many

    Raises
        UserError   nothing there, a column or split is missing, a row is bad, nothing answers any question
    """
    if questions is not None and questions < 1:
        raise UserError(f"--questions {questions}: ask one question at least")
    if is_beir(path):
        if query or document or corpus or name:
            raise UserError(f"{path} holds a corpus, queries and qrels: there --query, --document, --corpus and --name "
                            "have nothing to choose")
        found = read_beir(path, split or "test", on_bad_row)
        return found if questions is None or _too_many(questions, len(found), path) else found.sample(questions, seed)
    sheet = read_split(path, name, split or _usual(split_names(path, name)))
    columns = _columns(sheet, query, document)
    if questions is not None and not _too_many(questions, len(sheet), path):
        sheet = sheet.take(np.sort(np.random.default_rng(seed).permutation(len(sheet))[:questions]))
    asked = _pairs(sheet, columns, on_bad_row)
    found = RetrievalSet.of_task(retrieval_task(asked, _corpus(path, name, corpus, columns, asked, on_bad_row)))
    if not len(found):
        raise UserError(f"{path}: none of the questions has its passage in the corpus ({', '.join(corpus)})")
    if found.left_out:
        notice(f"{path}: {found.left_out} questions have no relevant passage in the corpus and are left out")
    return found


def _usual(names: list[str]) -> str:
    return next((name for name in ("validation", "test") if name in names), names[0])


def _columns(sheet: Sheet, query: str | None, document: str | None) -> tuple[str, str]:
    missing = [usual for given, usual in ((query, QUESTION), (document, PASSAGE))
               if given is None and usual not in sheet.columns]
    if missing:
        raise UserError(f"{sheet.sources[0]}: no column '{missing[0]}'; name the columns of questions and passages "
                        f"with --query and --document, there are {', '.join(map(repr, sheet.columns))}")
    query, document = query or QUESTION, document or PASSAGE
    if query == document:
        raise UserError(f"--query and --document are the same column '{query}'")
    return query, document


def _too_many(questions: int, there: int, path: str) -> bool:
    if questions > there:
        notice(f"{path}: there are {there} questions, not {questions}: all are asked")
    return questions >= there


def _pairs(sheet: Sheet, columns: tuple[str, str], on_bad_row: str) -> PairRows:
    texts = {name: sheet.texts(name) for name in columns}
    bad = np.array([[text is None for text in own] for own in texts.values()]).any(axis=0)         # (N,)
    if bad.any() and on_bad_row == "error":
        row = int(bad.argmax())
        empty = next(name for name, own in texts.items() if own[row] is None)
        raise UserError(f"{sheet.where(row)}: column '{empty}' is empty; fill it, {SKIP}")
    if bad.all():
        raise UserError(f"{sheet.sources[0]}: no row has both {' and '.join(columns)}")
    if bad.any():
        notice(f"{sheet.sources[0]}: {bad.sum()} of {len(sheet)} rows left out, a text is empty")
    queries, documents = ([text for text, wrong in zip(own, bad) if not wrong] for own in texts.values())
    return PairRows(queries, [documents])


def _corpus(path: str, name: str | None, corpus: list[str] | None, columns: tuple[str, str], asked: PairRows,
            on_bad_row: str) -> list[PairRows]:
    """The rows whose passages are searched."""
    if corpus == ["asked"]:
        return [asked]
    return [_pairs(read_split(path, name, split), columns, on_bad_row) for split in corpus or split_names(path, name)]
