"""Columns of a sheet -> PairRows, every value checked: texts that are there, scores in range, classes that exist."""

import numpy as np
import pyarrow as pa

from lit_embed.batches import PairRows
from lit_embed.data.notice import notice
from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError


def scores(sheet: Sheet, column: str, low: float, high: float) -> np.ndarray:
    """The column scaled from low..high to 0..1.  -> (N,) float32, NaN where nothing is written

    Raises
        UserError   a score outside its range, or not a number, with its row
    """
    values = sheet.numbers(column)
    outside = np.flatnonzero((values < low) | (values > high))
    if len(outside):
        row = outside[0]
        raise UserError(
            f"{sheet.where(row)}, column '{column}': score {values[row]:g} is outside its range {low:g} to {high:g}"
        )
    return ((values - low) / (high - low)).astype(np.float32)


def classes(sheet: Sheet, column: str, allowed: int | list[str]) -> np.ndarray:
    """The column as class numbers; allowed = how many there are (0, 1, ...) or their names.

    -> (N,) float64, NaN where nothing is written

    Raises
        UserError   a label that is none of the classes, with its row
    """
    if isinstance(allowed, int):
        values = sheet.numbers(column)
        outside = np.flatnonzero((values < 0) | (values >= allowed) | (values % 1 > 0))
        shown, known = values.tolist(), f"0 to {allowed - 1}"
    else:
        shown, known = sheet.texts(column), ", ".join(allowed)
        numbers = {name: float(number) for number, name in enumerate(allowed)} | {None: float("nan")}
        values = np.array([numbers.get(name, -1.0) for name in shown])
        outside = np.flatnonzero(values < 0)
    if len(outside):
        row = outside[0]
        label = f"{shown[row]:g}" if isinstance(shown[row], float) else f"'{shown[row]}'"
        raise UserError(f"{sheet.where(row)}, column '{column}': label {label} is none of the classes ({known})")
    return values


def pair_rows(sheet: Sheet, query: str, document: str, on_bad_row: str, negatives: list[str] | None = None,
              labels: np.ndarray | None = None, label: str = "label", skip: str = "data.on_bad_row: skip") -> PairRows:
    """The pairs of a sheet; a row with a missing text or label is an error, or left out if on_bad_row is "skip".

    negatives   columns of one text each, or of a list of texts each
    labels      (N,) of scores() or classes(), or (N, C) of teacher_scores(), read from the column `label`
    skip        how the user asks for such rows to be left out
    """
    if query == document:
        raise UserError(f"query and document are the same column '{query}'; pairs need two")
    columns = {query: sheet.texts(query), document: sheet.texts(document)}
    for name in negatives or []:
        columns |= _negatives(sheet, name)
    missing = {name: [text is None for text in texts] for name, texts in columns.items()}
    if labels is not None:
        missing[label] = np.isnan(labels).reshape(len(labels), -1).any(axis=1)
    if not len(sheet):
        raise UserError(f"{sheet.sources[0]}: no rows are left in this split (data.limit, data.validation)")
    bad = np.array(list(missing.values())).any(axis=0)                                   # (N,)
    if bad.any() and on_bad_row == "error":
        row = int(np.flatnonzero(bad)[0])
        name = next(name for name, rows in missing.items() if rows[row])
        hint = f"fill it, or leave such rows out with {skip}"
        raise UserError(f"{sheet.where(row)}: column '{name}' is empty; {hint}")
    if bad.all():
        raise UserError(f"{sheet.sources[0]}: no row has all of {', '.join(missing)}")
    if bad.any():
        notice(f"{sheet.sources[0]}: {bad.sum()} of {len(sheet)} rows left out, their {' or '.join(missing)} is empty")
    good = np.flatnonzero(~bad)
    texts = [[column[row] for row in good] for column in columns.values()]
    if labels is not None:
        labels = labels[good].astype(np.float32 if labels.dtype == np.float32 else np.int64)
    return PairRows(texts[0], texts[1:], labels)


def _negatives(sheet: Sheet, name: str) -> dict[str, list[str | None]]:
    """One column of texts as it is; a column of lists as so many columns as every row can fill."""
    column = sheet.column(name)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return {name: sheet.texts(name)}
    lists = [[text for text in texts or [] if text and not text.isspace()] for texts in column.to_pylist()]
    fewest = min(range(len(lists)), key=lambda row: len(lists[row]))
    most = max(map(len, lists))
    if not lists[fewest]:
        return {name: [texts[0] if texts else None for texts in lists]}
    if len(lists[fewest]) < most:
        notice(f"{sheet.where(fewest)} has {len(lists[fewest])} negatives in '{name}': so many are used of every row,"
               f" though others have up to {most}")
    return {f"{name}[{i}]": [texts[i] for texts in lists] for i in range(len(lists[fewest]))}
