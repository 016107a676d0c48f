"""Re-ranking orders each question's candidates by the scorer, asks for each distinct pair once, and keeps ties."""

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search.rerank import rerank

TEXTS = ["red cat", "dog", "red", "cat", "dog"]


def shared_letters(pairs):
    return np.array([len(set(question) & set(passage)) for question, passage in pairs], dtype=np.float32)


def naive_rerank(questions, places, keep):
    rows = []
    for question, row in zip(questions, places):
        known = [place for place in row.tolist() if place >= 0]
        ranked = sorted(known, key=lambda place: -len(set(question) & set(TEXTS[place])))
        rows.append((ranked + [-1] * keep)[:keep])
    return np.array(rows)


@pytest.mark.parametrize("keep", [1, 3, 5])
def test_it_matches_a_sorted_loop(keep):
    questions = ["a red cat", "good dog", "nobody", "a red cat"]
    places = np.array([[4, 2, 1, 3, 0], [3, 1, 4, -1, -1], [-1] * 5, [0, -1, -1, -1, -1]])
    scores, found = rerank(shared_letters, questions, places, TEXTS.__getitem__, keep)
    np.testing.assert_array_equal(found, naive_rerank(questions, places, keep))
    assert scores.dtype == np.float32 and found.dtype == np.int64 and scores.shape == (4, keep)
    assert ((found == -1) == (scores == -np.inf)).all()


def test_each_distinct_pair_is_scored_once_in_one_call():
    calls = []

    def score(pairs):
        calls.append(pairs)
        return shared_letters(pairs)

    rerank(score, ["q", "q"], np.array([[0, 1, 4], [4, 0, 3]]), TEXTS.__getitem__, 2)
    assert calls == [[("q", "red cat"), ("q", "dog"), ("q", "cat")]]


def test_equal_scores_keep_the_earlier_order():
    _, found = rerank(lambda pairs: np.zeros(len(pairs)), ["q"], np.array([[3, 0, 4, 1, 2]]), TEXTS.__getitem__, 5)
    assert found.tolist() == [[3, 0, 4, 1, 2]]


def test_without_candidates_nobody_is_asked():
    scores, found = rerank(None, ["q"], np.array([[-1, -1]]), TEXTS.__getitem__, 5)
    assert found.tolist() == [[-1, -1]] and scores.shape == (1, 2)
    assert rerank(None, [], np.zeros((0, 3), np.int64), TEXTS.__getitem__, 2)[1].shape == (0, 2)


@pytest.mark.parametrize(("scores", "words"), [(np.zeros((1, 3)), "num_labels 1"), (np.array([np.nan]), "NaN")])
def test_scores_that_order_nothing_are_refused(scores, words):
    with pytest.raises(UserError, match=words):
        rerank(lambda pairs: scores, ["q"], np.array([[0]]), TEXTS.__getitem__, 1)
