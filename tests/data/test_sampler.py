import time

import numpy as np
import pytest

from lit_embed.data.notice import notice
from lit_embed.data.sampler import NoDuplicatesBatches, ShuffledBatches
from lit_embed.errors import UserError


def pairs(rows, queries, documents, seed=0):
    """Identities of `rows` pairs out of so many distinct queries and documents.  -> (N, 2)"""
    generator = np.random.default_rng(seed)
    return np.stack([generator.integers(0, queries, rows), 10**6 + generator.integers(0, documents, rows)], axis=1)


TEXTS = pairs(1000, 5000, 60)


@pytest.fixture(params=["shuffled", "no duplicates"])
def make(request):
    """make(batch_size) -> one of the two samplers over the same rows."""
    if request.param == "shuffled":
        return lambda batch_size=4: ShuffledBatches(len(TEXTS), batch_size, seed=7)
    return lambda batch_size=4: NoDuplicatesBatches(TEXTS, batch_size, seed=7)


def order_of(sampler, epoch):
    sampler.set_epoch(epoch)
    batches = [batch.tolist() for batch in sampler]
    assert len(batches) == len(sampler)
    return batches


def as_process(monkeypatch, rank, world_size):
    monkeypatch.setattr("lit_embed.data.sampler.rank", lambda: rank)
    monkeypatch.setattr("lit_embed.data.sampler.world_size", lambda: world_size)


def test_each_epoch_has_an_order_of_its_own_and_always_the_same_one(make):
    first, again = make(), make()
    orders = [order_of(first, epoch) for epoch in range(4)]
    assert len({str(order) for order in orders}) == 4
    assert [order_of(again, epoch) for epoch in (3, 0)] == [orders[3], orders[0]]


def test_no_row_comes_twice_in_an_epoch(make):
    rows = [row for batch in order_of(make(), 1) for row in batch]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_batches_of_one(make, world_size, monkeypatch):
    shares = []
    for rank in range(world_size):
        as_process(monkeypatch, rank, world_size)
        shares.append(order_of(make(), 2))
    together = [[row for share in shares for row in share[step]] for step in range(len(shares[0]))]
    flat = [row for batch in together for row in batch]
    assert len(set(flat)) == len(flat)
    assert all(len(share) == len(shares[0]) for share in shares)
    # Over all processes together: the batches of one process with as large a batch.
    as_process(monkeypatch, 0, 1)
    assert together == order_of(make(4 * world_size), 2)


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("epoch", [0, 5])
def test_no_text_stands_twice_in_the_batch_of_all_processes(world_size, epoch, monkeypatch):
    shares = []
    for rank in range(world_size):
        as_process(monkeypatch, rank, world_size)
        shares.append(order_of(NoDuplicatesBatches(TEXTS, 4, seed=7), epoch))
    assert shares[0]
    for step in range(len(shares[0])):
        texts = np.concatenate([TEXTS[share[step]].ravel() for share in shares])
        assert len(np.unique(texts)) == len(texts)


def test_without_repeated_texts_nothing_is_left_out_but_the_tail():
    texts = np.arange(2 * 103).reshape(103, 2)
    assert len(NoDuplicatesBatches(texts, 4, 0)) == 25 == len(ShuffledBatches(103, 4, 0))


def test_nearly_every_row_is_used_where_texts_repeat_moderately():
    assert len(NoDuplicatesBatches(pairs(3000, 3000, 1000), 32, 0)) == 3000 // 32
    assert len(NoDuplicatesBatches(pairs(3000, 3000, 77), 32, 0)) >= 0.97 * 3000 / 32


def test_the_length_holds_in_every_epoch_even_where_rows_are_tight():
    sampler = NoDuplicatesBatches(pairs(600, 10**6, 20), 18, 0)
    lengths = {len(order_of(sampler, epoch)) for epoch in range(12)}
    assert lengths == {len(sampler)}


def test_an_epoch_that_cannot_be_drawn_again_keeps_batches_that_fit(monkeypatch):
    sampler = NoDuplicatesBatches(TEXTS, 4, 0)
    packed = {frozenset(batch) for batch in sampler.packed.tolist()}
    monkeypatch.setattr(sampler, "_pack", lambda generator: sampler.packed[:1])
    epochs = [order_of(sampler, epoch) for epoch in (0, 1)]
    assert epochs[0] != epochs[1]
    assert all({frozenset(batch) for batch in epoch} == packed for epoch in epochs)


def test_a_row_that_holds_a_text_twice_never_comes_and_is_counted(caplog):
    notice.cache_clear()
    texts = np.arange(40).reshape(20, 2)
    texts[3, 1] = texts[3, 0]
    with caplog.at_level("INFO"):
        sampler = NoDuplicatesBatches(texts, 4, 0)
    assert 3 not in {row for batch in order_of(sampler, 0) for row in batch}
    assert "1 of 20 rows hold the same text twice" in caplog.text


def test_rows_that_are_left_out_are_counted(caplog):
    notice.cache_clear()
    texts = np.stack([np.arange(300), 1000 + np.minimum(np.arange(300), 20)], axis=1)   # 280 rows share one document
    with caplog.at_level("INFO"):
        sampler = NoDuplicatesBatches(texts, 4, 0)
    assert f"{300 - 4 * len(sampler)} of 300 rows are left out of each epoch" in caplog.text


@pytest.mark.parametrize("distinct", [2, 63, 64, 70])
def test_twenty_thousand_rows_of_few_texts_are_done_or_refused_at_once(distinct):
    start = time.perf_counter()
    try:
        for batch in NoDuplicatesBatches(pairs(20_000, 10**6, distinct), 64, 0):
            pass
    except UserError as error:
        assert "without a repeated text" in str(error)
    assert time.perf_counter() - start < 5


def test_fewer_texts_than_the_batch_are_refused_with_their_number(monkeypatch):
    as_process(monkeypatch, 0, 2)
    said = "batch of 8 rows on each of 2 processes .* only 10 distinct texts; set data.batch_size to 5"
    with pytest.raises(UserError, match=said):
        NoDuplicatesBatches(pairs(1000, 1000, 10), 8, 0)


def test_rows_that_conflict_too_much_are_refused():
    texts = np.array([[i, 100 + j] for i in range(4) for j in range(4) if i == 0 or j == 0])     # any two share a text
    with pytest.raises(UserError, match="share too many texts"):
        NoDuplicatesBatches(texts, 3, 0)


def test_a_batch_larger_than_the_data_is_refused(monkeypatch):
    for make in (lambda: ShuffledBatches(7, 8, 0), lambda: NoDuplicatesBatches(np.arange(14).reshape(7, 2), 8, 0)):
        with pytest.raises(UserError, match="batch of 8 rows is larger than the .* which has 7 rows; .* 7 or less"):
            make()
    as_process(monkeypatch, 0, 2)
    with pytest.raises(UserError, match="batch of 4 rows on each of 2 processes .* 3 or less"):
        ShuffledBatches(7, 4, 0)
