"""What was paid for is there again: for other processes, after a stop, and never for another model."""

import multiprocessing
import threading

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.models.endpoint_cache import EndpointCache, key_of


def keys(start: int, count: int) -> list[bytes]:
    return [key_of("text", start + i) for i in range(count)]


def vectors(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.float32)[:, None] + np.array([0, 0.5], dtype=np.float32)


def put_many(folder: str, start: int) -> None:
    cache = EndpointCache(folder)
    for place in range(start, start + 20):
        cache.put(keys(place, 1), vectors(place, 1))


def test_vectors_come_back_bit_for_bit_and_unknown_keys_do_not(tmp_path):
    EndpointCache(tmp_path).put(keys(0, 1_201), vectors(0, 1_201))
    found = EndpointCache(tmp_path).get(keys(0, 1_300))
    assert len(found) == 1_201 and np.array_equal(np.stack([found[key] for key in keys(0, 1_201)]), vectors(0, 1_201))


def test_the_environment_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_EMBED_ENDPOINT_CACHE", str(tmp_path / "there"))
    assert EndpointCache().file == tmp_path / "there" / "embeddings.sqlite" and EndpointCache().file.is_file()


def test_two_processes_and_many_threads_write_at_once(tmp_path):
    context = multiprocessing.get_context("fork")        # importing torch once more would take longer than all of this
    processes = [context.Process(target=put_many, args=(str(tmp_path), start)) for start in (0, 10)]
    cache = EndpointCache(tmp_path)
    threads = [threading.Thread(target=cache.put, args=(keys(start, 10), vectors(start, 10))) for start in range(0, 40, 10)]
    for each in [*processes, *threads]:
        each.start()
    for each in [*processes, *threads]:
        each.join()
    assert [process.exitcode for process in processes] == [0, 0]
    found = cache.get(keys(0, 40))
    assert np.array_equal(np.stack([found[key] for key in keys(0, 40)]), vectors(0, 40))


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "embeddings.sqlite").write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.raises(UserError, match="cannot be used .*: delete it"):
        EndpointCache(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be used"):
        EndpointCache(tmp_path / "file")


def test_where_one_part_of_a_key_ends_and_the_next_begins_matters():
    assert len({key_of("a", "bc"), key_of("ab", "c"), key_of("abc"), key_of("abc", None), key_of("a", "b", "c")}) == 5
    assert key_of("\ud800") != key_of("")                      # half of a letter is a text too
