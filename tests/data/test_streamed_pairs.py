"""An order that anybody can enter anywhere: every row once an epoch, mixed within buffers, one buffer in memory."""

import numpy as np
import pytest
from toy_words import WordTokenizer, unpack

from lit_embed.batches import PairRows, text_ids
from lit_embed.data.stream_blocks import Block
from lit_embed.data.streamed_pairs import StreamBatches, StreamedPairs
from lit_embed.errors import UserError

SIZES = [4, 4, 4, 3, 4, 4, 2, 4, 4, 4]                             # 37 rows


class Reader:
    """Rows that bear their numbers; remembers which blocks were read."""

    def __init__(self, negatives=0, labels=False):
        self.negatives, self.labels, self.read = negatives, labels, []

    def __call__(self, block):
        self.read.append(block.place)
        numbers = range(block.first, block.first + block.rows)
        columns = [[f"{kind} {i}" for i in numbers] for kind in ["document", *(f"wrong {n}" for n in range(self.negatives))]]
        labels = np.array(numbers, dtype=np.float32) if self.labels else None
        return PairRows([f"query {i}" for i in numbers], columns, labels)


def streamed(reader=None, batch_size=4, buffer=12, epoch=0, seed=5) -> StreamedPairs:
    blocks = [Block("file", i, 0, size, sum(SIZES[:i])) for i, size in enumerate(SIZES)]
    pairs = StreamedPairs(blocks, reader or Reader(), WordTokenizer(), ("", ""), batch_size, buffer, seed)
    pairs.epoch = epoch
    return pairs


def numbers(rows: PairRows) -> list[int]:
    return [int(query.split()[1]) for query in rows.queries]


def test_every_row_comes_once_an_epoch_and_epochs_differ_and_repeat():
    epochs = [numbers(streamed(epoch=epoch).rows(0, 37)) for epoch in (0, 1, 0)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(37))
    assert epochs[0] == epochs[2] != epochs[1] != numbers(streamed(seed=6, epoch=1).rows(0, 37))


def test_any_piece_of_the_order_is_the_same_however_it_is_asked_for():
    whole = numbers(streamed().rows(0, 37))
    for start, stop in ((0, 4), (9, 14), (11, 36), (36, 37)):
        assert numbers(streamed().rows(start, stop)) == whole[start:stop]


def test_to_begin_in_the_middle_reads_one_buffer_and_nothing_before():
    reader = Reader()
    pairs = streamed(reader)
    batches = [pairs.__getitems__(start) for start in StreamBatches(37, 4).batches()[-2:]]
    assert len(reader.read) <= 7 and len(batches) == 2             # at most two buffers of about three blocks


def test_every_block_is_read_once_an_epoch():
    reader = Reader()
    pairs = streamed(reader)
    for start in StreamBatches(37, 4).batches():
        pairs.__getitems__(start)
    assert sorted(reader.read) == list(range(10))


def test_rows_of_a_buffer_come_from_several_blocks_and_are_mixed():
    first = numbers(streamed(buffer=16).rows(0, 12))
    starts = np.searchsorted(np.cumsum(SIZES), first, side="right")
    assert len(set(starts)) > 2 and first != sorted(first)


def test_processes_share_every_batch_out_and_their_batches_are_those_of_one():
    pairs, one = streamed(batch_size=4), streamed(batch_size=8)
    shares = []
    for rank in (0, 1):
        sampler = StreamBatches(37, 4)
        sampler.rank, sampler.world_size = rank, 2
        shares.append([pairs.__getitems__(start).query_ids.tolist() for start in sampler.batches()])
    assert len(shares[0]) == len(shares[1]) == len(StreamBatches(37, 8)) == 4
    whole = [one.__getitems__(start).query_ids.tolist() for start in StreamBatches(37, 8).batches()]
    assert [first + second for first, second in zip(*shares)] == whole
    assert len({row for batch in whole for row in batch}) == 32


def test_a_batch_has_the_texts_their_identities_and_their_labels():
    pairs = streamed(Reader(negatives=2, labels=True))
    rows, batch = pairs.rows(4, 8), pairs.__getitems__(4)
    assert batch.query_ids.tolist() == text_ids(rows.queries).tolist() and batch.labels.tolist() == numbers(rows)
    texts = [column[i] for i in range(4) for column in rows.documents]
    assert batch.document_ids.shape == (4, 3) and batch.document_ids.flatten().tolist() == text_ids(texts).tolist()
    assert unpack(batch.documents) == [WordTokenizer().tokenize([text])[0].tolist() for text in texts]
    assert pairs.choices == 3 and len(pairs.labels) == 12


def test_mistakes_are_one_line():
    with pytest.raises(UserError, match="a batch of 38 rows is larger than the training data, which has 37 rows"):
        StreamBatches(37, 38)
    with pytest.raises(UserError, match="in a stream every row needs as many"):
        streamed(lambda block: Reader(negatives=block.place % 2)(block)).rows(0, 37)
