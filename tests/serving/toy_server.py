"""A real server on a free port, around tiny models: forty documents, a base model, a cross-encoder."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from toys import lively, toy_texts

from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.search import Bm25, Index
from lit_embed.serving import Corpus, Guard, Limits, Served, application
from lit_embed.serving.listening import bind, server_of

TEXTS = toy_texts(40)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        error = self.json["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert error["type"] == ("server_error" if self.status >= 500 else "invalid_request_error")
        return error["message"]


@dataclass
class Client:
    port: int

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None,
            timeout: float = 30) -> Answer:
        """`body`: bytes as they are, anything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, content, kind | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: object) -> Answer:
        return self.ask("POST", path, fields, headers)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("GET", path, None, headers)

    def vectors(self, *texts: str, **fields: object) -> np.ndarray:
        answer = self.post("/v1/embeddings", input=list(texts), **fields)
        assert answer.status == 200, answer.body
        return np.array([row["embedding"] for row in answer.json["data"]], dtype=np.float32)

    def metric(self, line: str) -> float:
        """The value behind the name and labels."""
        found = [each for each in self.get("/metrics").body.decode().splitlines() if each.startswith(line + " ")]
        return float(found[0].split()[-1]) if found else 0.0


def toy_encoder(backbone: str, **settings: object) -> TextEncoder:
    return TextEncoder(backbone, max_length=32, query_prefix="red ", document_prefix="blue ", **settings)


def toy_scorer(backbone: str) -> TextPairScorer:
    torch.manual_seed(1)
    return lively(TextPairScorer(backbone, max_length=32))


def toy_corpus(encoder: TextEncoder, base: TextEncoder | None = None) -> Corpus:
    index = Index.build(encoder.encode(TEXTS, "document"), TEXTS, ids=[f"d{i}" for i in range(len(TEXTS))])
    return Corpus(index, Bm25.build(TEXTS), Index.build(base.encode(TEXTS, "document"), TEXTS) if base else None)


@contextmanager
def running(served: Served, guard: Guard = Guard()) -> Iterator[Client]:
    pytest.importorskip("starlette"), pytest.importorskip("uvicorn")
    server = server_of(application(served, guard), served.limits)
    with bind("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            yield Client(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def until(holds, seconds: float = 10) -> None:
    """Waits for something that another thread does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class Slow:
    """An encoder that waits for `go` before it answers."""

    width = 4

    def __init__(self):
        self.go, self.calls = threading.Event(), []

    def encode(self, texts: list[str], role: str = "text") -> np.ndarray:
        self.calls.append(list(texts))
        assert self.go.wait(30)
        return np.array([[len(text), 1, 2, 3] for text in texts], dtype=np.float32)


LIMITS = Limits(texts=60, letters=2_000, body=100_000, timeout=30)
