"""Ways to answer questions from a corpus, each with its clock: by words, by meaning, by both, and re-ranked.

The parts are timed apart: what is done once for the corpus, and per question the model (encode), the search, and the
cross-encoder (rerank). All questions go through a part together, as a batch would.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lit_embed.search.bm25 import Bm25
from lit_embed.search.fusion import Ranking, reciprocal_rank_fusion
from lit_embed.search.index import Index
from lit_embed.search.questions import RetrievalSet
from lit_embed.search.rerank import rerank

Encode = Callable[[list[str], str], np.ndarray]         # N texts, "query" or "document" -> (N, D)
Score = Callable[[list[tuple[str, str]]], np.ndarray]   # N pairs of question and passage -> (N,)
RERANK = "+rerank"


@dataclass(frozen=True)
class Found:
    """The answers of one system to Q questions.

    ranking          scores (Q, K) and places (Q, K), best first, place -1 where nothing was found
    seconds          of each part, all questions together: "encode", "search", "rerank"
    corpus_seconds   spent once: encoding the passages, counting their words, building the index
    candidates       (Q, C) places that a cross-encoder chose from, None without one
    keep             so many of them at most, 0 without one
    """

    ranking: Ranking
    seconds: dict[str, float] = field(default_factory=dict)
    corpus_seconds: float = 0.0
    candidates: np.ndarray | None = None
    keep: int = 0

    @property
    def places(self) -> np.ndarray:                                                     # (Q, K)
        return self.ranking[1]

    def milliseconds(self) -> dict[str, float]:
        """Of each part, per question."""
        asked = max(1, len(self.places))
        return {part: 1000 * self.seconds.get(part, 0.0) / asked for part in ("encode", "search", "rerank")}


def by_words(asked: RetrievalSet, depth: int) -> Found:
    """BM25: the floor, which needs no model."""
    bm25, build = _timed(lambda: Bm25.build(asked.passages))
    ranking, search = _timed(lambda: bm25.search(asked.questions, depth))
    return Found(ranking, {"search": search}, build)


def by_meaning(encode: Encode, asked: RetrievalSet, depth: int,
               similarity: Literal["cosine", "dot", "l2"] = "cosine") -> Found:
    """The nearest embeddings, every passage compared with every question. Any model that embeds will do."""
    passages, encoding = _timed(lambda: encode(asked.passages, "document"))
    index, build = _timed(lambda: Index.build(passages, asked.passages, kind="flat", similarity=similarity))
    queries, asking = _timed(lambda: encode(asked.questions, "query"))
    ranking, search = _timed(lambda: index.search(queries, depth))
    return Found(ranking, {"encode": asking, "search": search}, encoding + build)


def by_both(words: Found, meaning: Found, depth: int) -> Found:
    """Reciprocal rank fusion of two lists that were found already."""
    ranking, fusing = _timed(lambda: reciprocal_rank_fusion([meaning.ranking, words.ranking], depth))
    seconds = {part: words.seconds.get(part, 0.0) + meaning.seconds.get(part, 0.0) for part in ("encode", "search")}
    seconds["search"] += fusing
    return Found(ranking, seconds, words.corpus_seconds + meaning.corpus_seconds)


def reranked(score: Score, found: Found, asked: RetrievalSet, retrieve: int, keep: int) -> Found:
    """The first `retrieve` results in the order of a cross-encoder, cut to `keep`."""
    places = found.places[:, :retrieve]
    ranking, reading = _timed(lambda: rerank(score, asked.questions, places, asked.passages.__getitem__, keep))
    return Found(ranking, found.seconds | {"rerank": reading}, found.corpus_seconds, places, keep)


def run_systems(names: Sequence[str], asked: RetrievalSet, encoders: dict[str, Encode], score: Score | None, depth: int,
                retrieve: int = 30, keep: int = 10, similarity: str = "cosine") -> dict[str, Found]:
    """What each system finds; work that several share is done once.

    names      "bm25", the names of encoders, "hybrid" (BM25 with the encoder called "dense"); with "+rerank" behind one
               of these its first `retrieve` results go through the cross-encoder, which keeps `keep`
    encoders   any number of models that embed, by name
    depth      results of each list, before re-ranking
    """
    stages = {"bm25": by_words(asked, depth)}
    stages |= {name: by_meaning(encode, asked, depth, similarity) for name, encode in encoders.items()}
    if "dense" in stages:
        stages["hybrid"] = by_both(stages["bm25"], stages["dense"], depth)
    found = {}
    for name in names:
        stage = stages[name.removesuffix(RERANK)]
        found[name] = reranked(score, stage, asked, retrieve, keep) if name.endswith(RERANK) else stage
    return found


def _timed(call: Callable[[], object]) -> tuple:
    started = time.perf_counter()
    return call(), time.perf_counter() - started
