"""An index finds what a loop over all passages finds, as it was saved, and after what came and went."""

import errno
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_embed.errors import UserError
from lit_embed.search import Index
from lit_embed.search.index_folder import SETTINGS, TEXTS
from lit_embed.search.kinds import KINDS


def naive_scores(queries, vectors, similarity):
    score = {"cosine": lambda q, v: q @ v / np.linalg.norm(q) / np.linalg.norm(v),
             "dot": lambda q, v: q @ v, "l2": lambda q, v: -((q - v) ** 2).sum()}[similarity]
    return np.array([[score(q, v) for v in vectors.astype(np.float64)] for q in queries.astype(np.float64)])


def naive_search(queries, vectors, k, similarity="cosine"):
    scores = naive_scores(queries, vectors, similarity)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


def nearest(queries, vectors, k, similarity="cosine"):
    """The same order by matrices, for many vectors."""
    queries, vectors = queries.astype(np.float64), vectors.astype(np.float64)
    if similarity == "cosine":
        queries, vectors = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (queries, vectors))
    scores = queries @ vectors.T
    if similarity == "l2":
        scores = 2 * scores - (vectors ** 2).sum(axis=1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def texts(n):
    return [f"passage {i}" for i in range(n)]


def assert_same_answers(one, other, queries, k=4):
    for a, b in zip(one.search(queries, k), other.search(queries, k)):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def embeddings():
    return np.random.default_rng(0).normal(size=(23, 5)).astype(np.float32)


@pytest.fixture
def clustered():
    """2,000 passages around 40 centres, and 50 questions from the same places.  (2000, 16), (50, 16)"""
    rng = np.random.default_rng(0)
    centres, where = rng.normal(size=(40, 16)), rng.integers(0, 40, size=2050)
    points = (centres[where] + 0.4 * rng.normal(size=(2050, 16))).astype(np.float32)
    return points[:2000], points[2000:]


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("k", [1, 4, 23])
def test_search_matches_the_loop(embeddings, k, similarity):
    queries = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32) * 3
    scores, places = Index.build(embeddings, texts(23), kind="flat", similarity=similarity).search(queries, k)
    expected, order = naive_search(queries, embeddings, k, similarity)
    np.testing.assert_array_equal(places, order)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["flat", "int8"])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
def test_equal_scores_come_in_the_order_of_the_corpus_also_at_the_cut(kind, similarity):
    rng = np.random.default_rng(0)
    different = rng.normal(size=(30, 8)).astype(np.float32)
    which = rng.integers(0, 30, size=700)                             # each vector stands there some 23 times
    index = Index.build(different[which], texts(700), kind=kind, similarity=similarity)
    for count, k in [(1, 10), (25, 10), (25, 130)]:
        queries = rng.normal(size=(count, 8)).astype(np.float32)
        every, _ = index.search(queries, 700)
        _, places = index.search(queries, k)
        for row, found in enumerate(places):
            worst = every[row, k - 1]             # of the vector at the cut the first ones are there
            at_the_cut = np.flatnonzero(which == which[found[-1]])
            np.testing.assert_array_equal(found[every[row, :k] == worst], at_the_cut[:(every[row, :k] == worst).sum()])


@pytest.mark.parametrize("k", [3, 120])
def test_equal_vectors_come_in_the_order_of_the_corpus(k):
    _, places = Index.build(np.ones((2000, 4)), texts(2000)).search(np.ones((2, 4)), k)
    np.testing.assert_array_equal(places, [range(k)] * 2)


@pytest.mark.parametrize(("kind", "least"), [
    ("flat", 1), ("int8", 0.9), ("binary", 0.9), ("ivf", 0.95), ("ivf-pq", 0.5), ("hnsw", 0.99)])
