"""Pairs to correlate with: labelled rows as they are, unlabelled ones with false partners made up fairly."""

import numpy as np
import pytest

from lit_embed.batches import PairRows
from lit_embed.callbacks.scored_pairs import scored_pairs
from lit_embed.errors import UserError


def test_labelled_rows_keep_their_scores():
    pairs = scored_pairs(PairRows(["a", "b"], [["c", "d"]], np.array([0.2, 1.0], dtype=np.float32)), true_pairs=1)
    assert (pairs.first, pairs.second) == (["a", "b"], ["c", "d"])
    np.testing.assert_allclose(pairs.scores, [0.2, 1.0])


def test_unlabelled_rows_give_as_many_false_pairs_as_true_ones():
    rows = PairRows([f"q{i}" for i in range(9)], [[f"d{i}" for i in range(9)]])
    pairs = scored_pairs(rows, true_pairs=4)
    assert pairs.first == ["q0", "q1", "q2", "q3"] * 2 and pairs.scores.tolist() == [1] * 4 + [0] * 4
    assert pairs.second[:4] == ["d0", "d1", "d2", "d3"]
    assert all(false in rows.documents[0] and false != true for true, false in zip(pairs.second[:4], pairs.second[4:]))
    assert scored_pairs(rows, true_pairs=4).second == pairs.second                                        # seeded


def test_more_true_pairs_than_rows_takes_all_rows():
    assert len(scored_pairs(PairRows(["a", "b"], [["c", "d"]]), true_pairs=100).first) == 4


def test_a_false_pair_is_never_an_answer_even_when_nearly_all_documents_are_equal():
    rows = PairRows([f"q{i}" for i in range(200)], [["same"] * 199 + ["other"]])
    pairs = scored_pairs(rows, true_pairs=200)
    assert pairs.second[200:] == ["other"] * 199 + ["same"]


def test_an_answer_known_from_another_row_is_no_false_pair():
    rows = PairRows(["who", "who", "why"], [["P", "Q", "R"]])
    assert scored_pairs(rows, true_pairs=2).second[2:] == ["R", "R"]


@pytest.mark.parametrize("rows, message", [
    (PairRows(["a", "b"], [["same", "same"]]), "no false pairs"),
    (PairRows(["a", "b", "c"], [["x", "y", "z"]], np.array([0, 1, 2])), "labels of these rows are classes"),
])
def test_rows_that_cannot_be_scored_are_one_clear_line(rows, message):
    with pytest.raises(UserError, match=message):
        scored_pairs(rows, true_pairs=10)
