"""Results of a search become grades by the place of the passage; sampling keeps the corpus whole."""

import numpy as np
import pytest

from lit_embed.batches import PairRows
from lit_embed.search.questions import RetrievalSet
from lit_embed.search.retrieval import retrieval_task

SET = RetrievalSet(["a", "b"], ["who", "why"], ["x", "y", "z"], ["X", "Y", "Z"], [{2: 1.0, 0: 3.0}, {1: 2.0}])


def test_results_are_graded_and_what_was_not_found_is_0():
    np.testing.assert_array_equal(SET.gains(np.array([[2, 1, -1], [0, 1, 2]])), [[1, 0, 0], [0, 2, 0]])
    assert SET.gains(np.zeros((2, 0), dtype=np.int64)).shape == (2, 0)


def test_the_perfect_list_has_the_highest_grades_first():
    np.testing.assert_array_equal(SET.ideal(), [[3, 1], [2, 0]])


def test_results_of_other_questions_are_refused():
    with pytest.raises(ValueError, match="these 2"):
        SET.gains(np.zeros((3, 1), dtype=np.int64))


def test_pairs_of_texts_become_a_set_of_distinct_ones_and_unanswered_questions_are_counted():
    asked = PairRows(["who", "why", "who", "how"], [["P", "Q", "R", "gone"]])
    made = RetrievalSet.of_task(retrieval_task(asked, [PairRows(["", "", ""], [["Q", "P", "R"]])]))
    assert made.questions == ["who", "why"] and made.passages == ["Q", "P", "R"] and made.left_out == 1
    assert made.relevant == [{1: 1.0, 2: 1.0}, {0: 1.0}]


def test_a_sample_is_the_same_for_the_same_seed_and_keeps_order_and_corpus():
    many = RetrievalSet([str(i) for i in range(50)], [f"q{i}" for i in range(50)], ["0"], ["P"], [{0: 1.0}] * 50)
    drawn = many.sample(10)
    assert drawn == many.sample(10) != many.sample(10, seed=1) and len(drawn) == 10 and drawn.passages == ["P"]
    assert [int(i) for i in drawn.question_ids] == sorted(int(q[1:]) for q in drawn.questions)
    assert many.sample(99) == many
