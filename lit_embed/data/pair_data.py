"""What every data set of pairs has in common; a new one overrides rows(split) and nothing else."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytorch_lightning as pl

from lit_embed.batches import PairRows
from lit_embed.data.in_order import InOrder
from lit_embed.data.loader import PairLoader
from lit_embed.data.notice import notice
from lit_embed.data.pair_dataset import PairDataset, pair_dataset
from lit_embed.data.sampler import NoDuplicatesBatches, ShuffledBatches
from lit_embed.data.sheet import Sheet
from lit_embed.data.splits import split_sheet
from lit_embed.data.token_store import Tokenizer, TokenStore
from lit_embed.data.training_order import TrainingOrder
from lit_embed.errors import UserError

SPLITS_OF = {"fit": ["train", "validation"], "validate": ["validation"], "test": ["test"], "predict": ["validation"]}


@dataclass(eq=False)
class PairData(pl.LightningDataModule):
    """Rows of pairs -> batches of tokens. The tokenizer and the prefixes are those of the module's encoder."""

    path: str | None = None
    """Hub id, folder or file; None: the data set's home on the Hub."""
    name: str | None = None
    """Configuration of the data set, as in datasets.load_dataset."""
    batch_size: int = 32
    """Pairs in a batch of one process."""
    limit: int | None = None
    """Read only the first rows of each split."""
    no_duplicates: bool = False
    """Let no text stand twice in a training batch of all processes together."""
    random_negatives: int = 0
    """Give each row this many documents of other rows as negatives, drawn anew each epoch."""
    validation: float | str | None = None
    """Share of the training rows held out, or name of a split; None: the validation split if there is one, else 0.1."""
    seed: int = 42
    """Of the held-out share; also of the order of batches, unless seed_everything gives one."""
    num_workers: int = 0
    """Processes that prepare batches ahead; texts are tokenised already, so none are needed as a rule."""
    on_bad_row: Literal["error", "skip"] = "error"
    """A row with an empty or missing value: stop, or leave it out and say how many."""
    cache: str | None = None
    """Folder of tokenised texts; None: the environment's LIT_EMBED_CACHE, or ~/.cache/lit_embed/tokens."""
    query_prefix: str | None = None
    """Put before each query of this data; None: the encoder's, which is what a saved model remembers."""
    document_prefix: str | None = None
    """The same for documents."""

    home: ClassVar[str | None] = None
    validation_splits: ClassVar[tuple[str, ...]] = ("validation",)

    def __post_init__(self):
        super().__init__()
        self.cache = self.cache or os.environ.get("LIT_EMBED_CACHE") or "~/.cache/lit_embed/tokens"
        self._pairs: dict[tuple, PairDataset] = {}
        self._order = TrainingOrder()

    def rows(self, split: Literal["train", "validation", "test"]) -> PairRows:
        """The pairs of a split as text: the one method a data set overrides."""
        raise NotImplementedError(f"{type(self).__name__} must define rows(split)")

    def sheet(self, split: str) -> Sheet:
        """The raw rows of a split, for rows() to make pairs of: path, name, limit and validation are dealt with."""
        return split_sheet(self, split)

    # What follows is called by the Trainer.

    def prepare_data(self) -> None:
        # On one process only. What is tokenised here is found in the cache by the others, in setup.
        for split in SPLITS_OF[self.trainer.state.fn]:
            self.pairs(split)

    def setup(self, stage: str) -> None:
        for split in SPLITS_OF[stage]:
            self.pairs(split)

    def tokenizing(self) -> tuple[Tokenizer, tuple[str, str]]:
        """The tokenizer of the module's encoder, and what is put before queries and documents."""
        encoder = getattr(self.trainer and self.trainer.lightning_module, "encoder", None)
        if encoder is None:
            raise UserError(f"{type(self).__name__} tokenises for a module that has an encoder; this run has none")
        return encoder.tokenizer, (encoder.query_prefix if self.query_prefix is None else self.query_prefix,
                                   encoder.document_prefix if self.document_prefix is None else self.document_prefix)

    def pairs(self, split: str) -> PairDataset:
        """The tokenised pairs of a split, made once for each tokenizer."""
        tokenizer, prefixes = self.tokenizing()
        key = (split, prefixes, tokenizer.fingerprint)
        if key not in self._pairs:
            rows = _first(self.rows(split), self.limit)
            if split == "train" and not len(rows):
                raise UserError("there are no training rows")
            folder = Path(self.cache).expanduser()
            self._pairs[key] = pair_dataset(rows, tokenizer, prefixes, folder, self.random_negatives, self.seed)
            tell_truncated(split, [self._pairs[key].queries, self._pairs[key].documents], tokenizer.max_length)
        return self._pairs[key]

    def training(self, seed: int) -> tuple[PairDataset, ShuffledBatches | NoDuplicatesBatches]:
        """The training pairs, and which of them meet in each batch of an epoch: an order for each seed."""
        pairs = self.pairs("train")
        pairs.seed = seed
        if self.no_duplicates:
            return pairs, NoDuplicatesBatches(pairs.identities(), self.batch_size, seed)
        return pairs, ShuffledBatches(len(pairs), self.batch_size, seed)

    def train_dataloader(self) -> PairLoader:
        if self.trainer.overfit_batches:
            return self._in_order("train", np.arange)  # the same few batches in every epoch
        return self._order.loader(*self.training(self._order.seed(self.seed)), self.num_workers)

    def val_dataloader(self) -> PairLoader:
        # Neighbouring rows are often of one source (several questions to one passage): mixed once, the same every time.
        return self._in_order("validation", np.random.default_rng(self.seed).permutation)

    def test_dataloader(self) -> PairLoader:
        return self._in_order("test", np.random.default_rng(self.seed).permutation)

    def predict_dataloader(self) -> PairLoader:
        return self._in_order("validation", np.arange)

    def state_dict(self) -> dict:
        return self._order.state_dict()

    def load_state_dict(self, state: dict) -> None:
        self._order.load_state_dict(state)

    def _in_order(self, split: str, order) -> PairLoader:
        pairs = self.pairs(split)
        return PairLoader(pairs, InOrder(order(len(pairs)), self.batch_size), self.num_workers)


def _first(rows: PairRows, limit: int | None) -> PairRows:
    labels = None if rows.labels is None else rows.labels[:limit]
    return PairRows(rows.queries[:limit], [column[:limit] for column in rows.documents], labels)


def tell_truncated(split: str, stores: list[TokenStore], max_length: int) -> None:
    for store in dict.fromkeys(stores):
        if store.truncated:
            notice(
                f"{split}: {store.truncated} of {len(store)} texts ({store.truncated / len(store):.1%}) are longer than"
                f" {max_length} tokens and are cut there (model.encoder.max_length)"
            )
