"""Batches for evaluation: always the same rows in the same order, shared out evenly between processes."""

import numpy as np

from lit_embed.distributed import rank, world_size


class InOrder:
    """Every row once, each process its own part and all the same number of batches.

    With several processes the rows of an incomplete last global batch are left out (none are in a single process);
    with fewer rows than a global batch, the batch is as small as needed. `order` (N,) is any fixed order of the rows.
    """

    epoch = 0          # and no set_epoch: rows and their random negatives are the same every time

    def __init__(self, order: np.ndarray, batch_size: int):
        self.order, self.rank, self.world_size = order, rank(), world_size()
        self.batch_size = max(1, min(batch_size, len(order) // self.world_size))

    def __len__(self) -> int:
        size = self.batch_size * self.world_size
        return -(-len(self.order) // size) if self.world_size == 1 else len(self.order) // size

    def batches(self) -> list[np.ndarray]:
        if self.world_size == 1:
            return [self.order[start : start + self.batch_size] for start in range(0, len(self.order), self.batch_size)]
        whole = self.order[: len(self) * self.batch_size * self.world_size]
        return list(whole.reshape(-1, self.world_size, self.batch_size)[:, self.rank])

    def __iter__(self):
        return iter(self.batches())
