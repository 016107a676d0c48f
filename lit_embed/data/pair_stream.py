"""Pairs from files larger than memory: parquet, jsonl, csv or tsv, a folder of them, or a Hub data set.

    question                     answer                      (data.query: question, data.document: answer)
    I lost my card               Order a new one in the app.
    When does it arrive?         Within three working days.

Nothing is tokenised ahead, and `buffer` rows are in memory. A Hub data set is downloaded first and then mapped.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from lit_embed.batches import PairRows
from lit_embed.data.columns import pair_rows
from lit_embed.data.loader import PairLoader
from lit_embed.data.locate import split_names, split_source
from lit_embed.data.pair_dataset import PairDataset
from lit_embed.data.pairs import Pairs
from lit_embed.data.sheet import Sheet
from lit_embed.data.stream_blocks import Block, blocks_of, blocks_of_table, read_block
from lit_embed.data.streamed_pairs import StreamBatches, StreamedPairs
from lit_embed.errors import UserError

BLOCKS = 16             # of a buffer: its rows are from so many places of the files
REFUSED = {"no_duplicates": "is not known of rows that were not read yet; InfoNCE leaves equal texts out of the choice anyway",
           "random_negatives": "are drawn among all rows; name columns of them with data.negatives, or leave it to the batch"}


@dataclass(eq=False)
class PairStream(Pairs):
    """Pairs from columns of any name, read while training. Every row comes once an epoch, in a new order each time."""

    buffer: int = 50_000
    """Rows in memory, shuffled among each other."""
    held_out: int = 1_000
    """Training rows kept for validation, where there is no validation split."""

    def __post_init__(self):
        super().__post_init__()
        for name, why in REFUSED.items():
            if getattr(self, name):
                raise UserError(f"PairStream: data.{name} {why}")
        if self.on_bad_row == "skip":
            raise UserError("PairStream: data.on_bad_row: skip would leave processes with unequal numbers of rows; take such rows "
                            "out of the file")
        if self.buffer < 1 or self.held_out < 1:
            raise UserError(f"PairStream: data.buffer is {self.buffer} and data.held_out {self.held_out}; at least 1 row each")
        if self.validation is not None and not isinstance(self.validation, str):
            raise UserError("PairStream: data.validation names a split; how many rows are held out of a stream is data.held_out")
        self._blocks: dict[str, list[Block]] = {}
        self._tables: dict[str, pa.Table] = {}

    def rows(self, split: str) -> PairRows:
        """The rows of validation or test; those of training are never in memory together."""
        if split == "train":
            raise UserError("the training rows of a stream are never in memory together: name another split or other data")
        names = split_names(self._place(), self.name)
        blocks = self._of("test") if split == "test" and "test" in names else self._parts()[1]
        sheets = [self._sheet(block) for block in blocks]
        table = pa.concat_tables([sheet.table for sheet in sheets], promote_options="permissive")
        sources = [source for sheet in sheets for source in sheet.sources]
        places = np.repeat(np.arange(len(sheets)), [len(sheet) for sheet in sheets])
        return self._pairs_of(Sheet(table, sources, places, np.concatenate([sheet.number for sheet in sheets])))

    def pairs(self, split: str) -> PairDataset | StreamedPairs:
        if split != "train":
            return super().pairs(split)
        tokenizer, prefixes = self.tokenizing()
        key = (split, prefixes, tokenizer.fingerprint)
        if key not in self._pairs:
            alone = replace(self)                         # without the trainer: what workers are given must be small
            alone._tables = self._tables
            self._pairs[key] = StreamedPairs(self._parts()[0], alone.read, tokenizer, prefixes, self.batch_size, self.buffer,
                                             self.seed)
        return self._pairs[key]

    def read(self, block: Block) -> PairRows:
        """The rows of one block, checked as those of any sheet."""
        return self._pairs_of(self._sheet(block))

    def training(self, seed: int) -> tuple[StreamedPairs, StreamBatches]:
        pairs = self.pairs("train")
        pairs.seed = seed
        return pairs, StreamBatches(len(pairs), self.batch_size)

    def train_dataloader(self) -> PairLoader:
        if self.trainer.overfit_batches:
            raise UserError("overfit_batches repeats a few batches from memory: use lit_embed.data.Pairs with data.limit")
        return super().train_dataloader()

    def _parts(self) -> tuple[list[Block], list[Block]]:
        """The blocks of training and of validation."""
        names = split_names(self._place(), self.name)
        own = self.validation or next((name for name in self.validation_splits if name in names), None)
        if own is not None:
            return self._of("train"), self._of(own)
        return hold_out_rows(self._of("train"), self.held_out, self.seed)

    def _of(self, split: str) -> list[Block]:
        if split not in self._blocks:
            source, size = split_source(self._place(), self.name, split), max(1, self.buffer // BLOCKS)
            if isinstance(source, pa.Table):
                place = f"{self.path}/{split}"
                self._tables[place] = source
                blocks = blocks_of_table(place, source, size)
            else:
                blocks = [block for file in source for block in blocks_of(file, size)]
            self._blocks[split] = _first(blocks, self.limit)
        return self._blocks[split]

    def _sheet(self, block: Block) -> Sheet:
        negatives = [self.negatives] if isinstance(self.negatives, str) else self.negatives or []
        columns = [self.query, self.document, *negatives, *filter(None, [self.label])]
        return read_block(block, columns, self._tables.get(block.source))

    def _pairs_of(self, sheet: Sheet) -> PairRows:
        negatives = [self.negatives] if isinstance(self.negatives, str) else self.negatives
        return pair_rows(sheet, self.query, self.document, "error", negatives, self._labels(sheet), self.label or "label",
                         "a filter before training")

    def _place(self) -> str:
        if self.path is None:
            raise UserError("PairStream needs data.path: a file, a folder or a Hub data set")
        return self.path


def hold_out_rows(blocks: list[Block], count: int, seed: int) -> tuple[list[Block], list[Block]]:
    """What is left for training, and `count` rows from the beginning of a few blocks, drawn by the seed.

    Raises
        UserError   more than half of all rows
    """
    rows = sum(block.rows for block in blocks)
    if count > rows // 2:
        raise UserError(f"data.held_out: {count} of {rows} rows for validation; at most half of them can be spared")
    order, held = np.random.default_rng(seed).permutation(len(blocks)).tolist(), [0] * len(blocks)
    while (left := count - sum(held)):                 # once round is enough, unless blocks are few or short
        for place in order:
            take = min(-(-count // BLOCKS), left, blocks[place].rows - held[place])
            held[place], left = held[place] + take, left - take
    return ([block.part(take, block.rows) for block, take in zip(blocks, held) if take < block.rows],
            [block.part(0, take) for block, take in zip(blocks, held) if take])


def _first(blocks: list[Block], limit: int | None) -> list[Block]:
    found, left = [], sum(block.rows for block in blocks) if limit is None else limit
    for block in blocks:
        if left > 0:
            found.append(block.part(0, min(left, block.rows)))
            left -= block.rows
    return found
