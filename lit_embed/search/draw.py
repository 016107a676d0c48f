"""Random draws that are functions of numbers alone: a resumed run, a worker and another process all draw the same."""

import numpy as np


def mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64 (https://prng.di.unimi.it/splitmix64.c): neighbouring numbers in, unrelated ones out.  uint64"""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def draw_others(seed: int, epoch: int, rows: np.ndarray, own: np.ndarray, total: int, count: int) -> np.ndarray:
    """For each row `count` different numbers below `total`, none its own: a function of (seed, epoch, row) alone.

    The first draws stay the same, however many follow.
    rows (B,), own (B,)  ->  (B, count)
    """
    taken = own[:, None]                                                                 # (B, 1), kept ascending
    drawn_so_far = []
    for draw in range(count):
        key = mix(mix(mix(mix(np.uint64(seed)) + np.uint64(epoch)) + np.uint64(draw)) + rows.astype(np.uint64))
        drawn = (key % np.uint64(total - 1 - draw)).astype(np.int64)                     # (B,) among those not taken
        for column in taken.T:
            drawn += drawn >= column
        drawn_so_far.append(drawn)
        taken = np.sort(np.concatenate([taken, drawn[:, None]], axis=1), axis=1)
    return np.stack(drawn_so_far, axis=1) if count else np.zeros((len(rows), 0), dtype=np.int64)