def test_every_kind_builds_saves_opens_and_finds_what_is_near(clustered, tmp_path, kind, least):
    vectors, queries = clustered
    index = Index.build(vectors, texts(2000), "abc", kind, ids=[f"id{i}" for i in range(2000)])
    index.save(tmp_path / "index")
    opened = Index.open(tmp_path / "index")
    assert_same_answers(opened, index, queries, 10)
    right = nearest(queries, vectors, 10)
    found = opened.search(queries, 10)[1]
    assert np.mean([len(set(row) & set(own)) / 10 for row, own in zip(found, right)]) >= least
    assert (opened.kind, opened.similarity, opened.model, opened.effort) == (kind, "cosine", "abc", index.effort)
    assert opened.ids[7] == "id7" and opened.text(1999) == "passage 1999"


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_adds_and_removes(clustered, tmp_path, kind, similarity):
    vectors, _ = clustered
    Index.build(vectors[:1500], texts(1500), "abc", kind, similarity).save(tmp_path / "index")
    changed = Index.open(tmp_path / "index")
    gone = np.arange(0, 1500, 3)
    changed.remove([str(i) for i in gone])
    changed.add(vectors[1500:], [f"new {i}" for i in range(500)])
    changed.remove(["1", "1500"])                                     # one of before, the first of the new
    changed.save(tmp_path / "index")
    opened = Index.open(tmp_path / "index")
    kept = np.setdiff1d(np.arange(2000), [*gone, 1, 1500])
    assert list(opened.ids) == [str(i) for i in kept] and len(opened) == len(kept) == 1498
    assert opened.text(0) == "passage 2" and opened.text(1497) == "new 499"
    opened.effort = max(1, opened.effort * 4)
    _, places = opened.search(vectors[kept][:300], 1)
    right = nearest(vectors[kept][:300], vectors[kept], 1, similarity)
    assert (places == right).mean() > {"ivf-pq": 0.3, "int8": 0.9, "binary": 0.8}.get(kind, 0.99)
    if kind == "flat":
        fresh = Index.build(vectors[kept], texts(1498), "abc", "flat", similarity)
        assert_same_answers(opened, fresh, vectors[:99], 20)


def test_a_graph_finds_nothing_that_was_removed_and_everything_can_go(clustered):
    vectors, queries = clustered
    index = Index.build(vectors[:200], texts(200), kind="hnsw")
    index.remove([str(i) for i in range(190)])
    assert sorted(index.search(queries, 30)[1][0]) == list(range(10))
    index.remove([str(i) for i in range(190, 200)])
    assert index.search(queries, 5)[1].shape == (50, 0)
    index.add(vectors[:3], texts(3))
    assert list(index.ids) == ["0", "1", "2"] and index.search(vectors[:3], 1)[1].ravel().tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 23, 300])
def test_a_small_corpus_is_enough_for_every_kind(kind, count):
    vectors = np.random.default_rng(0).normal(size=(count, 7)).astype(np.float32)
    scores, places = Index.build(vectors, texts(count), kind=kind).search(vectors, 5)
    assert scores.shape == places.shape == (count, min(5, count)) and places.max() < count
    assert np.isneginf(scores[places < 0]).all() and np.isfinite(scores[places >= 0]).all()


def test_more_hits_than_passages_gives_all_passages(embeddings):
    scores, places = Index.build(embeddings[:3], texts(3)).search(embeddings, 10)
    assert scores.shape == places.shape == (23, 3) and set(places[0]) == {0, 1, 2}


def test_no_passages_and_no_queries_give_nothing(embeddings, tmp_path):
    empty = Index.build(np.zeros((0, 5)), [])
    assert empty.search(embeddings, 3)[1].shape == (23, 0)
    assert Index.build(embeddings, texts(23)).search(np.zeros((0, 5)), 3)[1].shape == (0, 3)
    empty.save(tmp_path / "index")
    assert list(Index.open(tmp_path / "index").texts) == []


def test_a_saved_index_answers_as_before(embeddings, tmp_path):
    index = Index.build(embeddings, ["ㄱ\n끝", *texts(22)], model="abc")
    index.save(tmp_path / "run" / "index")
    opened = Index.open(tmp_path / "run" / "index")
    assert list(opened.texts) == list(index.texts) and opened.model == "abc" and len(opened) == 23
    assert opened.texts[1:3] == texts(22)[:2] and opened.texts[-1] == "passage 21"
    assert_same_answers(opened, index, embeddings)


def test_who_has_an_index_open_keeps_it_while_another_takes_its_place(embeddings, tmp_path):
    for kind in KINDS:
        Index.build(embeddings, texts(23), kind=kind).save(tmp_path / "index")
        opened = Index.open(tmp_path / "index")
        before = opened.search(embeddings, 3)[1]
        Index.build(embeddings[::-1], ["other"] * 23, kind=kind).save(tmp_path / "index")
        np.testing.assert_array_equal(opened.search(embeddings, 3)[1], before)
        assert opened.text(5) == "passage 5" and Index.open(tmp_path / "index").text(5) == "other"


