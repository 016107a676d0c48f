"""Where FAISS works is decided at run time, and a GPU that is not there is one clear line."""

import faiss
import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search import Index
from lit_embed.search.gpu import on_cpu, on_gpus
from lit_embed.search.vectors import Vectors


@pytest.fixture
def index():
    return faiss.IndexFlatIP(4)


def without_gpus(monkeypatch):
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0, raising=False)


def with_a_gpu(monkeypatch) -> list[int]:
    """FAISS as if it had one: indexes that go there come back as copies, and the sizes of those that went are noted."""
    went = []
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus",
                        lambda index: went.append(index.ntotal) or faiss.clone_index(index))
    monkeypatch.setattr(faiss, "index_gpu_to_cpu", faiss.clone_index, raising=False)
    return went


def test_without_a_gpu_auto_stays_and_cuda_names_the_package(index, monkeypatch):
    without_gpus(monkeypatch)
    assert on_gpus(index, "flat", "auto") is index and on_gpus(index, "flat", "cpu") is index
    with pytest.raises(UserError, match="sees no GPU here.*faiss-gpu"):
        on_gpus(index, "flat", "cuda")
    with pytest.raises(UserError, match="there are auto, cpu and cuda"):
        on_gpus(index, "flat", "gpu")


def test_with_one_it_is_used_by_the_kinds_that_can(index, monkeypatch):
    with_a_gpu(monkeypatch)
    for kind, moves in [("flat", True), ("ivf", True), ("ivf-pq", True), ("hnsw", False), ("int8", False), ("binary", False)]:
        assert (on_gpus(index, kind, "auto") is not index) == moves
    assert on_gpus(index, "flat", "cpu") is index and on_cpu(index, index) is index
    with pytest.raises(UserError, match="FAISS has no hnsw for GPUs"):
        on_gpus(index, "hnsw", "cuda")


def test_vectors_are_built_and_searched_there_and_saved_from_here(monkeypatch, tmp_path):
    went = with_a_gpu(monkeypatch)
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    index = Index(Vectors.build(vectors, "ivf", "cosine", "cuda"), Index.build(vectors, ["a"] * 30).passages)
    index.save(tmp_path / "index")
    assert went == [0, 30, 0, 30]                        # built and searched: the ivf one, the flat one beside it
    opened = Index.open(tmp_path / "index", "cuda")
    opened.remove(["0"])
    assert went[4:] == [30, 30, 29]                      # as opened, in memory, and without the one
    assert opened.search(vectors[1:], 1)[1].ravel().tolist() == list(range(29))
