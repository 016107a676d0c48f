"""Questions and passages count once each, and ranks are exact, ties included."""

import numpy as np
import pytest
import torch

from lit_embed.batches import PairRows
from lit_embed.search import distinct, rank_answers, retrieval, retrieval_task


def test_distinct_keeps_the_order_of_reading():
    texts = ["b", "a", "b", "", "a", "c"]
    once, place = distinct(texts)
    assert once == ["b", "a", "", "c"] and [once[i] for i in place] == texts
    assert distinct([])[0] == []


def test_equal_passages_are_one_and_questions_have_all_their_answers():
    asked = PairRows(["who", "where", "who"], [["P", "Q", "R"], ["x", "y", "z"]])
    task = retrieval_task(asked, [asked])
    assert task.questions == ["who", "where"] and task.corpus == ["P", "Q", "R"]          # negatives are no corpus
    assert [own.tolist() for own in task.answers] == [[0, 2], [1]]


def test_another_split_adds_passages_and_known_answers():
    asked, more = PairRows(["who"], [["P"]]), PairRows(["who", "why"], [["S", "P"]])
    task = retrieval_task(asked, [more, asked])
    assert task.questions == ["who"] and task.corpus == ["S", "P"] and task.answers[0].tolist() == [0, 1]


def test_a_question_whose_answer_is_not_in_the_corpus_is_never_found():
    task = retrieval_task(PairRows(["who", "why"], [["P", "Q"]]), [PairRows(["x"], [["Q"]])])
    assert [own.tolist() for own in task.answers] == [[], [0]]
    assert rank_answers(torch.ones(2, 3), torch.ones(1, 3), task.answers).rank.tolist() == [2, 1]


def naive_ranking(questions, corpus, answers, k):
    nearest, ranks = [], []
    for question, own in zip(questions, answers):
        cosine = [float(question @ document / question.norm() / document.norm()) for document in corpus]
        order = sorted(range(len(corpus)), key=lambda place: (-round(cosine[place], 5), place))
        nearest.append(order[:k])
        ranks.append(1 + min(order.index(place) for place in own))
    return nearest, ranks


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("block", [1, 10_000])
def test_ranking_matches_the_naive_loop(ties, block, monkeypatch):
    monkeypatch.setattr(retrieval, "BLOCK", block)
    questions, corpus = torch.randn(9, 3), torch.randn(40, 3)
    if ties:                                       # whole numbers: many passages point the same way
        questions, corpus = (torch.randint(1, 3, shape).float() for shape in [(9, 2), (40, 2)])
    answers = [np.unique(np.random.default_rng(i).integers(0, 40, size=1 + i % 3)) for i in range(9)]
    ranking = rank_answers(questions, corpus, answers, k=10)
    nearest, ranks = naive_ranking(questions, corpus, answers, 10)
    np.testing.assert_array_equal(ranking.nearest, nearest)
    np.testing.assert_array_equal(ranking.rank, ranks)
    np.testing.assert_array_equal(ranking.relevance, [[p in own for p in row] for row, own in zip(nearest, answers)])


def test_a_collapsed_model_finds_the_first_passages():
    ranking = rank_answers(torch.ones(4, 3), torch.ones(50, 3), [np.array([i * 10]) for i in range(4)], k=10)
    np.testing.assert_array_equal(ranking.nearest, [range(10)] * 4)
    assert ranking.rank.tolist() == [1, 11, 21, 31]


def test_fewer_passages_than_hits_and_no_questions_at_all():
    assert rank_answers(torch.randn(2, 3), torch.randn(4, 3), [np.array([0])] * 2).nearest.shape == (2, 4)
    assert rank_answers(torch.zeros(0, 3), torch.randn(4, 3), []).relevance.shape == (0, 4)
