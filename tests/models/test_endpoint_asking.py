"""Batches, and texts that an endpoint refuses."""

import numpy as np
import pytest
from endpoint_server import KEY, by_hash, serving

from lit_embed.errors import UserError
from lit_embed.models.endpoint_asking import Asking, batches
from lit_embed.models.endpoint_requests import Requests


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def asking(server):
    return Asking(Requests(server.url, KEY, first_wait=0.01), "m")


def test_a_batch_has_so_many_texts_and_so_many_letters_at_most():
    assert list(batches(["a"] * 5, 2)) == [["a", "a"], ["a", "a"], ["a"]]
    assert list(batches(["aa", "bb", "c", "dddddd", "e"], 9, letters=5)) == [["aa", "bb", "c"], ["dddddd"], ["e"]]
    assert list(batches([], 2)) == []


def test_too_much_together_is_asked_for_in_halves(asking, server):
    texts, kept = [f"text {i}" for i in range(8)], []
    server.script = ["413", "413"]
    np.testing.assert_array_equal(asking.embed(texts, lambda part, embeddings: kept.extend(part)), by_hash(texts))
    assert [len(body["input"]) for body in server.requests] == [8, 4, 2, 2, 4] and kept == texts


def test_a_text_that_is_too_long_is_cut_and_the_others_are_not(asking, server):
    server.longest = 100
    long = "words and " * 30
    found = asking.embed(["short", long, "also short"], lambda *_: None)
    cut = max((text for text in server.texts if len(text) <= 100), key=len)
    assert long.startswith(cut) and 75 <= len(cut) <= 100
    np.testing.assert_array_equal(found, by_hash(["short", cut, "also short"]))
    assert asking.shortened == 1


def test_a_text_that_is_refused_for_another_reason_is_named_and_the_rest_is_kept(asking):
    kept = []
    with pytest.raises(UserError, match="refuses the text 'poison': this text is not allowed here"):
        asking.embed(["one", "two", "poison", "three"], lambda part, embeddings: kept.extend(part))
    assert kept == ["one", "two"]


def test_tokens_are_counted(asking):
    asking.embed(["four", "by", "two"], lambda *_: None)
    asking.once(["more"])
    assert asking.tokens == 13
