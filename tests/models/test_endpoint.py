"""A model behind an endpoint is one more model: the vectors of its encoder, each text paid for once."""

import threading

import numpy as np
import pytest
from endpoint_server import KEY, by_hash, serving
from toys import toy_texts

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.models.endpoint import PROBE, Endpoint
from lit_embed.models.endpoint_cache import EndpointCache
from lit_embed.models.endpoint_requests import Requests
from lit_embed.search.fingerprint import fingerprint


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    for name in ("OPENAI_BASE_URL", "LIT_EMBED_PRICE_PER_MILLION", "LIT_EMBED_REQUESTS_PER_MINUTE", "LIT_EMBED_DIMENSIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LIT_EMBED_ENDPOINT_CACHE", str(tmp_path / "cache"))


def endpoint(server, model: str = "m", **settings: object) -> Endpoint:
    return Endpoint(model, Requests(server.url, KEY, attempts=3, first_wait=0.01), **settings)


def sent(server) -> list[str]:
    return [text for text in server.texts if text != PROBE]


def test_an_encoder_behind_a_server_gives_the_vectors_of_the_encoder(toy_backbone, server):
    encoder, texts = TextEncoder(toy_backbone, max_length=32), toy_texts(70)
    one_at_a_time = threading.Lock()                        # a model is evaluated by one thread

    def embed(texts: list[str]) -> np.ndarray:
        with one_at_a_time:
            return encoder.encode(texts)

    server.embed = embed
    remote = endpoint(server, batch_texts=16)
    np.testing.assert_allclose(remote.encode(texts), encoder.encode(texts), atol=1e-6)
    assert remote.width == encoder.width and remote.encode([]).shape == (0, encoder.width)


def test_a_text_is_asked_for_once_ever(server):
    texts = ["a", "b", "a", "c", "b"]
    first = endpoint(server).encode(texts)
    np.testing.assert_array_equal(first, by_hash(texts))
    again = endpoint(server)
    np.testing.assert_array_equal(again.encode(texts), first)
    assert sent(server) == ["a", "b", "c"] and (again.asked, again.kept) == (0, 3)


def test_another_model_other_dimensions_and_another_prefix_are_other_vectors(server):
    endpoint(server).encode(["a"])
    endpoint(server, model="other").encode(["a"])
    endpoint(server, dimensions=4).encode(["a"])
    prefixed = endpoint(server, query_prefix="query: ", document_prefix="passage: ")
    for role in ("text", "query", "document"):
        prefixed.encode(["a"], role)
    assert sent(server) == ["a", "a", "a", "query: a", "passage: a"]


def test_another_model_under_the_old_name_is_noticed(server):
    before = endpoint(server).encode(["a"])
    server.embed = lambda texts: -by_hash(texts)
    np.testing.assert_array_equal(endpoint(server).encode(["a"]), -before)
    server.embed = by_hash
    np.testing.assert_array_equal(endpoint(server).encode(["a"]), before)
    assert sent(server) == ["a", "a"]                                    # the first model's vector was still known


def test_an_empty_text_is_sent_as_a_space_and_has_a_vector(server):
    np.testing.assert_array_equal(endpoint(server).encode(["a", ""]), by_hash(["a", " "]))


def test_a_run_that_failed_asks_only_for_the_rest(server):
    texts = [f"text {i}" for i in range(20)]
    broken = endpoint(server, batch_texts=2, concurrency=1)
    broken.width                                                          # the probe is no part of this
    server.script = ["", "", ""] + ["500"] * 3
    with pytest.raises(UserError, match="what was embedded before is kept"):
        broken.encode(texts)
    kept = broken.cache.get([broken._key(text) for text in texts])
    server.requests.clear()
    np.testing.assert_array_equal(endpoint(server).encode(texts), by_hash(texts))
    assert len(kept) >= 6 and sent(server) == [text for text in texts if broken._key(text) not in kept]
    np.testing.assert_array_equal(broken.encode(texts), by_hash(texts))      # and the one that failed goes on, too


def test_what_is_under_way_when_a_run_is_stopped_is_kept(server):
    arrived, go_on = threading.Event(), threading.Event()

    def slowly(texts: list[str]) -> np.ndarray:
        if texts != [PROBE]:
            arrived.set()
            go_on.wait(10)
        return by_hash(texts)

    server.embed = slowly
    stopped = endpoint(server)
    asked = stopped.asking.in_batches(["a", "b"], stopped._keep, 1, 1)
    threading.Timer(0.1, go_on.set).start()
    next(asked)
    asked.close()                                                         # as an interrupt would
    kept = endpoint(server).cache.get([stopped._key("a")])
    assert arrived.is_set() and len(kept) == 1


def test_several_requests_are_under_way_at_once_but_not_more_than_allowed(server):
    together = threading.Barrier(3)

    def wait_for_the_others(texts: list[str]) -> np.ndarray:
        if texts != [PROBE]:
            together.wait(10)                                            # passes only when three are here at once
        return by_hash(texts)

    server.embed = wait_for_the_others
    texts = [f"text {i}" for i in range(9)]
    np.testing.assert_array_equal(endpoint(server, batch_texts=1, concurrency=3).encode(texts), by_hash(texts))
    assert server.most == 3


def test_a_server_that_changes_its_width_is_found_out(server):
    server.embed = lambda texts: by_hash(texts, 8 if PROBE in texts or "a" in texts else 5)
    with pytest.raises(UserError, match="vectors of 5 and of 8 numbers"):
        endpoint(server, batch_texts=1).encode(["a", "b"])


def test_tokens_and_cost_are_told(server, capsys):
    paid = endpoint(server, price_per_million=2.0)
    paid.encode(["four"] + ["five"], progress=True)
    tokens = len(PROBE) + 8
    assert paid.cost == pytest.approx(tokens * 2e-6) and paid.spending()["tokens"] == tokens
    assert f"openai:m: {tokens} tokens, $0.0001" in capsys.readouterr().err
    assert endpoint(server).cost is None


def test_the_environment_fills_in_what_a_name_leaves_out(server, monkeypatch):
    monkeypatch.setenv("LIT_EMBED_PRICE_PER_MILLION", "0.02")
    monkeypatch.setenv("LIT_EMBED_DIMENSIONS", "3")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    named = Endpoint.from_name("openai:m")
    assert named.encode(["a"]).shape == (1, 3) and named.price_per_million == 0.02
    assert Endpoint.from_name(f"openai:m@{server.url}").identity == named.identity


def test_the_fingerprint_follows_the_name_and_the_address_and_holds_no_key(server):
    first = endpoint(server)
    assert fingerprint(first) == fingerprint(endpoint(server)) != fingerprint(endpoint(server, model="n"))
    assert fingerprint(first) != fingerprint(endpoint(server, query_prefix="query: "))
    assert KEY not in first.identity
    first.encode(["a"])
    assert KEY.encode() not in EndpointCache().file.read_bytes()
