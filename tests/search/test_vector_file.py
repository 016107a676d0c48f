"""The file written block by block is FAISS's own, byte for byte; a full disk is said by its number."""

import errno

import numpy as np
import pytest

from lit_embed.search import kinds
from lit_embed.search.vector_file import read_vectors, write_codes, write_vectors


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(301, 12)).astype(np.float32)


@pytest.mark.parametrize("kind", kinds.EXHAUSTIVE)
@pytest.mark.parametrize("similarity", kinds.METRICS)
@pytest.mark.parametrize("cuts", [[], [100], [1, 1, 300]])
def test_a_file_of_blocks_is_the_file_of_faiss(vectors, tmp_path, kind, similarity, cuts):
    index = kinds.empty_index(kind, 12, 301, similarity)
    kinds.train(index, kind, vectors)
    write_codes(index, np.split(vectors, cuts), tmp_path / "blocks")
    index.add(vectors)
    write_vectors(index, tmp_path / "whole")
    assert (tmp_path / "blocks").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize("kind", kinds.KINDS)
@pytest.mark.parametrize("mapped", [True, False])
def test_what_is_read_answers_as_what_was_written(vectors, tmp_path, kind, mapped):
    index = kinds.empty_index(kind, 12, 301, "cosine")
    kinds.train(index, kind, vectors)
    index.add(vectors)
    write_vectors(index, tmp_path / "색인.faiss")
    found = read_vectors(tmp_path / "색인.faiss", mapped)
    for one, other in zip(found.search(vectors, 5), index.search(vectors, 5)):
        np.testing.assert_array_equal(one, other)
    assert kinds.effort_of(found, kind) == kinds.effort_of(index, kind)


def test_a_full_disk_keeps_its_number(vectors):
    index = kinds.empty_index("flat", 12, 301, "cosine")
    index.add(np.tile(vectors, (99, 1)))
    with pytest.raises(OSError) as error:
        write_vectors(index, "/dev/full")
    assert error.value.errno == errno.ENOSPC
