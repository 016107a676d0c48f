"""Batches for the Trainer, stopping and going on exactly where a checkpoint was written.

A plain iterable around a torch DataLoader, on purpose not a DataLoader itself: Lightning takes those apart and builds
them again with samplers of its own (for several processes, for predict), and then every process sees the same rows.
"""

from collections.abc import Iterator

import torch
from pytorch_lightning.utilities.rank_zero import rank_zero_warn
from torch.utils.data import DataLoader

from lit_embed.batches import PairBatch
from lit_embed.data.in_order import InOrder
from lit_embed.data.pair_dataset import PairDataset
from lit_embed.data.sampler import NoDuplicatesBatches, ShuffledBatches
from lit_embed.errors import UserError


class PairLoader:
    """Lightning calls sampler.set_epoch before each epoch, and state_dict / load_state_dict around a checkpoint.

    The position counts batches that were handed out, not those that workers have prepared ahead.
    """

    batch_sampler = None  # Lightning looks for it beside a sampler

    def __init__(self, pairs: PairDataset, sampler: ShuffledBatches | NoDuplicatesBatches | InOrder, num_workers=0):
        self.pairs, self.num_workers = pairs, num_workers
        self.sampler = self.batch_sampler = sampler  # Lightning looks under both names, and sets the epoch of the first
        self._position = {"epoch": 0, "batch": 0, "batches": len(sampler)}
        self._resume: dict | None = None

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[PairBatch]:
        # Being a generator, nothing below runs before the first next(). Lightning calls iter() before it restores
        # the epoch with set_epoch: a loader that started its workers here would prepare batches of the wrong epoch.
        epoch = self.sampler.epoch
        first = self._first_batch(epoch)
        self.pairs.epoch = epoch
        self._position = {"epoch": epoch, "batch": first, "batches": len(self)}
        batches = DataLoader(
            self.pairs,
            batch_sampler=list(self.sampler.batches()[first:]),
            num_workers=self.num_workers,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # its own, or each epoch would move the model's random numbers
        )
        for batch in batches:
            if isinstance(batch, UserError):     # a worker's: raised there, it would come wrapped in a page of traceback
                raise batch
            self._position["batch"] += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        return dict(self._resume or self._position)

    def load_state_dict(self, state: dict[str, int]) -> None:
        self._resume = dict(state)

    def _first_batch(self, epoch: int) -> int:
        # A checkpoint of the end of an epoch is resumed in the next one, which starts at its beginning.
        state, self._resume = self._resume, None
        if state is None or state["epoch"] != epoch:
            return 0
        if state["batches"] != len(self):
            rank_zero_warn(
                f"the checkpoint was written with {state['batches']} batches in an epoch, now there are {len(self)}"
                " (other data, batch size or number of processes): this epoch goes on, but with other rows"
            )
        return state["batch"]


def _as_it_is(batch: PairBatch) -> PairBatch:
    return batch
