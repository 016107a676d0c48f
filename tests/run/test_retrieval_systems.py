"""Each way of answering finds what its parts find, and any object that embeds will do."""

import numpy as np
import pytest

from lit_embed.run.retrieval_systems import Found, by_both, by_meaning, by_words, reranked, run_systems
from lit_embed.search import Bm25, Index, RetrievalSet, reciprocal_rank_fusion

PASSAGES = ["the cat sat on the mat", "a dog barks at night", "birds sing in the tree", "the cat and the dog", "night"]
ASKED = RetrievalSet(["0", "1"], ["where is the cat", "what sings"], list("abcde"), PASSAGES, [{0: 1.0}, {2: 1.0}])


def letters(texts: list[str], role: str) -> np.ndarray:
    """A model of no library: how often each letter stands in the text."""
    assert role in ("query", "document")
    return np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32)


def lengths(pairs: list[tuple[str, str]]) -> np.ndarray:
    """A cross-encoder that likes short passages."""
    return np.array([-len(passage) for _, passage in pairs], dtype=np.float32)


def test_words_and_meaning_are_what_the_searches_find():
    np.testing.assert_array_equal(by_words(ASKED, 3).places, Bm25.build(PASSAGES).search(ASKED.questions, 3)[1])
    index = Index.build(letters(PASSAGES, "document"), PASSAGES, kind="flat")
    wanted = index.search(letters(ASKED.questions, "query"), 5)[1]
    np.testing.assert_array_equal(by_meaning(letters, ASKED, 5).places, wanted)


@pytest.mark.parametrize(("similarity", "order"), [
    ("cosine", lambda q, p: -(p @ q) / np.linalg.norm(p, axis=1)), ("dot", lambda q, p: -(p @ q)),
    ("l2", lambda q, p: ((p - q) ** 2).sum(axis=1))])
def test_the_similarity_decides_what_is_near(similarity, order):
    passages = letters(PASSAGES, "document")
    wanted = [np.argsort(order(query, passages), kind="stable") for query in letters(ASKED.questions, "query")]
    np.testing.assert_array_equal(by_meaning(letters, ASKED, 5, similarity).places, wanted)


def test_both_is_the_fusion_of_the_two_lists_and_of_their_clocks():
    words, meaning = by_words(ASKED, 5), by_meaning(letters, ASKED, 5)
    found = by_both(words, meaning, 5)
    np.testing.assert_array_equal(found.places, reciprocal_rank_fusion([words.ranking, meaning.ranking], 5)[1])
    assert found.seconds["encode"] == meaning.seconds["encode"]
    assert found.seconds["search"] > words.seconds["search"] + meaning.seconds["search"]
    assert found.corpus_seconds == words.corpus_seconds + meaning.corpus_seconds


def test_re_ranking_reads_the_first_results_only_and_remembers_them():
    found = Found((np.zeros((2, 5), np.float32), np.array([[0, 1, 2, 3, 4], [2, 0, 1, 4, -1]])), {"search": 1.0})
    better = reranked(lengths, found, ASKED, retrieve=4, keep=2)
    assert better.places.tolist() == [[3, 1], [4, 1]] and better.candidates.shape == (2, 4) and better.keep == 2
    assert better.milliseconds()["search"] == 500 and better.milliseconds()["rerank"] > 0
    assert better.milliseconds()["encode"] == 0


def test_systems_by_name_share_their_work():
    asked_for = []

    def counting(texts: list[str], role: str) -> np.ndarray:
        asked_for.append((role, len(texts)))
        return letters(texts, role)

    names = ["bm25", "dense", "hybrid", "dense+rerank", "hybrid+rerank"]
    found = run_systems(names, ASKED, {"dense": counting}, lengths, depth=5, retrieve=3, keep=2)
    assert list(found) == names and asked_for == [("document", 5), ("query", 2)]
    assert [each.places.shape for each in found.values()] == [(2, 5), (2, 5), (2, 5), (2, 2), (2, 2)]
    np.testing.assert_array_equal(found["hybrid+rerank"].candidates, found["hybrid"].places[:, :3])


def test_another_model_is_one_more_name():
    found = run_systems(["bm25", "endpoint", "endpoint+rerank"], ASKED, {"endpoint": letters}, lengths, 5, 3, 2)
    np.testing.assert_array_equal(found["endpoint"].places, by_meaning(letters, ASKED, 5).places)
