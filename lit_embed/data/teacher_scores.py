"""What a teacher said of each choice of each row: columns of numbers, or of lists of numbers, side by side.

    query       document        negatives           teacher_scores      (or positive_score   negative_scores)
    who won?    the cat won     [a dog, a mat]      [7.1, 0.3, -4.0]        7.1              [0.3, -4.0]
"""

import numpy as np
import pyarrow as pa

from lit_embed.data.sheet import Sheet
from lit_embed.errors import UserError


def teacher_scores(sheet: Sheet, columns: list[str]) -> np.ndarray:
    """The columns next to each other, every row with as many numbers.  -> (N, C) float32, NaN where nothing is written

    Raises
        UserError   a value that is not a number, or a list of another length than the others, with file, row and column
    """
    return np.concatenate([_numbers(sheet, name) for name in columns], axis=1).astype(np.float32)


def _numbers(sheet: Sheet, name: str) -> np.ndarray:                                     # -> (N, c) float64
    column = sheet.column(name)
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return sheet.numbers(name)[:, None]
    if not _are_numbers(column.type.value_type):
        raise UserError(f"{sheet.where(0)}, column '{name}': holds {column.type}, not lists of numbers")
    lists = column.to_pylist()
    count = next((len(scores) for scores in lists if scores), 0)
    for row, scores in enumerate(lists):
        if scores and len(scores) != count:
            raise UserError(f"{sheet.where(row)}, column '{name}': {len(scores)} scores, where other rows have {count}: give "
                            "every row as many negatives, and a score each")
    return np.array([scores or [None] * count for scores in lists], dtype=np.float64).reshape(len(lists), count)


def _are_numbers(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
