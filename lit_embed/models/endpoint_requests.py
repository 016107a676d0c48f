"""Requests to an endpoint for embeddings: tried again where that helps, one clear line where it does not.

Python's own HTTP client does it: a request is one POST, and which failures are worth another attempt is decided here.
"""

import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.request

from lit_embed.errors import UserError
from lit_embed.models.endpoint_name import is_this_machine
from lit_embed.models.endpoint_reply import BadReply, Reply, out_of_money, read_reply, reason, seconds_to_wait

AGAIN = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}
TOO_MUCH = {400, 413, 422}      # also: of a text that is too long, or of too many texts
LONGEST_WAIT = 300              # seconds that an endpoint may ask to wait; beyond that a person should know
MOST_WAIT = 30                  # seconds between two attempts where it asks for nothing


class Refused(Exception):
    """The endpoint will not take this input: status 400, 413 or 422, with its reason."""


class Requests:
    """POSTs to URL/embeddings, by several threads at once.

    url          up to /v1
    key          sent as a bearer token; never written anywhere
    timeout      seconds to wait for an answer
    attempts     tries of one request
    per_minute   requests that may begin in a minute; None: as many as come
    first_wait   seconds before the second attempt; doubled each time, with chance, unless the answer says how long
    """

    def __init__(self, url: str, key: str | None, timeout: float = 300, attempts: int = 6, per_minute: float | None = None,
                 first_wait: float = 0.5):
        self.url, self.key, self.timeout, self.attempts, self.first_wait = url, key, timeout, attempts, first_wait
        self.interval = 60 / per_minute if per_minute else 0.0
        self.reached = False                                         # whether it has ever answered
        self.encoding: str | None = "base64"                         # a quarter of the letters of written numbers
        self._lock, self._next, self._stopped = threading.Lock(), 0.0, threading.Event()
        proxies = [urllib.request.ProxyHandler({})] if is_this_machine(url) else []      # no proxy leads to this machine
        self._opener = urllib.request.build_opener(_NoRedirect, *proxies)

    def embed(self, model: str, texts: list[str], dimensions: int | None = None) -> Reply:
        """
        Raises
            Refused     the input is at fault
            UserError   everything else that further attempts do not, or did not, help
        """
        body = {"model": model, "input": texts} | ({"dimensions": dimensions} if dimensions else {})
        failure = ""
        for attempt in range(self.attempts):
            self._wait_for_turn()
            try:
                encoding = {"encoding_format": self.encoding} if self.encoding else {}
                reply = read_reply(self._post(body | encoding), len(texts))
                self.reached = True
                return reply
            except urllib.error.HTTPError as error:
                self.reached = True
                failure, wait = self._judge(error, model)
            except BadReply as error:
                failure, wait = str(error), None
            except (OSError, http.client.HTTPException) as error:    # no connection, none any more, or no answer in time
                failure, wait = self._lost(error), None
            if attempt + 1 < self.attempts:
                self._pause(wait if wait is not None else min(self.first_wait * 2 ** attempt, MOST_WAIT) * random.uniform(0.75, 1))
        raise UserError(f"{self.url} gave {failure}, {self.attempts} times: what was embedded before is kept, start again later")

    def start(self) -> None:
        """Requests may begin again."""
        self._stopped.clear()

    def stop(self) -> None:
        """No request begins any more; those that wait for their turn fail."""
        self._stopped.set()

    def _post(self, body: dict) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "lit-embed"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(f"{self.url}/embeddings", json.dumps(body).encode(), headers)
        with self._opener.open(request, timeout=self.timeout) as answer:
            return answer.read()

    def _judge(self, error: urllib.error.HTTPError, model: str) -> tuple[str, float | None]:
        """What went wrong, and how long the endpoint wants us to wait; raises what another attempt would not change."""
        with error:
            try:
                body = error.read()
            except (OSError, http.client.HTTPException):
                body = b""
        said = reason(body).replace(self.key, "(the key)") if self.key else reason(body)
        status = f"status {error.code} ({said or error.reason})"
        if error.code in (401, 403):
            key = "does not accept the key in OPENAI_API_KEY" if self.key else "wants a key: set OPENAI_API_KEY"
            raise UserError(f"{self.url} {key}: {status}")
        if error.code == 404:
            raise UserError(f"{self.url} has no embeddings or no model {model!r}: {status}; an address usually ends in /v1")
        if 300 <= error.code < 400:
            raise UserError(f"{self.url} has moved to {error.headers.get('Location', 'another address')}: give that one")
        if error.code == 429 and out_of_money(body):
            raise UserError(f"{self.url} has no quota left for this key: {status}")
        if error.code in TOO_MUCH and self.encoding and "encoding_format" in said:
            self.encoding = None                                     # some servers know only numbers
            return status, 0.0
        if error.code in TOO_MUCH:
            raise Refused(said or f"status {error.code}")
        if error.code not in AGAIN:
            raise UserError(f"{self.url} answered with {status}")
        wait = seconds_to_wait(error.headers.get("Retry-After"))
        if wait is not None and wait > LONGEST_WAIT:
            raise UserError(f"{self.url} asks to come back in {wait / 60:,.0f} minutes: {status}; what was embedded is kept")
        return status, wait

    def _lost(self, error: Exception) -> str:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            return f"no answer within {self.timeout:g} seconds"
        if isinstance(error, urllib.error.URLError) and not self.reached:
            raise UserError(f"nothing answers at {self.url} ({cause}): is the address right, and the server running?") from error
        return f"a broken connection ({cause})"

    def _wait_for_turn(self) -> None:
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self.interval
        if self._stopped.wait(max(0.0, turn - time.monotonic())):
            raise UserError(f"no more is asked of {self.url}: another request failed, or the run was stopped")

    def _pause(self, seconds: float) -> None:
        """All threads: an endpoint that is busy is not helped by the others going on."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key is for the host it was given for, and a POST that is redirected becomes a GET."""

    def redirect_request(self, *arguments: object) -> None:
        return None
