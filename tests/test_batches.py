"""Texts end to end: joined, selected and moved without losing one."""

import numpy as np
import pytest
import torch
from pytorch_lightning.plugins.precision import DoublePrecision, HalfPrecision

from lit_embed.batches import PairBatch, PairRows, Tokens, text_ids


def tokens(*texts: list[int]) -> Tokens:
    return Tokens(torch.tensor(sum(texts, [])), torch.tensor([len(text) for text in texts]))


def test_select_takes_texts_in_the_order_asked_for():
    selected = tokens([1, 2, 3], [], [4], [5, 6]).select(torch.tensor([3, 0, 1]))
    assert selected.ids.tolist() == [5, 6, 1, 2, 3] and selected.lengths.tolist() == [2, 3, 0]


def test_join_puts_one_after_the_other():
    joined = Tokens.join([tokens([1, 2]), tokens([3], [4, 5])])
    assert joined.ids.tolist() == [1, 2, 3, 4, 5] and joined.lengths.tolist() == [2, 1, 2] and len(joined) == 3


def test_a_batch_moves_but_its_lengths_stay_on_the_host():
    batch = PairBatch(tokens([1]), tokens([2, 3]), None, torch.tensor([7]), torch.tensor([[8]]))
    moved = batch.to("meta")
    assert moved.queries.ids.device.type == moved.query_ids.device.type == "meta" and moved.labels is None
    assert moved.queries.lengths.device.type == "cpu" and len(moved) == 1


@pytest.mark.parametrize("precision", [HalfPrecision("bf16-true"), DoublePrecision()])
def test_lightning_leaves_a_batch_as_it_is_whatever_the_weights_are_in(precision):
    batch = PairBatch(tokens([1]), tokens([2, 3]), torch.tensor([0.76]), torch.tensor([7]), torch.tensor([[8]]))
    assert precision.convert_input(batch) is batch and batch.labels.dtype == torch.float32


def test_equal_texts_have_equal_ids_and_others_do_not():
    ids = text_ids(["a", "b", "a", "", "가", "\ud800"])
    assert ids[0] == ids[2] and len(set(ids.tolist())) == 5
    assert text_ids(["a"])[0] == 3405396810240292928              # the same on every machine, so caches can be shared
    assert len(text_ids([])) == 0


def test_rows_are_answered_unless_each_pair_has_a_label():
    rows = [PairRows(["a"], [["b"], ["c"]], labels) for labels in (None, np.zeros((1, 2)), np.zeros(1), np.zeros(1, dtype=int))]
    assert [each.answered for each in rows] == [True, True, False, False]


def test_rows_count_queries():
    assert len(PairRows(["a", "b"], [["c", "d"]])) == 2
