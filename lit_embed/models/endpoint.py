"""A model behind an OpenAI-compatible endpoint, wherever a model of a folder may stand: texts in, one vector each out.

    encoder = Endpoint.from_name("openai:text-embedding-3-small")                       # key in OPENAI_API_KEY
    encoder = Endpoint.from_name("openai:my-model@http://127.0.0.1:8000/v1")            # a server of one's own
    encoder.encode(["a question"], "query")                                             # (1, D) float32
"""

import os
import sys
import threading
from itertools import count
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import Progress

from lit_embed.errors import UserError
from lit_embed.models.endpoint_asking import Asking
from lit_embed.models.endpoint_cache import EndpointCache, key_of
from lit_embed.models.endpoint_name import PREFIX, is_openai, model_and_url, number
from lit_embed.models.endpoint_requests import Requests

PROBE = "The quick brown fox jumps over the lazy dog."
SAME = 1 - 1e-4         # cosine of two answers of one model: servers that batch differently differ by less


class Endpoint:
    """
    model               the endpoint's name for it
    requests            to where, with which key, how fast
    dimensions          numbers of a vector, for models that can be asked for fewer
    query_prefix, document_prefix   put before each query and document, for models that were trained so
    batch_texts         most of a request; OpenAI takes 2,048
    concurrency         requests at a time
    price_per_million   tokens, in dollars; None: unknown
    cache               None: the usual file, see EndpointCache
    """

    def __init__(self, model: str, requests: Requests, dimensions: int | None = None, query_prefix: str = "",
                 document_prefix: str = "", batch_texts: int = 256, concurrency: int = 4,
                 price_per_million: float | None = None, cache: EndpointCache | None = None):
        self.model, self.url, self.asking = model, requests.url, Asking(requests, model, dimensions)
        self.query_prefix, self.document_prefix = query_prefix, document_prefix
        self.batch_texts, self.concurrency, self.price_per_million = batch_texts, concurrency, price_per_million
        self.cache = cache or EndpointCache()
        self.asked = self.kept = 0              # texts: asked for by this process, known before
        self._lock = threading.Lock()
        self._weights: int | None = None

    @classmethod
    def from_name(cls, name: str) -> "Endpoint":
        """`openai:MODEL` or `openai:MODEL@URL`; the rest is the environment's.

        OPENAI_BASE_URL, OPENAI_API_KEY (never written anywhere), LIT_EMBED_PRICE_PER_MILLION, LIT_EMBED_REQUESTS_PER_MINUTE,
        LIT_EMBED_DIMENSIONS, LIT_EMBED_ENDPOINT_CACHE

        Raises
            UserError   no model is named, an address that is none or holds a password, a setting that is no number
        """
        model, url = model_and_url(name)
        requests = Requests(url, os.environ.get("OPENAI_API_KEY") or None, per_minute=number("LIT_EMBED_REQUESTS_PER_MINUTE"))
        dimensions, price = number("LIT_EMBED_DIMENSIONS"), number("LIT_EMBED_PRICE_PER_MILLION")
        return cls(model, requests, int(dimensions) if dimensions else None, price_per_million=price)

    @property
    def identity(self) -> str:
        """What stands for the weights, which nobody here can see."""
        return " ".join(map(repr, (*self._asked_of, self.query_prefix, self.document_prefix)))

    @property
    def width(self) -> int:
        return self.encode([PROBE]).shape[1]

    @property
    def cost(self) -> float | None:
        """Dollars of this process so far, None where the price is not known."""
        return None if self.price_per_million is None else self.asking.tokens * self.price_per_million / 1e6

    def spending(self) -> dict[str, float | int | None]:
        """Of this process so far: tokens, dollars, texts that were asked for, and texts that were known before."""
        return {"tokens": self.asking.tokens, "dollars": self.cost, "texts": self.asked, "texts_from_cache": self.kept}

    def spent(self) -> str:
        """The same in one line."""
        cost = "" if self.cost is None else f", ${self.cost:,.6f}"
        cut = f"; {self.asking.shortened:,} were too long and are cut" if self.asking.shortened else ""
        texts = f"{self.asked:,} texts, {self.kept:,} from the cache"
        return f"{PREFIX}{self.model}: {self.asking.tokens:,} tokens{cost} for {texts}{cut}"

    def encode(self, texts: list[str], role: Literal["text", "query", "document"] = "text", batch_tokens: int | None = None,
               progress: bool = False) -> np.ndarray:
        """Embeddings in the order of the texts; each distinct text is asked for once, ever.  -> (N, D) float32

        An empty text is sent as one space, since OpenAI refuses empty ones; a text that the endpoint finds too long is cut.

        role           which prefix goes before each text: none, the query's, or the document's
        batch_tokens   for models of this machine
        progress       show texts done and the time left, then tokens and cost, on standard error

        Raises
            UserError  the endpoint cannot be reached, refuses, or answers with something else than embeddings
        """
        prefix = {"text": "", "query": self.query_prefix, "document": self.document_prefix}[role]
        texts = [prefix + text or " " for text in texts]
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        keys = {text: self._key(text) for text in dict.fromkeys(texts)}
        known = self.cache.get(list(keys.values()))
        missing = [text for text in keys if keys[text] not in known]
        self.kept += len(keys) - len(missing)
        with Progress(console=Console(stderr=True), disable=not progress) as bar:
            done = bar.add_task(f"{PREFIX}{self.model}", total=len(keys), completed=len(keys) - len(missing))
            for part, embeddings in self.asking.in_batches(missing, self._keep, self.batch_texts, self.concurrency):
                known |= zip((keys[text] for text in part), embeddings, strict=True)
                bar.advance(done, len(part))
        if progress:
            print(self.spent(), file=sys.stderr)
        if len(widths := {len(vector) for vector in known.values()}) > 1:
            raise UserError(f"{self.url}: {self.model} gives vectors of {' and of '.join(map(str, sorted(widths)))} numbers; "
                            f"if it was changed, delete {self.cache.file}")
        return np.stack([known[keys[text]] for text in texts])

    @property
    def _asked_of(self) -> tuple:
        return self.url, self.model, self.asking.dimensions

    def _key(self, text: str) -> bytes:
        if self._weights is None:
            self._weights = 0 if is_openai(self.url) else self._which_weights()
        return key_of(*self._asked_of, self._weights, text)

    def _which_weights(self) -> int:
        """A number for the model that a server of one's own has under this name today: tomorrow it may be another."""
        now = self.asking.embed([PROBE], lambda *_: None)[0]                                    # (D,)
        for place in count():
            key = key_of("probe", *self._asked_of, place)
            before = self.cache.get([key]).get(key)
            if before is None:
                self.cache.put([key], now[None])
            if before is None or len(before) == len(now) and before @ now >= SAME * np.linalg.norm(before) * np.linalg.norm(now):
                return place

    def _keep(self, texts: list[str], embeddings: np.ndarray) -> None:
        self.cache.put([self._key(text) for text in texts], embeddings)
        with self._lock:
            self.asked += len(texts)