def test_what_another_process_changed_is_not_overwritten(embeddings, tmp_path):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    late, late_too, early = (Index.open(tmp_path / "index") for _ in range(3))
    late_too.remove(["3"])
    early.remove(["1"])
    early.save(tmp_path / "index")
    with pytest.raises(UserError, match="changed by another process"):
        late.remove(["2"])
    with pytest.raises(UserError, match="changed by another process"):
        late_too.save(tmp_path / "index")
    early.remove(["2"])
    early.save(tmp_path / "index")                                    # what it saved itself is no surprise to it
    assert len(Index.open(tmp_path / "index")) == 21


def test_saving_again_replaces_the_index(embeddings, tmp_path):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    Index.build(embeddings[:2], texts(2)).save(tmp_path / "index")
    assert len(Index.open(tmp_path / "index")) == 2 and [p.name for p in tmp_path.iterdir()] == ["index"]


def test_a_failed_save_leaves_the_old_index(embeddings, tmp_path, monkeypatch):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lit_embed.search.passages.PassageWriter", full)
    with pytest.raises(UserError, match="disk is full"):
        Index.build(embeddings[:2], texts(2)).save(tmp_path / "index")
    assert len(Index.open(tmp_path / "index")) == 23 and [p.name for p in tmp_path.iterdir()] == ["index"]


def test_an_index_of_before_there_were_kinds_opens(embeddings, tmp_path):
    Index.build(embeddings, texts(23), "abc").save(tmp_path / "index")
    (tmp_path / "index" / SETTINGS).write_text(json.dumps({"model": "abc", "count": 23, "width": 5}))
    pq.write_table(pa.table({"text": pa.array(texts(23), pa.large_string())}), tmp_path / "index" / TEXTS)
    opened = Index.open(tmp_path / "index")
    assert (opened.kind, opened.similarity, opened.model) == ("flat", "cosine", "abc")
    assert opened.ids[22] == "22" and opened.text(22) == "passage 22"
    opened.remove(["0"])
    assert list(opened.ids) == [str(i) for i in range(1, 23)]


def test_files_of_two_indexes_are_refused(embeddings, tmp_path):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    settings = json.loads((tmp_path / "index" / SETTINGS).read_text())
    (tmp_path / "index" / SETTINGS).write_text(json.dumps(settings | {"count": 22}))
    with pytest.raises(UserError, match="23 vectors"):
        Index.open(tmp_path / "index")


def test_the_model_that_made_it_may_search_and_no_other(embeddings):
    index = Index.build(embeddings, texts(23), model="abc")
    index.model_folder = "e5-small"
    index.check_model("abc", 5)
    Index.build(embeddings, texts(23)).check_model("whoever", 5)
    with pytest.raises(UserError, match="model e5-small, and this is another"):
        index.check_model("abd", 5)
    with pytest.raises(UserError, match="5 numbers a vector, this one gives 6"):
        index.check_model("abc", 6)


@pytest.mark.parametrize(("change", "words"), [
    (lambda index: index.add(np.ones((1, 5)), ["x"], ["7"]), "id '7' is in the index already"),
    (lambda index: index.add(np.ones((2, 5)), ["x", "y"], ["a", "a"]), "id 'a' is that of row 1 and of row 2"),
    (lambda index: index.remove(["1", "23", "24"]), "no passage has the id '23', nor one of 1 others"),
    (lambda index: index.remove(["1", "1"]), "id '1' is that of row 1 and of row 2"),
    (lambda index: index.add(np.full((1, 5), np.inf), ["x"]), "diverged"),
])
def test_a_change_that_cannot_be_is_refused_whole(embeddings, tmp_path, change, words):
    Index.build(embeddings, texts(23)).save(tmp_path / "index")
    index = Index.open(tmp_path / "index")
    with pytest.raises(UserError, match=words):
        change(index)
    assert len(index) == 23 and list(index.ids) == [str(i) for i in range(23)]
    assert_same_answers(index, Index.open(tmp_path / "index"), embeddings)


def test_an_id_stands_for_one_passage(embeddings):
    with pytest.raises(UserError, match="id 'a' is that of row 2 and of row 4"):
        Index.build(embeddings[:4], texts(4), ids=["b", "a", "c", "a"])


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
