"""Questions, passages and judgements in three tables with ids: the layout of BEIR, of MTEB on the Hub, and flat files.

corpus     _id         title                     text
           31715818    New opportunities: ...    One of the main challenges in ...
queries    _id         text
           1           0-dimensional biomaterials show inductive properties.
qrels      query-id    corpus-id    score
           1           31715818     1               (0 = judged, and wrong)

Flat: corpus.jsonl, queries.jsonl, qrels_test.jsonl (or parquet, csv, tsv). BEIR: qrels/test.tsv. MTEB: folders,
corpus/corpus.parquet, queries/queries.parquet, default/test.parquet, or configurations of these names on the Hub.
"""

import math
from pathlib import Path
from typing import Literal

from lit_embed.data.locate import config_names, read_split, split_names
from lit_embed.data.notice import notice
from lit_embed.data.read_file import READERS, read_file
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError
from lit_embed.search.questions import RetrievalSet

SKIP = "or leave such rows out with --on-bad-row skip"


def is_beir(path: str) -> bool:
    """Whether there are tables of questions and of passages; otherwise the path holds pairs."""
    folder = Path(path).expanduser()
    if folder.is_file():
        return False
    if folder.is_dir() and (_files(folder, "corpus") or _files(folder, "queries")):
        return True
    return {"corpus", "queries"} <= set(config_names(path))


def read_beir(path: str, split: str = "test", on_bad_row: Literal["error", "skip"] = "error") -> RetrievalSet:
    """The questions that have a right passage in the qrels of `split`, against the whole corpus.

    Raises
        UserError   a table or column is missing, an id is there twice or unknown, a text is empty, nothing is relevant
    """
    corpus = _texts(_table(path, "corpus"), on_bad_row)
    queries = _texts(_table(path, "queries"), on_bad_row)
    place_of = {identity: place for place, identity in enumerate(corpus)}
    relevant = _relevant(_qrels(path, split), queries, place_of, on_bad_row)
    answered = {identity: own for identity, own in relevant.items() if own}
    if not answered:
        raise UserError(f"{path}: no question has a passage with a score above 0 in the qrels of {split}")
    if left_out := len(queries) - len(answered):
        notice(f"{path}: {left_out} of {len(queries)} questions have no relevant passage in {split} and are left out")
    if twins := len(corpus) - len(set(corpus.values())):
        notice(f"{path}: {twins} of {len(corpus)} passages have the text of another; right are those the qrels name")
    return RetrievalSet(list(answered), [queries[identity] for identity in answered], list(corpus),
                        list(corpus.values()), list(answered.values()), left_out)


def _files(folder: Path, part: str) -> list[Path]:
    """part.parquet, or all files of the folder part/; the first extension there is."""
    for end in READERS:
        if (folder / f"{part}{end}").is_file():
            return [folder / f"{part}{end}"]
        if found := sorted((folder / part).glob(f"*{end}")):
            return found
    return []


def _table(path: str, part: str) -> Sheet:
    folder = Path(path).expanduser()
    if folder.is_dir() and (files := _files(folder, part)):
        return Sheet.of([(str(file), read_file(file)) for file in files])
    if part not in config_names(path):
        raise UserError(f"{path}: no {part}; a file {part}.parquet, {part}.jsonl or the like belongs beside the others")
    names = split_names(path, part)
    return read_split(path, part, part if part in names else names[0])


def _qrels(path: str, split: str) -> Sheet:
    folder, found = Path(path).expanduser(), {}
    for file in sorted([*folder.glob("qrels*"), *(file for part in ("qrels", "default", "data")
                                                  for file in (folder / part).glob("*"))]):
        if file.suffix in READERS:               # qrels_test.tsv, qrels/test.tsv, data/test-00000-of-00001.parquet
            name = file.stem.removeprefix("qrels").lstrip("_.-").split("-")[0] or "test"
            found.setdefault(name, []).append(file)
    if split in found:
        end = found[split][0].suffix
        return Sheet.of([(str(file), read_file(file)) for file in found[split] if file.suffix == end])
    configs = [] if found else config_names(path)
    name = next((name for name in ("default", "qrels") if "corpus" in configs and name in configs), None)
    if name is None:
        there = f"those of {', '.join(found)} are" if found else "none are"
        raise UserError(f"{path}: no qrels of '{split}' (qrels_{split}.parquet or qrels/{split}.tsv, which say what "
                        f"answers what); {there} there (--split)")
    return read_split(path, name, split)


def _texts(sheet: Sheet, on_bad_row: str) -> dict[str, str]:
    """Text by id, in the order of reading; a title goes before its text with a space between, as in BEIR."""
    key = "id" if "id" in sheet.columns and "_id" not in sheet.columns else "_id"
    ids, texts = sheet.texts(key), sheet.texts("text")
    if "title" in sheet.columns:
        texts = [" ".join(filter(None, both)).strip() for both in zip(sheet.texts("title"), texts)]
    rows: dict[str, int] = {}
    for row, (identity, text) in enumerate(zip(ids, texts)):
        if identity in rows:
            raise UserError(f"{sheet.where(row)}: {key} '{identity}' is that of row {sheet.number[rows[identity]]} too;"
                            " every id stands for one text")
        if (identity and text) or on_bad_row == "skip":
            rows[identity] = row
            continue
        raise UserError(f"{sheet.where(row)}: column '{'text' if identity else key}' is empty; fill it, {SKIP}")
    good = {identity: texts[row] for identity, row in rows.items() if identity and texts[row]}
    if not good:
        raise UserError(f"{sheet.sources[0]}: no row has a text")
    if len(good) < len(sheet):
        notice(f"{sheet.sources[0]}: {len(sheet) - len(good)} of {len(sheet)} rows left out, their id or text is empty")
    return good


def _relevant(sheet: Sheet, queries: dict[str, str], place_of: dict[str, int],
              on_bad_row: str) -> dict[str, dict[int, float]]:
    """For each question the places of its right passages with their grades, from rows of (query, passage, score)."""
    asked, named = sheet.texts("query-id"), sheet.texts("corpus-id")
    scores = sheet.numbers("score").tolist()
    judged: dict[str, dict[int, float]] = {identity: {} for identity in queries}
    bad = 0
    for row, (query, passage, score) in enumerate(zip(asked, named, scores)):
        wrong = _wrong(query, passage, score, queries, place_of)
        if not wrong and judged[query].setdefault(place_of[passage], score) != score:
            wrong = f"question '{query}' and passage '{passage}' have another score in a row before"
        if wrong and on_bad_row == "error":
            raise UserError(f"{sheet.where(row)}: {wrong}; correct it, {SKIP}")
        bad += bool(wrong)
    if bad:
        notice(f"{sheet.sources[0]}: {bad} of {len(sheet)} rows left out, with an id that is unknown or no score")
    return {query: {place: score for place, score in own.items() if score > 0} for query, own in judged.items()}


def _wrong(query: str | None, passage: str | None, score: float, queries: dict, place_of: dict) -> str | None:
    if query not in queries:
        return f"query-id '{query}' is no id of the queries" if query else "column 'query-id' is empty"
    if passage not in place_of:
        return f"corpus-id '{passage}' is no id of the corpus" if passage else "column 'corpus-id' is empty"
    return None if math.isfinite(score) else "column 'score' is empty"
