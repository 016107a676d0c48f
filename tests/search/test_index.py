"""The flat index finds what a loop over all passages finds, and its folder survives or is refused in one line."""

import errno
import json

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search import Index
from lit_embed.search.index import SETTINGS, TEXTS, VECTORS


def naive_search(queries, vectors, k):
    cosine = np.array([[q @ v / np.linalg.norm(q) / np.linalg.norm(v) for v in vectors] for q in queries])
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosine, order, axis=1), order


@pytest.fixture
def embeddings():
    return np.random.default_rng(0).normal(size=(23, 5)).astype(np.float32)


def texts(n):
    return [f"passage {i}" for i in range(n)]


@pytest.mark.parametrize("k", [1, 4, 23])
def test_search_matches_the_loop(embeddings, k):
    queries = np.random.default_rng(1).normal(size=(6, 5)) * 100
    scores, places = Index.build(embeddings, texts(23)).search(queries, k)
    expected, order = naive_search(queries, embeddings, k)
    np.testing.assert_array_equal(places, order)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("k", [3, 120])
def test_equal_vectors_come_in_the_order_of_the_corpus(k):
    _, places = Index.build(np.ones((200, 4)), texts(200)).search(np.ones((2, 4)), k)
    np.testing.assert_array_equal(places, [range(k)] * 2)


def test_more_hits_than_passages_gives_all_passages(embeddings):
    scores, places = Index.build(embeddings[:3], texts(3)).search(embeddings, 10)
    assert scores.shape == places.shape == (23, 3) and set(places[0]) == {0, 1, 2}


def test_no_passages_and_no_queries_give_nothing(embeddings):
    empty = Index.build(np.zeros((0, 5)), [])
    assert empty.search(embeddings, 3)[1].shape == (23, 0)
    assert Index.build(embeddings, texts(23)).search(np.zeros((0, 5)), 3)[1].shape == (0, 3)


def test_a_saved_index_answers_as_before(embeddings, tmp_path):
    index = Index.build(embeddings, ["ㄱ\n끝", *texts(22)], model="abc")
    index.save(tmp_path / "run" / "index")
    opened = Index.open(tmp_path / "run" / "index")
    assert opened.texts == index.texts and opened.model == "abc" and len(opened) == 23
    for one, other in zip(opened.search(embeddings, 4), index.search(embeddings, 4)):
        np.testing.assert_array_equal(one, other)


def test_saving_again_replaces_the_index(embeddings, tmp_path):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    Index.build(embeddings[:2], texts(2)).save(tmp_path / "index")
    assert len(Index.open(tmp_path / "index")) == 2 and [p.name for p in tmp_path.iterdir()] == ["index"]


def test_a_failed_save_leaves_the_old_index(embeddings, tmp_path, monkeypatch):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lit_embed.search.index.pq.write_table", full)
    with pytest.raises(UserError, match="disk is full"):
        Index.build(embeddings[:2], texts(2)).save(tmp_path / "index")
    assert len(Index.open(tmp_path / "index")) == 23 and [p.name for p in tmp_path.iterdir()] == ["index"]


def test_a_folder_without_an_index_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="no search index in .*vectors.faiss"):
        Index.open(tmp_path)


@pytest.mark.parametrize("file", [VECTORS, TEXTS, SETTINGS])
def test_a_broken_file_is_one_clear_line(embeddings, tmp_path, file):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    (tmp_path / "index" / file).write_bytes(b"\xffbroken")
    with pytest.raises(UserError, match="build it again"):
        Index.open(tmp_path / "index")


def test_files_of_two_indexes_are_refused(embeddings, tmp_path):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    settings = json.loads((tmp_path / "index" / SETTINGS).read_text())
    (tmp_path / "index" / SETTINGS).write_text(json.dumps(settings | {"count": 22}))
    with pytest.raises(UserError, match="23 vectors"):
        Index.open(tmp_path / "index")


def test_queries_of_another_width_are_refused(embeddings):
    with pytest.raises(UserError, match="5 numbers"):
        Index.build(embeddings, texts(23)).search(np.ones((1, 6)), 1)


def test_a_diverged_model_is_one_clear_line():
    with pytest.raises(UserError, match="training diverged"):
        Index.build(np.full((2, 3), np.nan), texts(2))


@pytest.mark.parametrize("broken", [np.ones((3, 3)), np.ones(2)])
def test_embeddings_that_do_not_fit_the_texts_are_refused(broken):
    with pytest.raises(ValueError):
        Index.build(broken, texts(2))
