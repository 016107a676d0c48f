"""Which rows meet in a batch: batches of all processes are drawn together, and each process takes its own share.

An order is a pure function of (seed, epoch, world size), so every process computes the same one without talking, and
a resumed run only has to skip. Both classes have set_epoch, a true len(), and give batches as arrays of row numbers.
"""

import numpy as np

from lit_embed.data.notice import notice
from lit_embed.distributed import rank, world_size
from lit_embed.errors import UserError

ATTEMPTS = 4


class ShuffledBatches:
    """Every row at most once in an epoch, in a new order each epoch; the incomplete last global batch is left out."""

    def __init__(self, rows: int, batch_size: int, seed: int):
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0
        self.rank, self.world_size = rank(), world_size()
        if rows < batch_size * self.world_size:
            raise UserError(
                f"a batch of {_size(self)} is larger than the data, which has {rows} rows;"
                f" set data.batch_size to {rows // self.world_size} or less"
            )

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

    Each row goes into the first batch with room that comes after the last one holding any of its texts: one look at
    each row, however often texts repeat. What cannot be placed in a full batch is left out of the epoch. How many
    batches come out depends a little on the order, but Lightning asks for the length once: it is the least of a
    few trial epochs, and an epoch that misses it is drawn again.
    """

    def __init__(self, texts: np.ndarray, batch_size: int, seed: int):
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.rank, self.world_size = rank(), world_size()
        self.global_batch = batch_size * self.world_size
        distinct, codes = np.unique(texts, return_inverse=True)
        codes = codes.reshape(texts.shape)                                               # (N, 1 + C)
        ordered = np.sort(codes, axis=1)
        repeats_itself = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)                 # (N,) never fits
        self.usable, self.codes = np.flatnonzero(~repeats_itself), codes[~repeats_itself].tolist()
        self.distinct = len(distinct)
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

    def _pack(self, generator: np.random.Generator) -> np.ndarray:      # -> (batches, W*B) row numbers, all batches full
        last = [-1] * self.distinct              # the last batch that holds this text
        batches, onward = [[]], [0]              # rows of each batch; where to look on from a full batch
        for place in generator.permutation(len(self.codes)).tolist():
            codes = self.codes[place]
            batch = max(last[code] for code in codes) + 1
            while batch < len(onward) and onward[batch] != batch:        # hop over full batches, halving the path
                next_hop = onward[batch]
                onward[batch] = onward[next_hop] if next_hop < len(onward) else next_hop
                batch = next_hop
            while batch >= len(batches):
                onward.append(len(batches))
                batches.append([])
            batches[batch].append(place)
            if len(batches[batch]) == self.global_batch:
                onward[batch] = batch + 1
            for code in codes:
                last[code] = batch
        full = [batch for batch in batches if len(batch) == self.global_batch]
        return self.usable[np.array(full, dtype=np.int64).reshape(-1, self.global_batch)]

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


class InOrder:
    """For evaluation: every row once, each process its own part and all the same number of batches.

    With several processes the rows of an incomplete last global batch are left out (none are in a single process);
    with fewer rows than a global batch, the batch is as small as needed. `order` (N,) is any fixed order of the rows.
    """

    epoch = 0

    def __init__(self, order: np.ndarray, batch_size: int):
        self.order, self.rank, self.world_size = order, rank(), world_size()
        self.batch_size = max(1, min(batch_size, len(order) // self.world_size))

    def __len__(self) -> int:
        size = self.batch_size * self.world_size
        return -(-len(self.order) // size) if self.world_size == 1 else len(self.order) // size

    def batches(self) -> list[np.ndarray]:
        if self.world_size == 1:
            return [self.order[start : start + self.batch_size] for start in range(0, len(self.order), self.batch_size)]
        return list(_share(self, self.order[: len(self) * self.batch_size * self.world_size]))

    def __iter__(self):
        return iter(self.batches())


def _share(sampler, rows: np.ndarray) -> np.ndarray:      # rows of whole global batches -> (batches, B) of this process
    return rows.reshape(-1, sampler.world_size, sampler.batch_size)[:, sampler.rank]


def _size(sampler) -> str:
    processes = f" x {sampler.world_size} processes" if sampler.world_size > 1 else ""
    return f"{sampler.batch_size}{processes} rows"
