"""What a server was started with, as things to await: vectors of texts, scores of pairs, and a corpus to search."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np

from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.search import Bm25, Index
from lit_embed.serving.limits import Limits
from lit_embed.serving.model_thread import ModelThread, Work
from lit_embed.serving.prometheus import Metrics
from lit_embed.serving.token_counts import TokenCounter

ROLES = ("text", "query", "document")


@dataclass(frozen=True)
class Corpus:
    """N documents to search.

    index   the model's vectors of them
    bm25    their words
    base    another model's vectors of the same documents, in the same order, to compare with
    """

    index: Index
    bm25: Bm25
    base: Index | None = None


class EmbeddingModel:
    """An encoder for many requests at once."""

    def __init__(self, name: str, encoder: TextEncoder, thread: ModelThread):
        self.name, self.width, self._thread = name, encoder.width, thread
        self._counter = TokenCounter(getattr(encoder, "tokenizer", None))
        self._prefixes = {"query": getattr(encoder, "query_prefix", ""), "document": getattr(encoder, "document_prefix", "")}
        self._works = {role: Work("embed", partial(encoder.encode, role=role)) for role in ROLES}

    async def embed(self, texts: list[str], role: str) -> tuple[np.ndarray, int]:
        """N texts -> (N, D) float32, and their tokens."""
        lengths, truncated = await self._counter.count(texts, self._prefixes.get(role, ""))
        rows = await self._thread.run(self._works[role], texts, lengths)
        self._thread.metrics.truncated.add(truncated)
        return np.stack(rows), int(lengths.sum())

    def close(self) -> None:
        self._counter.close()


class ScoringModel:
    """A cross-encoder for many requests at once."""

    def __init__(self, name: str, scorer: TextPairScorer, thread: ModelThread):
        self.name, self._thread, self._longest = name, thread, scorer.max_length
        self._counter, self._special = TokenCounter(scorer.tokenizer), len(scorer.tokenizer.template)
        self._prefixes = scorer.query_prefix, scorer.document_prefix
        self._work = Work("score", scorer.score)

    async def score(self, query: str, documents: list[str]) -> tuple[np.ndarray, int]:
        """Scores of one query with N documents, (N,), and the tokens of these pairs."""
        (asked, _), (lengths, _) = await asyncio.gather(self._counter.count([query], self._prefixes[0]),
                                                        self._counter.count(documents, self._prefixes[1]))
        whole = lengths + asked[0] + self._special                                             # (N,)
        costs = np.minimum(whole, self._longest)
        scores = await self._thread.run(self._work, [(query, document) for document in documents], costs)
        self._thread.metrics.truncated.add(int((whole > self._longest).sum()))
        return np.asarray(scores, dtype=np.float32), int(costs.sum())

    def close(self) -> None:
        self._counter.close()


class Served:
    """Everything behind the routes; an asynchronous context, inside which it answers.

    name, encoder   the embedding model, and what /v1/models calls it
    corpus          documents to search, None without an index
    scorer          (name, cross-encoder) or None
    base            (name, encoder) of the vectors in corpus.base, or None
    """

    def __init__(self, name: str, encoder: TextEncoder, corpus: Corpus | None = None,
                 scorer: tuple[str, TextPairScorer] | None = None, base: tuple[str, TextEncoder] | None = None,
                 limits: Limits = Limits()):
        self.limits, self.metrics, self.corpus = limits, Metrics(), corpus
        self._thread = ModelThread(limits, self.metrics)
        self.model = EmbeddingModel(name, encoder, self._thread)
        self.base = EmbeddingModel(*base, self._thread) if base else None
        self.scorer = ScoringModel(*scorer, self._thread) if scorer else None
        self._searching = ThreadPoolExecutor(1, thread_name_prefix="search")     # an index caches what it reads

    async def search(self, call: Callable, *arguments: object) -> object:
        """Runs a call that reads the corpus."""
        return await asyncio.get_running_loop().run_in_executor(self._searching, call, *arguments)

    async def __aenter__(self) -> "Served":
        self._open = AsyncExitStack()
        await self._open.enter_async_context(self._thread)
        for each in (self.model, self.base, self.scorer):
            if each:
                self._open.callback(each.close)
        self._open.callback(self._searching.shutdown)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()
