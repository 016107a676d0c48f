"""What a data module keeps in a checkpoint: the seed of its order, and how far the loader has come."""

import os

from lit_embed.data.loader import PairLoader


class TrainingOrder:
    """Lightning restores the position of a loader by itself, but not if the module looked at
    trainer.estimated_stepping_batches before; coming through the data module as well, it is always restored.
    """

    def __init__(self):
        self._seed: int | None = None
        self._loader: PairLoader | None = None
        self._saved: dict = {}

    def seed(self, otherwise: int) -> int:
        """The seed of the order that is resumed, else the one of seed_everything, else `otherwise`."""
        self._seed = self._saved.get("order_seed", int(os.environ.get("PL_GLOBAL_SEED") or otherwise))
        return self._seed

    def loader(self, pairs, sampler, num_workers: int) -> PairLoader:
        """The loader of an epoch's batches, set to where the checkpoint was written if there is one."""
        self._loader = PairLoader(pairs, sampler, num_workers)
        if "loader" in self._saved:
            self._loader.load_state_dict(self._saved["loader"])
        self._saved = {}
        return self._loader

    def state_dict(self) -> dict:
        return {} if self._loader is None else {"order_seed": self._seed, "loader": self._loader.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self._saved = dict(state)
