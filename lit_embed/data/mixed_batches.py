"""Batches of several data sets, each batch of one: all processes take the same set in the same step.

So the negatives of one set never meet another's, and what processes gather has one shape.
"""

from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from lit_embed.batches import PairBatch
from lit_embed.data.mixing_rules import EpochLength, MixingRule, batches_of_epoch
from lit_embed.errors import UserError


class Draw(NamedTuple):
    """One batch: `rows` of the set `source`, with the random negatives of its `epoch`."""

    source: str
    epoch: int
    rows: np.ndarray


class MixedBatches:
    """The training batches of an epoch: a function of (seed, epoch, world size), like those of each set.

    Each set comes round by itself, in a new order each time, and goes on in the next epoch of the mixture where this
    one ended: a set of which an epoch takes a tenth has shown each of its rows once after ten.

    samplers   of each set, with set_epoch, len() and batches()
    """

    def __init__(self, samplers: dict, mixing: MixingRule, length: EpochLength, seed: int):
        self.samplers, self.mixing, self.seed, self.epoch = samplers, mixing, seed, 0
        sizes = {name: len(sampler) for name, sampler in samplers.items()}
        shares = mixing.shares(sizes)                                                    # (K,)
        self.counts = batches_of_epoch(shares, np.array(list(sizes.values())), length)   # (K,)
        for name, share, count in zip(samplers, shares, self.counts):
            if not count:
                raise UserError(f"the set '{name}' has {share:.3%} of {self.counts.sum()} batches and so not one in an epoch: "
                                "give it a larger share (data.mixing), or set data.epoch_length: all_exhausted")

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return int(self.counts.sum())

    def batches(self) -> list[Draw]:
        """This process's share of every batch of the epoch."""
        order = self.mixing.order(self.counts, np.random.default_rng([self.seed, self.epoch]))      # (N,)
        queues = [self._of_one(name, int(count)) for name, count in zip(self.samplers, self.counts)]
        return [next(queues[number]) for number in order]

    def _of_one(self, name: str, count: int):
        """The next `count` batches of a set, from where the epochs before have left it."""
        sampler = self.samplers[name]
        first, size = self.epoch * count, len(sampler)
        for own_epoch in range(first // size, (first + count - 1) // size + 1):
            sampler.set_epoch(own_epoch)
            start, stop = (min(max(place - own_epoch * size, 0), size) for place in (first, first + count))
            yield from (Draw(name, own_epoch, rows) for rows in sampler.batches()[start:stop])


class InTurn:
    """The batches of evaluation: one of each set after the other, so that `limit_val_batches` looks at all of them."""

    epoch = 0

    def __init__(self, samplers: dict):
        self.samplers = samplers

    def __len__(self) -> int:
        return sum(map(len, self.samplers.values()))

    def batches(self) -> list[Draw]:
        turns = [(turn, Draw(name, 0, rows)) for name, sampler in self.samplers.items()
                 for turn, rows in enumerate(sampler.batches())]
        return [draw for _, draw in sorted(turns, key=lambda each: each[0])]             # stable: sets in their order


class MixedPairs(Dataset):
    """The pairs of all sets; a Draw in, one PairBatch out, which names its set."""

    epoch = 0                     # of the mixture, set by the loader; the sets' own come with each Draw

    def __init__(self, pairs: dict):
        self.pairs = pairs

    def __len__(self) -> int:
        return sum(map(len, self.pairs.values()))

    def __getitems__(self, draw: Draw) -> PairBatch:
        pairs = self.pairs[draw.source]
        pairs.epoch = draw.epoch
        batch = pairs.__getitems__(draw.rows)
        batch.source = draw.source
        return batch
