"""Failures of a real server: tried again where that helps, one line where it does not, and never the key in it."""

import socket
import time

import numpy as np
import pytest
from endpoint_server import KEY, by_hash, serving

from lit_embed.errors import UserError
from lit_embed.models.endpoint_requests import Refused, Requests

TEXTS = ["the cat", "a dog", "the moon"]


@pytest.fixture(scope="module")
def _server():
    with serving() as server:
        yield server


@pytest.fixture
def server(_server):
    _server.requests.clear(), _server.at.clear()
    _server.script, _server.retry_after = [], "0"
    return _server


@pytest.fixture
def requests(server):
    return Requests(server.url, KEY, timeout=10, attempts=4, first_wait=0.01)


def test_texts_become_vectors(requests, server):
    reply = requests.embed("model-x", TEXTS)
    assert np.array_equal(reply.embeddings, by_hash(TEXTS)) and reply.tokens == sum(map(len, TEXTS))
    assert server.requests == [{"model": "model-x", "input": TEXTS, "encoding_format": "base64"}]


def test_fewer_dimensions_are_asked_for_by_name(requests, server):
    assert requests.embed("m", TEXTS, dimensions=3).embeddings.shape == (3, 3) and server.requests[0]["dimensions"] == 3


@pytest.mark.parametrize("word", ["reversed", "floats"])
def test_other_orders_and_formats_give_the_same_vectors(requests, server, word):
    server.script = [word]
    np.testing.assert_array_equal(requests.embed("m", TEXTS).embeddings, by_hash(TEXTS))
    assert len(server.requests) == 1


def test_a_server_that_knows_only_numbers_is_asked_for_numbers(requests, server):
    server.script = ["numbers only", "floats"]
    for _ in range(2):
        np.testing.assert_array_equal(requests.embed("m", TEXTS).embeddings, by_hash(TEXTS))
    assert [body.get("encoding_format") for body in server.requests] == ["base64", None, None]


@pytest.mark.parametrize("word", ["500", "502", "503", "429", "408", "half", "truncated", "hang up", "one less", "twice", "ragged",
                                  "nan"])
def test_what_may_pass_is_tried_again(requests, server, word):
    server.script = [word, word]
    np.testing.assert_array_equal(requests.embed("m", TEXTS).embeddings, by_hash(TEXTS))
    assert len(server.requests) == 3


def test_a_server_that_is_too_slow_is_asked_again(server):
    server.script = ["slow"]
    requests = Requests(server.url, KEY, timeout=0.2, first_wait=0.01)
    np.testing.assert_array_equal(requests.embed("m", TEXTS).embeddings, by_hash(TEXTS))


@pytest.mark.parametrize("word, said", [("500", r"status 500 \(as it was told to\), 4 times"), ("truncated", "broken connection"),
                                        ("half", "no list of embeddings"), ("one less", "2 embeddings for 3 texts, 4 times")])
def test_what_does_not_pass_is_said_in_one_line(requests, server, word, said):
    server.script = [word] * 4
    with pytest.raises(UserError, match=said) as refused:
        requests.embed("m", TEXTS)
    assert server.url in str(refused.value) and "\n" not in str(refused.value) and len(server.requests) == 4


def test_no_answer_in_time_is_said_in_one_line(server):
    server.script = ["slow", "slow"]
    with pytest.raises(UserError, match="no answer within 0.1 seconds, 2 times"):
        Requests(server.url, KEY, timeout=0.1, attempts=2, first_wait=0.01).embed("m", TEXTS)


def test_retry_after_is_waited_for(requests, server):
    server.script, server.retry_after = ["429"], "0.4"
    requests.embed("m", TEXTS)
    assert server.at[1] - server.at[0] >= 0.4


def test_a_wait_that_is_too_long_is_for_a_person_to_decide(requests, server):
    server.script, server.retry_after = ["429"], "7200"
    with pytest.raises(UserError, match="come back in 120 minutes"):
        requests.embed("m", TEXTS)


@pytest.mark.parametrize("key, said", [(None, "wants a key: set OPENAI_API_KEY"),
                                       ("sk-wrong", "does not accept the key in OPENAI_API_KEY")])
def test_a_wrong_key_is_not_tried_again_and_not_shown(server, key, said):
    with pytest.raises(UserError, match=said) as refused:
        Requests(server.url, key).embed("m", TEXTS)
    assert len(server.requests) == 1 and "sk-wrong" not in str(refused.value)


@pytest.mark.parametrize("word, said", [("404", "has no embeddings or no model 'm'"), ("quota", "no quota left"),
                                        ("403", "OPENAI_API_KEY"), ("redirect", "has moved to http://127.0.0.1:9"), 
                                        ("405", r"answered with status 405")])
def test_what_another_attempt_would_not_change_is_not_tried_again(requests, server, word, said):
    server.script = [word]
    with pytest.raises(UserError, match=said):
        requests.embed("m", TEXTS)
    assert len(server.requests) == 1


@pytest.mark.parametrize("word", ["400", "413", "422"])
def test_input_that_is_refused_is_another_exception(requests, server, word):
    server.script = [word]
    with pytest.raises(Refused, match="as it was told to"):
        requests.embed("m", TEXTS)
    assert len(server.requests) == 1


def test_where_nobody_listens_the_address_is_said_at_once():
    with socket.socket() as taken:                              # bound and never listening: nobody else gets this port
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(UserError, match=f"nothing answers at {url} .*is the address right"):
            Requests(url, None, first_wait=60).embed("m", TEXTS)


def test_no_more_requests_begin_than_a_minute_may_have(server):
    requests = Requests(server.url, KEY, per_minute=600)
    for _ in range(4):
        requests.embed("m", TEXTS)
    assert server.at[-1] - server.at[0] >= 0.28                 # the first begins at once, then one every tenth of a second


def test_a_stopped_client_waits_for_nothing(server):
    requests = Requests(server.url, KEY, per_minute=1)
    requests.embed("m", TEXTS)
    requests.stop()
    before = time.monotonic()
    with pytest.raises(UserError, match="no more is asked"):
        requests.embed("m", TEXTS)
    assert time.monotonic() - before < 30 and len(server.requests) == 1
