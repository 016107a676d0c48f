"""A real HTTP server that speaks the protocol of OpenAI's embeddings, and misbehaves on demand."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

Embed = Callable[[list[str]], np.ndarray]       # N texts -> (N, D)
KEY = "sk-secret"


def by_hash(texts: list[str], width: int = 8) -> np.ndarray:
    """Other texts, other vectors; the same on every machine."""
    rows = [np.frombuffer(hashlib.blake2b(text.encode(), digest_size=4 * width).digest(), dtype="<u4") for text in texts]
    return (np.stack(rows) / 2**31 - 1).astype(np.float32)


class EndpointServer(ThreadingHTTPServer):
    """
    embed       what stands behind it
    script      one word for each of the next requests; "" and none left: answer as one should
    longest     letters of a text that it takes
    requests    bodies of those that came, in their order
    """

    daemon_threads = True

    def __init__(self, embed: Embed = by_hash):
        super().__init__(("127.0.0.1", 0), Handler)
        self.embed, self.script, self.longest, self.key, self.retry_after = embed, [], 10**9, KEY, "0"
        self.requests: list[dict] = []
        self.at: list[float] = []
        self.most, self._now, self.lock = 0, 0, threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def texts(self) -> list[str]:
        """All that were sent, in the order of their requests."""
        return [text for body in self.requests for text in body["input"]]

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self.lock:
            self._now += 1
            self.most = max(self.most, self._now)
        yield
        with self.lock:
            self._now -= 1

    def handle_error(self, request: object, address: object) -> None:
        """A client that hangs up in the middle is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        with self.server.counted():
            self.answer()

    def answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests.append(body)
            self.server.at.append(time.monotonic())
            word = self.server.script.pop(0) if self.server.script else ""
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            return self.error(401, f"Incorrect API key provided: {self.headers.get('Authorization')}")
        if word.isdigit():
            return self.error(int(word), "as it was told to")
        if word == "quota":
            return self.error(429, "You exceeded your current quota", code="insufficient_quota")
        if word == "numbers only" and "encoding_format" in body:
            return self.error(422, "Unexpected field: encoding_format")
        if word == "redirect":
            return self.send(302, b"", Location="http://127.0.0.1:9/v1/embeddings")
        if "" in body["input"]:
            return self.error(400, "'$.input' is invalid: an empty string")
        if "poison" in body["input"]:
            return self.error(400, "this text is not allowed here")
        if max(map(len, body["input"])) > self.server.longest:
            return self.error(400, "This model's maximum context length is exceeded")
        if word == "slow":
            time.sleep(1)
        if word == "hang up":
            return self.connection.close()
        whole = json.dumps(self.reply(body, word)).encode()
        if word == "truncated":                                      # says how long it is, and ends before
            self.send(200, whole, cut=len(whole) // 2)
        else:
            self.send(200, whole[:len(whole) // 2] if word == "half" else whole)

    def reply(self, body: dict, word: str) -> dict:
        vectors = self.server.embed(body["input"])[:, :body.get("dimensions")]
        entries = [{"object": "embedding", "index": place, "embedding": self.written(row, body, word)}
                   for place, row in enumerate(vectors)]
        if word == "reversed":
            entries.reverse()
        if word == "one less":
            entries.pop()
        if word == "twice":
            entries[-1]["index"] = 0
        if word == "ragged":
            entries[-1]["embedding"] = entries[-1]["embedding"][:8]
        return {"object": "list", "data": entries, "model": body["model"],
                "usage": {"prompt_tokens": sum(map(len, body["input"])), "total_tokens": sum(map(len, body["input"]))}}

    def written(self, row: np.ndarray, body: dict, word: str) -> list[float] | str:
        row = row * np.float32("nan") if word == "nan" else row
        if word == "floats" or body.get("encoding_format") != "base64":
            return [float(value) for value in row]
        return base64.b64encode(row.astype("<f4").tobytes()).decode()

    def error(self, status: int, message: str, code: str = "") -> None:
        wait = {"Retry-After": self.server.retry_after} if status in (429, 503) else {}
        self.send(status, json.dumps({"error": {"message": message, "code": code}}).encode(), **wait)

    def send(self, status: int, body: bytes, cut: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])
        self.wfile.flush()
        if cut is not None:
            self.connection.close()


@contextmanager
def serving(embed: Embed = by_hash) -> Iterator[EndpointServer]:
    with EndpointServer(embed) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
