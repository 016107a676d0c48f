"""Training pairs that pass through memory: a buffer of rows at a time, shuffled, tokenised batch by batch.

An epoch visits the blocks of the files in a new order. As many blocks as fill a buffer are read and their rows mixed;
the rows of all buffers, one after the other, are the epoch's order. It is a function of (seed, epoch) alone: whoever
asks for the rows from some place on reads one buffer and nothing before it. So a resumed run only has to jump, and
processes and workers take their batches out of the same order without talking. Each of them reads every buffer.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_embed.batches import PairBatch, PairRows, Tokens, text_ids
from lit_embed.data.sampler import refuse_larger_than_data
from lit_embed.data.stream_blocks import Block
from lit_embed.data.token_store import Tokenizer
from lit_embed.distributed import rank, world_size
from lit_embed.errors import UserError


class StreamBatches:
    """Where in the epoch's order each batch of this process begins; an incomplete last global batch is left out."""

    epoch = 0

    def __init__(self, rows: int, batch_size: int):
        self.rows, self.batch_size, self.rank, self.world_size = rows, batch_size, rank(), world_size()
        refuse_larger_than_data(self, rows)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.rows // (self.batch_size * self.world_size)

    def batches(self) -> range:
        step = self.batch_size * self.world_size
        return range(self.rank * self.batch_size, len(self) * step, step)

    def __iter__(self):
        return iter(self.batches())


class StreamedPairs(Dataset):
    """N rows in blocks; the place of a batch in an epoch's order in, one PairBatch out.

    read          a block -> its rows
    buffer        rows that are in memory and mixed with each other, more or less
    epoch, seed   of the order; the loader sets the epoch
    """

    def __init__(self, blocks: list[Block], read: Callable[[Block], PairRows], tokenizer: Tokenizer,
                 prefixes: tuple[str, str], batch_size: int, buffer: int, seed: int):
        self.blocks, self.read, self.tokenizer, self.prefixes = blocks, read, tokenizer, prefixes
        self.batch_size, self.buffer, self.seed, self.epoch = batch_size, buffer, seed, 0
        self.sizes = np.array([block.rows for block in blocks])                          # (K,)
        self._order: tuple[tuple[int, int], list[np.ndarray], np.ndarray] | None = None
        self._in_memory: tuple[tuple[int, int, int], PairRows] | None = None

    def __len__(self) -> int:
        return int(self.sizes.sum())

    @property
    def choices(self) -> int:
        """Documents of each row: C, as the first row has it."""
        return len(self.rows(0, 1).documents)

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of the first rows, for whoever checks what kind they are."""
        return self.rows(0, min(self.buffer, len(self))).labels

    def __getitems__(self, start: int) -> PairBatch:
        rows = self.rows(start, start + self.batch_size)
        return PairBatch(
            queries=self._tokens(rows.queries, self.prefixes[0]),
            documents=self._tokens([text for choices in zip(*rows.documents) for text in choices], self.prefixes[1]),
            labels=None if rows.labels is None else torch.from_numpy(rows.labels),
            query_ids=torch.from_numpy(text_ids(rows.queries).copy()),
            document_ids=torch.from_numpy(np.stack([text_ids(column) for column in rows.documents], axis=1)),
        )

    def rows(self, start: int, stop: int) -> PairRows:
        """Rows `start` to `stop` - 1 of the epoch's order."""
        (buffers, ends), parts = self._buffers(), []
        while start < stop:
            number = int(np.searchsorted(ends, start, side="right"))
            begin = int(ends[number - 1]) if number else 0
            rows = self._rows_of_buffer(number, buffers[number])
            parts.append(_slice(rows, start - begin, stop - begin))
            start = int(ends[number])
        return _joined(parts)

    def _buffers(self) -> tuple[list[np.ndarray], np.ndarray]:
        """The blocks of each buffer of the epoch, every block once, and where in the order each buffer ends."""
        key = (self.seed, self.epoch)
        if self._order is None or self._order[0] != key:
            order = np.random.default_rng(key).permutation(len(self.blocks))
            ends = np.cumsum(self.sizes[order])                                          # (K,)
            last = np.append(np.flatnonzero(np.diff((ends - 1) // self.buffer)), len(order) - 1)     # block of each buffer
            self._order = key, np.split(order, last[:-1] + 1), ends[last]
        return self._order[1:]

    def _rows_of_buffer(self, number: int, blocks: np.ndarray) -> PairRows:
        key = (self.seed, self.epoch, number)
        if self._in_memory is None or self._in_memory[0] != key:
            self._in_memory = None                                                       # never two of them
            rows = _joined([self.read(self.blocks[block]) for block in blocks])
            order = np.random.default_rng([*key, 1]).permutation(len(rows))
            self._in_memory = key, _taken(rows, order)
        return self._in_memory[1]

    def _tokens(self, texts: list[str], prefix: str) -> Tokens:
        ids, lengths, _ = self.tokenizer.tokenize(texts, prefix)
        return Tokens(torch.from_numpy(ids).long(), torch.from_numpy(lengths).long())


def _slice(rows: PairRows, start: int, stop: int) -> PairRows:
    labels = None if rows.labels is None else rows.labels[start:stop]
    return PairRows(rows.queries[start:stop], [column[start:stop] for column in rows.documents], labels)


def _taken(rows: PairRows, order: np.ndarray) -> PairRows:
    labels = None if rows.labels is None else rows.labels[order]
    return PairRows([rows.queries[i] for i in order], [[column[i] for i in order] for column in rows.documents], labels)


def _joined(parts: list[PairRows]) -> PairRows:
    """One after the other.

    Raises
        UserError   a block whose lists of negatives are shorter than another's
    """
    choices = {len(part.documents) for part in parts}
    if len(choices) > 1:
        raise UserError("data.negatives: the lists in one part of the stream are longer than in another; in a stream every row "
                        "needs as many")
    labels = None if parts[0].labels is None else np.concatenate([part.labels for part in parts])
    return PairRows([text for part in parts for text in part.queries],
                    [[text for part in parts for text in part.documents[i]] for i in range(choices.pop())], labels)
