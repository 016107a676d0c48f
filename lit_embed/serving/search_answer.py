"""POST /search: the documents of the index that answer a query, by meaning, by words, or by both, re-ranked if asked.

    {"query": "where is my card?", "k": 10, "mode": "hybrid", "rerank": true, "retrieve": 30}

`model: base` searches by the vectors of the model that the server was given to compare with.
"""

import json
import time
from dataclasses import dataclass

import numpy as np

from lit_embed.search import Index, bm25_search, dense_search, hybrid_search
from lit_embed.search.fusion import Ranking
from lit_embed.search.rerank import rerank
from lit_embed.search.terms import spans
from lit_embed.serving.fields import Fields
from lit_embed.serving.refusal import Refusal
from lit_embed.serving.served import Corpus, Served

KNOWN = ("query", "k", "mode", "rerank", "retrieve", "model")
MODES = ("dense", "bm25", "hybrid")
RETRIEVE = 30


@dataclass(frozen=True)
class Asked:
    """The vector of a query that is known already, where a search expects a model to make it."""

    vectors: np.ndarray                                   # (1, D)

    def encode(self, texts: list[str], role: str, *, progress: bool) -> np.ndarray:
        return self.vectors


async def search_documents(served: Served, body: bytes) -> bytes:
    """
    Raises
        Refusal   400 or 404: what is wrong with the request, or a part that the server was not started with
    """
    if served.corpus is None:
        raise Refusal(404, "nothing to search: start the server with --index FOLDER, which lit-embed index makes", code="no_index")
    fields = Fields(body, KNOWN, served.limits)
    query, mode, re_ranked = fields.text("query"), fields.choice("mode", MODES), fields.flag("rerank")
    k = fields.whole("k", 10, served.limits.results)
    retrieve = fields.whole("retrieve", max(RETRIEVE, k) if re_ranked else None, served.limits.results)
    base = chosen(served, fields, mode)
    refuse_contradictions(served, re_ranked, k, retrieve)
    times = [time.perf_counter()]
    vectors = None if mode == "bm25" else (await (served.base if base else served.model).embed([query], "query"))[0]
    times.append(time.perf_counter())
    index = served.corpus.base if base else served.corpus.index
    ranking = await served.search(find, served.corpus, index, query, vectors, mode, max(k, retrieve or 0))
    times.append(time.perf_counter())
    if re_ranked:
        ranking = await in_a_better_order(served, query, ranking, k)
    times.append(time.perf_counter())
    results = await served.search(described, served.corpus, query, ranking)
    score = "re-ranked" if re_ranked else {"dense": index.similarity, "bm25": "bm25", "hybrid": "fused"}[mode]
    parts = dict(zip(("encode", "search", "rerank"), np.round(1000 * np.diff(times), 2).tolist()))
    content = {"query": query, "mode": mode, "score": score, "documents": len(served.corpus.index), "results": results,
               "milliseconds": parts}
    return json.dumps(content, ensure_ascii=False).encode()


def chosen(served: Served, fields: Fields, mode: str) -> bool:
    """Whether the base model is meant."""
    if fields.value("model") == "base":
        if served.base is None:
            raise Refusal(404, "no base model here: start the server with --base FOLDER", "model", "no_base")
        if mode == "hybrid":
            raise Refusal(400, "mode is hybrid: the base model is searched by meaning alone", "mode")
        return True
    fields.model(served.model.name)
    return False


def refuse_contradictions(served: Served, re_ranked: bool, k: int, retrieve: int | None) -> None:
    if re_ranked and served.scorer is None:
        raise Refusal(400, "nothing to re-rank with: start the server with --cross-encoder FOLDER", "rerank", "no_cross_encoder")
    if retrieve is not None and not re_ranked:
        raise Refusal(400, "retrieve says how many results are re-ranked: it belongs to rerank true", "retrieve")
    if retrieve is not None and retrieve < k:
        raise Refusal(400, f"retrieve {retrieve} is fewer than the {k} results to keep", "retrieve")


def find(corpus: Corpus, index: Index, query: str, vectors: np.ndarray | None, mode: str, k: int) -> Ranking:
    """scores (1, K) and places (1, K)"""
    if mode == "dense":
        return dense_search(Asked(vectors), index, [query], k)
    if mode == "bm25":
        return bm25_search(corpus.bm25, [query], k)
    return hybrid_search(Asked(vectors), index, corpus.bm25, [query], k)


async def in_a_better_order(served: Served, query: str, found: Ranking, keep: int) -> Ranking:
    """What was found, by the cross-encoder's scores."""
    corpus, places = served.corpus, found[1]
    texts = await served.search(lambda: list(dict.fromkeys(corpus.index.text(place) for place in places[0].tolist() if place >= 0)))
    scores, _ = await served.scorer.score(query, texts)
    known = dict(zip(texts, scores))

    def score(pairs: list[tuple[str, str]]) -> np.ndarray:
        return np.array([known[text] for _, text in pairs])

    return await served.search(rerank, score, [query], places, corpus.index.text, keep)


def described(corpus: Corpus, query: str, ranking: Ranking) -> list[dict]:
    """What is shown of each result; `words`: start and end, in code points, of words that it shares with the query."""
    telling, ids = corpus.bm25.telling(query), corpus.index.ids
    results = []
    for rank, (score, place) in enumerate(zip(ranking[0][0].tolist(), ranking[1][0].tolist()), 1):
        if place >= 0:
            text = corpus.index.text(place)
            results.append({"rank": rank, "id": ids[place], "score": round(score, 6), "text": text,
                            "words": spans(text, telling, corpus.bm25.tokens)})
    return results
