"""Which rows meet in a training batch: batches of all processes are drawn together, and each process takes its share.

An order is a pure function of (seed, epoch, world size), so every process computes the same one without talking, and
a resumed run only has to skip. Both classes have set_epoch, a true len(), and give batches as arrays of row numbers.
"""

import numpy as np

from lit_embed.data.notice import notice
from lit_embed.data.packing import pack
from lit_embed.distributed import rank, world_size
from lit_embed.errors import UserError

ATTEMPTS = 4


class ShuffledBatches:
    """Every row at most once in an epoch, in a new order each epoch; the incomplete last global batch is left out."""

    def __init__(self, rows: int, batch_size: int, seed: int):
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0
        self.rank, self.world_size = rank(), world_size()
        refuse_larger_than_data(self, rows)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.rows // (self.batch_size * self.world_size)

    def batches(self) -> np.ndarray:
        """This process's share of every batch of the epoch.  -> (batches, B)"""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        return _share(self, order[: len(self) * self.batch_size * self.world_size])

    def __iter__(self):
        return iter(self.batches())


class NoDuplicatesBatches:
    """As ShuffledBatches, and no text, query or document, stands twice in a batch of all processes together.

    texts   (N, 1 + C)   the identity of every text of each row

    What cannot be placed in a full batch is left out of the epoch. How many batches come out depends a little on the
    order, but Lightning asks for the length once: it is the least of a few trial epochs, and an epoch that misses it
    is drawn again.
    """

    def __init__(self, texts: np.ndarray, batch_size: int, seed: int):
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.rank, self.world_size = rank(), world_size()
        self.global_batch = batch_size * self.world_size
        refuse_larger_than_data(self, len(texts))
        distinct, codes = np.unique(texts, return_inverse=True)
        codes = codes.reshape(texts.shape)                                               # (N, 1 + C)
        ordered = np.sort(codes, axis=1)
        repeats_itself = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)                 # (N,) never fits
        self.usable, self.codes = np.flatnonzero(~repeats_itself), codes[~repeats_itself].tolist()
        self.distinct, self.nothing_repeats = len(distinct), len(distinct) == texts.size
        self._refuse_too_few(codes[~repeats_itself])
        self.packed = self._trial()                                                      # (batches, W*B)
        self._tell(len(texts), len(texts) - len(self.usable))

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.packed)

    def batches(self) -> np.ndarray:
        """This process's share of every batch of the epoch.  -> (batches, B)"""
        return _share(self, self._epoch_rows())

    def __iter__(self):
        return iter(self.batches())

    def _trial(self) -> np.ndarray:
        trials = []
        for attempt in range(ATTEMPTS):
            trials.append(self._pack(np.random.default_rng([self.seed, attempt, 1])))
            if len(trials[0]) == len(self.usable) // self.global_batch:
                break  # texts repeat so little that nothing is lost
        return min(trials, key=len)

    def _epoch_rows(self) -> np.ndarray:
        for attempt in range(ATTEMPTS):
            rows = self._pack(np.random.default_rng([self.seed, self.epoch, attempt, 2]))
            if len(rows) >= len(self):
                return rows[: len(self)]
        # Rare: keep the batches that are known to fit, in a new order.
        return np.random.default_rng([self.seed, self.epoch]).permutation(self.packed)

    def _pack(self, generator: np.random.Generator) -> np.ndarray:      # -> (batches, W*B) row numbers, none missing
        order = generator.permutation(len(self.codes))
        if self.nothing_repeats:
            full = order[: len(order) // self.global_batch * self.global_batch].reshape(-1, self.global_batch)
        else:
            full = pack(order, self.codes, self.distinct, self.global_batch)
        return self.usable[full]

    def _refuse_too_few(self, codes: np.ndarray) -> None:
        fewest = min((len(np.unique(column)) for column in codes.T), default=0) if len(codes) else 0
        if fewest < self.global_batch:
            raise UserError(
                f"no batch of {_size(self)} without a repeated text can be made: a column has only {fewest} distinct"
                f" texts; set data.batch_size to {fewest // self.world_size} or less, or data.no_duplicates to false"
            )

    def _tell(self, rows: int, never: int) -> None:
        if not len(self):
            raise UserError(
                f"no batch of {_size(self)} without a repeated text can be made: the {rows} rows share too many texts;"
                " set a smaller data.batch_size, or data.no_duplicates to false"
            )
        if never:
            notice(f"no_duplicates: {never} of {rows} rows hold the same text twice and never fit in a batch")
        left = rows - never - len(self) * self.global_batch
        if left >= self.global_batch:
            notice(f"no_duplicates: {len(self)} batches of {self.global_batch}; {left} of {rows} rows are left out of"
                   " each epoch (others each time), because their texts repeat too often")


def refuse_larger_than_data(sampler, rows: int) -> None:
    if rows < sampler.batch_size * sampler.world_size:
        raise UserError(
            f"a batch of {_size(sampler)} is larger than the training data, which has {rows} rows;"
            f" set data.batch_size to {rows // sampler.world_size} or less"
        )


def _share(sampler, rows: np.ndarray) -> np.ndarray:      # rows of whole global batches -> (batches, B) of this process
    return rows.reshape(-1, sampler.world_size, sampler.batch_size)[:, sampler.rank]


def _size(sampler) -> str:
    processes = f" on each of {sampler.world_size} processes" if sampler.world_size > 1 else ""
    return f"{sampler.batch_size} rows{processes}"
