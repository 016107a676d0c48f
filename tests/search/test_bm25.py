"""BM25 scores as a loop over the formula does, finds nothing where nothing is shared, and keeps its folder whole."""

import json
import math
import pickle

import numpy as np
import pytest
from toys import toy_texts

from lit_embed.errors import UserError
from lit_embed.search.bm25 import SETTINGS, Bm25, identity
from lit_embed.search.terms import words


def naive_scores(query, texts, k1, b):
    """One text and one term at a time, as Lucene has it."""
    counted = [words(text) for text in texts]
    mean = sum(map(len, counted)) / len(counted)
    scores = []
    for terms in counted:
        score = 0.0
        for term in words(query):
            frequency, spread = terms.count(term), sum(term in other for other in counted)
            inverse = math.log(1 + (len(texts) - spread + 0.5) / (spread + 0.5))
            score += inverse * frequency / (frequency + k1 * (1 - b + b * len(terms) / mean))
        scores.append(score)
    return np.array(scores)


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4), (2.0, 0.0)])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_search_matches_the_formula(k, k1, b):
    texts = [*toy_texts(30), "a a a cat", "", "cat cat"]
    queries = ["a cat sat", "the THE the moon", "child"]
    scores, places = Bm25.build(texts, k1=k1, b=b).search(queries, k)
    assert scores.dtype == np.float32 and places.dtype == np.int64 and scores.shape == (3, min(k, len(texts)))
    for row, query in enumerate(queries):
        expected = naive_scores(query, texts, k1, b)
        found = places[row][places[row] >= 0]
        assert len(found) == min(k, (expected > 0).sum())
        np.testing.assert_allclose(scores[row, :len(found)], expected[found], rtol=1e-5)
        np.testing.assert_allclose(scores[row, :len(found)], np.sort(expected)[::-1][:len(found)], rtol=1e-5)
        assert (places[row, len(found):] == -1).all() and (scores[row, len(found):] == -np.inf).all()


@pytest.mark.parametrize("k", [3, 90])
def test_equal_texts_come_in_the_order_of_the_corpus(k):
    _, places = Bm25.build(["the red cat", "a dog"] * 50).search(["cat red the"], k)
    assert places[0, :50].tolist() == [*range(0, 100, 2)][:k]


@pytest.mark.parametrize("texts", [[], ["", "?!"]])
def test_a_corpus_without_words_answers_nothing(texts, tmp_path):
    empty = Bm25.build(texts)
    empty.save(tmp_path / "bm25")
    for index in (empty, Bm25.open(tmp_path / "bm25")):
        scores, places = index.search(["a cat", ""], 3)
        assert len(index) == len(texts) and scores.shape == (2, len(texts)) and (places == -1).all()


def test_a_query_without_known_words_finds_nothing():
    index = Bm25.build(["a cat", "a dog"])
    scores, places = index.search(["", "zebra", "dog"], 2)
    assert places.tolist() == [[-1, -1], [-1, -1], [1, -1]] and (scores[:2] == -np.inf).all()
    assert index.search([], 2)[1].shape == (0, 2) and index.search(["cat"], 0)[1].shape == (1, 0)


def test_the_score_of_a_text_is_that_of_the_search_and_nothing_shared_is_zero():
    index, queries = Bm25.build(toy_texts(30)), ["a cat sat", "zebra", "child"]
    scores, places = index.search(queries, 30)
    for row, query in enumerate(queries):
        found = places[row][places[row] >= 0]
        others = np.setdiff1d(np.arange(30), found)
        np.testing.assert_allclose(index.score([query] * len(found), found), scores[row, :len(found)], rtol=1e-5)
        assert not index.score([query] * len(others), others).any()


def test_telling_terms_are_known_and_not_everywhere():
    index = Bm25.build(["the cat", "the dog", "the tree", "a cat"])
    assert index.telling("The CAT, the zebra and a dog") == {"cat", "a", "dog"}


def test_blocks_of_queries_change_nothing(monkeypatch):
    index, queries = Bm25.build(toy_texts(40)), toy_texts(25, seed=1) + [""]
    whole = index.search(queries, 4)
    monkeypatch.setattr("lit_embed.search.bm25.BLOCK", 30)
    for one, other in zip(index.search(queries, 4), whole):
        np.testing.assert_array_equal(one, other)


def test_a_korean_noun_is_found_under_its_particles():
    texts = ["부산에서 배를 탔다", "서울에는 눈이 온다", "눈사람"]
    assert Bm25.build(texts).tokens == "ngrams"
    assert Bm25.build(texts).search(["서울의"], 1)[1].tolist() == [[1]]
    assert Bm25.build(texts, "words").search(["서울의"], 1)[1].tolist() == [[-1]]


@pytest.mark.parametrize("tokens", ["words", "ngrams"])
def test_a_saved_index_answers_as_before_and_holds_no_pickle(tokens, tmp_path, monkeypatch):
    texts = toy_texts(30) + ["고양이 \"끝\"\n"]
    index = Bm25.build(texts, tokens)
    index.save(tmp_path / "bm25")
    index.save(tmp_path / "bm25")
    monkeypatch.setattr(pickle, "load", None)
    opened = Bm25.open(tmp_path / "bm25")
    assert opened.tokens == tokens and opened.corpus == identity(texts) != identity(texts[::-1])
    for one, other in zip(opened.search(texts, 4), index.search(texts, 4)):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["bm25"]
    assert {path.suffix for path in (tmp_path / "bm25").iterdir()} == {".npy", ".json"}


def test_what_is_no_index_or_a_damaged_one_is_said_in_one_line(tmp_path):
    with pytest.raises(UserError, match="no BM25 index"):
        Bm25.open(tmp_path)
    for damage in (lambda f: (f / SETTINGS).write_text("{"), lambda f: (f / "data.csc.index.npy").unlink(),
                   lambda f: (f / "indptr.csc.index.npy").write_bytes(b""), _another_count, _places_beyond):
        Bm25.build(toy_texts(9)).save(tmp_path / "bm25")
        damage(tmp_path / "bm25")
        with pytest.raises(UserError, match="cannot be read") as caught:
            Bm25.open(tmp_path / "bm25")
        assert "\n" not in str(caught.value)


def _another_count(folder):
    settings = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps(settings | {"count": 8}))


def _places_beyond(folder):
    places = np.load(folder / "indices.csc.index.npy")
    np.save(folder / "indices.csc.index.npy", places + 5)


def test_scores_are_those_of_bm25s_on_real_texts(real_data):
    import pyarrow.parquet as pq
    texts = pq.read_table(real_data / "scifact/corpus/corpus.parquet")["text"].to_pylist()[:500]
    index = Bm25.build(texts)
    queries = [text.split(".")[0] for text in texts[:50]]
    scores, _ = index.search(queries, 10)
    _, expected = index.weights.retrieve([words(query) for query in queries], k=10, show_progress=False)
    np.testing.assert_allclose(np.maximum(scores, 0), expected, rtol=1e-5)
