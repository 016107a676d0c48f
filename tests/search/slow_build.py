"""A build of an index that takes its time, in a process of its own, to be killed.

    python slow_build.py OUTPUT SECONDS      SECONDS: how long a block takes; a line on standard output as each one starts
"""

import sys
import time
from pathlib import Path

import numpy as np

from lit_embed.search.build_index import Plan, build_index

COUNT, BLOCK, WIDTH = 300, 60, 6
PLAN = Plan(model="abc", model_folder="models/toy", kind="ivf")


def blocks(count: int = COUNT, block: int = BLOCK):
    for start in range(0, count, block):
        rows = range(start, min(start + block, count))
        yield [f"id{row}" for row in rows], [f"passage {row}" for row in rows]


def encode(texts: list[str]) -> np.ndarray:
    rows = np.array([int(text.split()[1]) for text in texts])
    return np.random.default_rng(0).normal(size=(10_000, WIDTH))[rows].astype(np.float32)


if __name__ == "__main__":

    def slowly(texts: list[str]) -> np.ndarray:
        print(texts[0], flush=True)
        time.sleep(float(sys.argv[2]))
        return encode(texts)

    build_index(blocks(), slowly, Path(sys.argv[1]), PLAN)
