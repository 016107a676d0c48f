"""Search by meaning, by words, and by both; each can be re-ranked by a cross-encoder.

    index, bm25 = Index.open(folder), Bm25.build(texts)
    reranker = Reranker(TextPairScorer.from_folder(cross_encoder).score, index.text, retrieve=30)
    scores, places = hybrid_search(encoder, index, bm25, ["what to look for"], k=10, reranker=reranker)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lit_embed.search.bm25 import Bm25
from lit_embed.search.fusion import Ranking, reciprocal_rank_fusion
from lit_embed.search.rerank import rerank

DEPTH = 100             # candidates that a fusion takes from each side: a passage far down one list may lead the other


class Encoder(Protocol):
    def encode(self, texts: list[str], role: str, *, progress: bool) -> np.ndarray: ...  # N texts -> (N, D)


class Vectors(Protocol):
    def __len__(self) -> int: ...

    def search(self, queries: np.ndarray, k: int) -> Ranking: ...                        # (Q, D) -> (Q, K) each


@dataclass(frozen=True)
class Reranker:
    """Who puts candidates in a better order.

    score      pairs of question and passage -> (P,), such as the `score` of a TextPairScorer
    text_of    the passage at a place of the corpus
    retrieve   candidates of each question that it reads; as many as are asked for, if those are more
    """

    score: Callable[[list[tuple[str, str]]], np.ndarray]
    text_of: Callable[[int], str]
    retrieve: int = 30


def dense_search(encoder: Encoder, index: Vectors, queries: Sequence[str], k: int = 10,
                 reranker: Reranker | None = None, progress: bool = False) -> Ranking:
    """The k passages of each query nearest to it in meaning: scores (Q, K) and places (Q, K), best first."""
    vectors = encoder.encode(list(queries), "query", progress=progress)                  # (Q, D)
    return _reranked(index.search(vectors, _candidates(k, reranker)), queries, k, reranker)


def bm25_search(bm25: Bm25, queries: Sequence[str], k: int = 10, reranker: Reranker | None = None) -> Ranking:
    """The k passages that share most with each query word by word; -inf and -1 where fewer share anything."""
    return _reranked(bm25.search(queries, _candidates(k, reranker)), queries, k, reranker)


def hybrid_search(encoder: Encoder, index: Vectors, bm25: Bm25, queries: Sequence[str], k: int = 10,
                  fuse: Callable[[list[Ranking], int], Ranking] = reciprocal_rank_fusion,
                  reranker: Reranker | None = None, progress: bool = False) -> Ranking:
    """Both of the above, fused into one ranking.

    fuse   reciprocal_rank_fusion, weighted_fusion, or one of them with its settings: the dense ranking comes first, so
           functools.partial(weighted_fusion, weights=[0.7, 0.3]) counts meaning 0.7 and words 0.3
    """
    if len(bm25) != len(index):
        raise ValueError(f"the vectors are those of {len(index)} passages, BM25 counted the words of {len(bm25)}")
    wanted = _candidates(k, reranker)
    depth = max(DEPTH, wanted)
    both = [dense_search(encoder, index, queries, depth, progress=progress), bm25_search(bm25, queries, depth)]
    return _reranked(fuse(both, min(wanted, len(index))), queries, k, reranker)


def _candidates(k: int, reranker: Reranker | None) -> int:
    return k if reranker is None else max(k, reranker.retrieve)


def _reranked(found: Ranking, queries: Sequence[str], k: int, reranker: Reranker | None) -> Ranking:
    if reranker is None:
        return found
    return rerank(reranker.score, list(queries), found[1], reranker.text_of, k)
