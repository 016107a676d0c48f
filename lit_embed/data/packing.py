"""Rows into batches of one size in which no text repeats: one look at each row, however often texts repeat."""

import numpy as np


def pack(order: np.ndarray, codes: list[list[int]], texts: int, size: int) -> np.ndarray:
    """Each row goes into the first batch with room that comes after the last one holding any of its texts.

    order     (N,)  row numbers, in the order in which they are placed
    codes     the texts of each row, numbered 0 to texts - 1, none twice in a row
    returns   (batches, size)  the rows of every batch that was filled
    """
    last = [-1] * texts                  # the last batch that holds this text
    batches, onward = [[]], [0]          # rows of each batch; itself while it has room, then where to look on
    for row in order.tolist():
        batch = max(last[code] for code in codes[row]) + 1
        while batch < len(onward) and onward[batch] != batch:            # hop over full batches, halving the path
            next_hop = onward[batch]
            if next_hop < len(onward):
                onward[batch] = onward[next_hop]
            batch = next_hop
        while batch >= len(batches):
            onward.append(len(batches))
            batches.append([])
        batches[batch].append(row)
        if len(batches[batch]) == size:
            onward[batch] = batch + 1
        for code in codes[row]:
            last[code] = batch
    full = [batch for batch in batches if len(batch) == size]
    return np.array(full, dtype=np.int64).reshape(-1, size)
