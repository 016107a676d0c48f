"""Each kind is what its name says, learns from the same sample every time, and a wrong name is one line."""

import faiss
import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search import kinds


@pytest.mark.parametrize(("kind", "of_faiss"), [
    ("flat", faiss.IndexFlat), ("int8", faiss.IndexScalarQuantizer), ("binary", faiss.IndexRefine), ("ivf", faiss.IndexIVFFlat),
    ("ivf-pq", faiss.IndexIVFPQ), ("hnsw", faiss.IndexHNSWFlat)])
@pytest.mark.parametrize("similarity", kinds.METRICS)
def test_a_kind_is_what_its_name_says(kind, of_faiss, similarity):
    index = kinds.empty_index(kind, 12, 10_000, similarity)
    assert isinstance(index, of_faiss) and index.d == 12 and index.ntotal == 0
    assert index.metric_type == (faiss.METRIC_L2 if similarity == "l2" else faiss.METRIC_INNER_PRODUCT)


def test_larger_corpora_get_kinds_that_look_at_less():
    assert [kinds.chosen("auto", "cosine", count) for count in (0, 100_000, 100_001, 10_000_000)] == [
        "flat", "flat", "ivf", "ivf-pq"]


@pytest.mark.parametrize("width", [384, 6, 7, 1])
def test_codes_fit_every_width(width):
    sample = np.random.default_rng(0).normal(size=(300, width)).astype(np.float32)
    index = kinds.empty_index("ivf-pq", width, 300, "cosine")
    kinds.train(index, "ivf-pq", sample)
    assert index.is_trained and index.pq.M * index.pq.dsub == width


def test_the_sample_is_the_same_every_time_and_all_of_a_small_corpus():
    for kind in kinds.KINDS:
        np.testing.assert_array_equal(kinds.sample_rows(kind, 90_000), kinds.sample_rows(kind, 90_000))
    assert kinds.sample_rows("ivf", 350).tolist() == list(range(350)) and not len(kinds.sample_rows("flat", 350))
    drawn = kinds.sample_rows("int8", 90_000)
    assert len(np.unique(drawn)) == len(drawn) == 50_000 and (np.diff(drawn) > 0).all()


@pytest.mark.parametrize(("kind", "name", "most"), [
    ("ivf", "nprobe", 7), ("ivf-pq", "nprobe", 7), ("hnsw", "efSearch", 900), ("binary", "k_factor", 900)])
def test_effort_is_seen_in_the_parameters_of_faiss(kind, name, most):
    index = kinds.empty_index(kind, 8, 350, "cosine")
    assert kinds.parameters(index, kind)[name] == kinds.effort_of(index, kind) >= 1
    kinds.set_effort(index, kind, 900)
    assert kinds.parameters(index, kind)[name] == kinds.effort_of(index, kind) == most
    with pytest.raises(UserError, match="effort 0"):
        kinds.set_effort(index, kind, 0)


def test_what_looks_at_everything_has_no_effort():
    index = kinds.empty_index("flat", 8, 350, "cosine")
    kinds.set_effort(index, "flat", 5)
    assert kinds.effort_of(index, "flat") == 0 and kinds.parameters(index, "flat") == {}


@pytest.mark.parametrize(("arguments", "words"), [
    (("lsh", "cosine", 5), "no kind of index 'lsh': there are auto, flat"),
    (("flat", "euclid", 5), "no similarity 'euclid': there are cosine"),
    (("ivf", "cosine", 0), "an index of kind ivf learns from the passages, and there are none"),
])
def test_what_cannot_be_is_one_line(arguments, words):
    with pytest.raises(UserError, match=words):
        kinds.chosen(*arguments)


def test_a_worn_index_says_why():
    index = kinds.empty_index("ivf", 4, 100, "cosine")
    index.train(np.eye(4, dtype=np.float32)[[0, 1]])
    index.add(np.ones((100, 4), dtype=np.float32))
    assert kinds.worn(index, "ivf", 0) == ""
    index.add(np.ones((900, 4), dtype=np.float32))
    assert "its 2 lists suited another number of vectors than 1,000" in kinds.worn(index, "ivf", 0)
    graph = kinds.empty_index("hnsw", 4, 100, "cosine")
    graph.add(np.ones((100, 4), dtype=np.float32))
    assert kinds.worn(graph, "hnsw", 25) == "" and "26 of the 100 vectors" in kinds.worn(graph, "hnsw", 26)
