import numpy as np
import pytest

from lit_embed.data.in_order import InOrder


def on_process(rank, world_size, order, batch_size, monkeypatch):
    monkeypatch.setattr("lit_embed.data.in_order.rank", lambda: rank)
    monkeypatch.setattr("lit_embed.data.in_order.world_size", lambda: world_size)
    batches = InOrder(np.asarray(order), batch_size)
    assert len(batches) == len(list(batches))
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize("rows, batch_size", [(7, 3), (6, 3), (2, 5), (0, 5)])
def test_one_process_keeps_every_row_in_order(rows, batch_size, monkeypatch):
    batches = on_process(0, 1, range(rows), batch_size, monkeypatch)
    assert [row for batch in batches for row in batch] == list(range(rows))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("rows, batch_size, kept", [(20, 3, 18), (7, 5, 6), (2, 5, 2), (1, 5, 0)])
def test_processes_share_the_rows_in_equal_numbers_of_batches(rows, batch_size, kept, monkeypatch):
    shares = [on_process(rank, 2, range(rows), batch_size, monkeypatch) for rank in range(2)]
    assert [len(batch) for batch in shares[0]] == [len(batch) for batch in shares[1]]
    flat = [row for share in shares for batch in share for row in batch]
    assert sorted(flat) == list(range(kept))
