"""Asks an endpoint for embeddings, several batches at a time; where it refuses one, finds the text at fault, and cuts it."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from lit_embed.errors import UserError
from lit_embed.models.endpoint_requests import Refused, Requests

Keep = Callable[[list[str], np.ndarray], None]          # gets texts and their embeddings as soon as they are paid for
LETTERS = 50_000        # most of a request: OpenAI takes 300,000 tokens, and no letter is more than four
TOO_LONG = re.compile(r"length|too long|token|too large|maximum", re.IGNORECASE)
SHORTEN, SHORTEST = 0.75, 16       # a text that is too long keeps this share of its letters, again and again


class Asking:
    """One model of one endpoint; several threads may ask.

    dimensions   numbers of a vector, for models that can be asked for fewer
    tokens       that the endpoint says it read so far
    shortened    texts that were too long for it
    """

    def __init__(self, requests: Requests, model: str, dimensions: int | None = None):
        self.requests, self.model, self.dimensions = requests, model, dimensions
        self.tokens = self.shortened = 0
        self._lock = threading.Lock()

    def in_batches(self, texts: list[str], keep: Keep, most: int, concurrency: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """Any number of texts, `most` in a request, so many requests at a time; batches as they come back, (n, D) each."""
        self.requests.start()
        pool = ThreadPoolExecutor(concurrency)
        try:
            waiting = {pool.submit(self.embed, part, keep): part for part in batches(texts, most)}
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BaseException:
            self.requests.stop()             # what is under way comes back and is kept, nothing else begins
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def embed(self, texts: list[str], keep: Keep) -> np.ndarray:
        """The embeddings of a batch, (n, D) float32; `keep` gets each part of it as soon as it is paid for.

        Raises
            UserError   the endpoint cannot be reached or refuses, with what it says
        """
        try:
            embeddings = self.once(texts)
        except Refused as error:
            if len(texts) > 1:               # one of them is at fault, or they are too many together
                half = len(texts) // 2
                return np.concatenate([self.embed(texts[:half], keep), self.embed(texts[half:], keep)])
            embeddings = self._shorter(texts[0], error)
        keep(texts, embeddings)
        return embeddings

    def once(self, texts: list[str]) -> np.ndarray:                                                      # (n, D)
        """
        Raises
            Refused     the input is at fault
            UserError   everything else
        """
        reply = self.requests.embed(self.model, texts, self.dimensions)
        with self._lock:
            self.tokens += reply.tokens
        return reply.embeddings

    def _shorter(self, text: str, error: Refused) -> np.ndarray:                                         # (1, D)
        """As a model of this machine cuts what is longer than its max_length."""
        shorter = text
        while TOO_LONG.search(str(error)) and len(shorter) > SHORTEST:
            shorter = shorter[:int(len(shorter) * SHORTEN)]
            try:
                embeddings = self.once([shorter])
            except Refused as again:
                error = again
                continue
            with self._lock:
                self.shortened += 1
            return embeddings
        raise UserError(f"{self.requests.url} refuses the text {text[:60]!r}: {error}") from error


def batches(texts: list[str], most: int, letters: int = LETTERS) -> Iterator[list[str]]:
    """Texts in their order, at most so many and with so many letters at a time; a longer one goes by itself."""
    batch, size = [], 0
    for text in texts:
        if batch and (len(batch) == most or size + len(text) > letters):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
