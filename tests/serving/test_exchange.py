"""Around every request: its size, its time, how many there are, clients that leave, and what is counted."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from toy_server import LIMITS, Client, Slow, running, until

from lit_embed.serving import Guard, Limits, Served


@pytest.fixture
def slow():
    return Slow()


def asked(client: Client, *texts: str) -> threading.Thread:
    thread = threading.Thread(target=client.post, args=("/v1/embeddings",), kwargs={"input": list(texts)})
    thread.start()
    return thread


def test_a_body_too_large_is_refused_whether_it_says_so_or_not(bare):
    answer = bare.ask("POST", "/v1/embeddings", b"x" * (LIMITS.body + 1))
    assert answer.status == 413 and "100,000 bytes" in answer.message
    parts = b"".join(b"2000\r\n" + b"x" * 0x2000 + b"\r\n" for _ in range(14)) + b"0\r\n\r\n"
    assert b" 413 " in raw(bare, b"Transfer-Encoding: chunked", parts).split(b"\r\n")[0]
    assert b" 413 " in raw(bare, b"Content-Length: 99999999999", b"{}").split(b"\r\n")[0]


def raw(client: Client, header: bytes, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as connection:
        head = b"POST /v1/embeddings HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", header
        connection.sendall(b"\r\n".join(head) + b"\r\n\r\n")
        try:
            connection.sendall(body)
        except (BrokenPipeError, ConnectionResetError):                        # the answer came before the end of the body
            pass
        return connection.recv(65_536)


@pytest.mark.parametrize("body", [b"{not json", b"[1, 2]", b"\xff", b""])
def test_a_body_that_is_no_json_object_is_one_line(bare, body):
    answer = bare.ask("POST", "/v1/embeddings", body)
    assert answer.status == 400 and "\n" not in answer.message


def test_a_page_of_another_origin_can_post_nothing(bare):
    body = json.dumps({"input": "a"}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert bare.ask("POST", "/v1/embeddings", body, {"Content-Type": kind}).status == 415
    foreign = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    asks_before = bare.ask("OPTIONS", "/v1/embeddings", None, foreign)
    assert asks_before.status == 405 and not [name for name in asks_before.headers if name.startswith("access-control")]
    assert bare.get("/v1/models", {"Host": "evil.example"}).status == 403


def test_one_request_too_many_is_told_to_come_back(slow):
    with running(Served("slow", slow, limits=Limits(requests=2))) as client:
        first = asked(client, "a")
        until(lambda: slow.calls)
        second = asked(client, "b")
        until(lambda: client.metric("lit_embed_requests_at_work") == 2)
        answer = client.post("/v1/embeddings", input="c")
        assert answer.status == 503 and answer.headers["retry-after"] == "1" and "come back" in answer.message
        assert client.get("/health").status == 200 and client.metric("lit_embed_queue_length") == 1
        slow.go.set()
        first.join(), second.join()
        assert client.post("/v1/embeddings", input="c").status == 200


def test_an_answer_that_takes_too_long_is_given_up(slow):
    with running(Served("slow", slow, limits=Limits(timeout=0.2))) as client:
        answer = client.post("/v1/embeddings", input="a")
        assert answer.status == 504 and "0.2 s" in answer.message
        waiting = client.post("/v1/embeddings", input=["b", "c"])
        assert waiting.status == 504 and client.metric("lit_embed_dropped_texts_total") == 2
        slow.go.set()
    assert slow.calls == [["a"]]


def test_a_client_that_leaves_takes_its_texts_out_of_the_queue(slow):
    with running(Served("slow", slow)) as client:
        first = asked(client, "a")
        until(lambda: slow.calls)
        with pytest.raises(TimeoutError):
            client.ask("POST", "/v1/embeddings", {"input": ["b", "c", "d"]}, timeout=0.2)
        until(lambda: client.metric("lit_embed_dropped_texts_total") == 3)
        until(lambda: client.metric('lit_embed_requests_total{route="/v1/embeddings",status="499"}') == 1)
        slow.go.set()
        first.join()
        assert client.post("/v1/embeddings", input="e").status == 200
    assert slow.calls == [["a"], ["e"]]


def test_begun_requests_are_answered_when_the_server_is_told_to_end(slow):
    with ThreadPoolExecutor(1) as pool:
        with running(Served("slow", slow)) as client:
            answer = pool.submit(client.post, "/v1/embeddings", input="abc")
            until(lambda: slow.calls)
            threading.Timer(0.3, slow.go.set).start()
        assert answer.result().json["data"][0]["embedding"] == [3, 1, 2, 3]
        with pytest.raises(ConnectionError):
            client.get("/health")


def test_with_a_token_only_the_page_and_health_are_open(encoder):
    with running(Served("toy", encoder, limits=LIMITS), Guard(token="secret")) as client:
        assert client.get("/").status == client.get("/health").status == 200
        for answer in (client.get("/metrics"), client.get("/about"), client.post("/v1/embeddings", input="a"),
                       client.post("/v1/embeddings", {"Authorization": "Bearer secreT"}, input="a")):
            assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
            assert "secret" not in answer.message.lower()
        assert client.post("/v1/embeddings", {"Authorization": "Bearer secret"}, input="a").status == 200


def test_requests_are_counted_by_route_and_status(encoder):
    with running(Served("toy", encoder, limits=LIMITS)) as client:
        client.vectors("a", "b"), client.vectors("c"), client.post("/v1/embeddings", input=""), client.get("/nothing/here")
        line = 'lit_embed_requests_total{route="%s",status="%s"}'
        until(lambda: client.metric(line % ("other", 404)) == 1)
        assert [client.metric(line % ("/v1/embeddings", status)) for status in (200, 400)] == [2, 1]
        assert client.metric('lit_embed_request_seconds_count{route="/v1/embeddings"}') == 3
        assert client.metric('lit_embed_texts_total{work="embed"}') == client.metric('lit_embed_batch_texts_sum{work="embed"}') == 3
        assert client.metric('lit_embed_tokens_total{work="embed"}') == 9
        assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
