"""Several data sets at once: each batch is of one of them, and how often each comes is a rule (mixing_rules.py).

    sets:
      sts: {class_path: lit_embed.data.Sts, init_args: {batch_size: 32}}
      nli: {class_path: lit_embed.data.Mnli, init_args: {task: triplets, batch_size: 64, no_duplicates: true}}
    mixing: {class_path: lit_embed.data.BySize, init_args: {temperature: 2}}
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import TypeVar

import numpy as np
import pytorch_lightning as pl

from lit_embed.data.loader import PairLoader
from lit_embed.data.mixed_batches import InTurn, MixedBatches, MixedPairs
from lit_embed.data.mixing_rules import BySize, EpochLength, MixingRule
from lit_embed.data.pair_data import PairData
from lit_embed.data.training_order import TrainingOrder
from lit_embed.errors import UserError

T = TypeVar("T")


@dataclass(eq=False)
class Mixture(pl.LightningDataModule):
    """Batches of several data sets. Whatever is said of one (batch_size, no_duplicates, random_negatives, prefixes,
    validation) holds for its own batches; losses.LossBySet gives each its own loss.
    """

    sets: dict[str, PairData]
    """The data sets, each under a name of your choice."""
    mixing: MixingRule | None = None
    """Which share each set has and how they alternate: BySize, ByWeights or RoundRobin; None: BySize(temperature=1)."""
    epoch_length: EpochLength = "sum"
    """sum: as many batches as the sets have together; first_exhausted: until one set has none left; all_exhausted: until
    every set has come round. A set that is drawn oftener than it has batches comes again, in another order."""
    path: str | None = None
    """Hub id or folder of the sets that have no path of their own."""
    limit: int | None = None
    """Read only the first rows of each split of every set."""
    seed: int = 42
    """Of the order, unless seed_everything gives one."""
    num_workers: int = 0
    """Processes that prepare training batches ahead, for all sets together."""

    def __post_init__(self):
        super().__init__()
        if not self.sets:
            raise UserError("Mixture: data.sets names no data set")
        for each in self.sets.values():
            each.path = self.path if each.path is None else each.path
            each.limit = min(filter(None, [each.limit, self.limit]), default=None)
        self.mixing = self.mixing or BySize()
        self._order = TrainingOrder()

    def prepare_data(self) -> None:
        self._of_each(methodcaller("prepare_data"))

    def setup(self, stage: str) -> None:
        self._of_each(methodcaller("setup", stage))
        if stage == "fit":
            self._check_losses()

    def train_dataloader(self) -> PairLoader:
        if self.trainer.overfit_batches:
            return self._in_turn("train_dataloader")
        seed = self._order.seed(self.seed)
        # Each its own: sets of equally many rows shall not come in one order.
        seeds = iter(np.random.SeedSequence(seed).generate_state(len(self.sets)).tolist())
        found = self._of_each(lambda each: each.training(next(seeds)))
        pairs = {name: pairs for name, (pairs, _) in found.items()}
        samplers = {name: sampler for name, (_, sampler) in found.items()}
        mixed = MixedBatches(samplers, self.mixing, self.epoch_length, seed)
        return self._order.loader(MixedPairs(pairs), mixed, self.num_workers)

    def val_dataloader(self) -> PairLoader:
        return self._in_turn("val_dataloader")

    def test_dataloader(self) -> PairLoader:
        return self._in_turn("test_dataloader")

    def predict_dataloader(self) -> PairLoader:
        raise UserError(f"predict writes the pairs of one data set, and this is a mixture of {', '.join(self.sets)}: give one "
                        "of them as data")

    def state_dict(self) -> dict:
        return self._order.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self._order.load_state_dict(state)

    def _in_turn(self, loader: str) -> PairLoader:
        found = self._of_each(methodcaller(loader))
        pairs = {name: each.pairs for name, each in found.items()}
        return PairLoader(MixedPairs(pairs), InTurn({name: each.sampler for name, each in found.items()}))

    def _of_each(self, ask: Callable[[PairData], T]) -> dict[str, T]:
        """The answer of each set, by its name; a user's mistake in one of them says in which."""
        found = {}
        for name, each in self.sets.items():
            each.trainer = self.trainer
            try:
                found[name] = ask(each)
            except UserError as error:
                raise UserError(f"set '{name}': {error}") from error
        return found

    def _check_losses(self) -> None:
        known = getattr(getattr(self.trainer.lightning_module, "loss", None), "sets", None)
        if known is not None and set(known) != set(self.sets):
            raise UserError(f"model.loss has losses for {', '.join(known)}, but data.sets are {', '.join(self.sets)}: name "
                            "each set in both")
