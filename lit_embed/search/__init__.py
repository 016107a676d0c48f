"""Search: arrays and texts in, ids out. No model is loaded here; embeddings come from whoever calls."""

from lit_embed.search.bm25 import Bm25
from lit_embed.search.fusion import reciprocal_rank_fusion, weighted_fusion
from lit_embed.search.index import Index
from lit_embed.search.questions import RetrievalSet
from lit_embed.search.retrieval import RetrievalTask, distinct, rank_answers, retrieval_task
from lit_embed.search.three_ways import Reranker, bm25_search, dense_search, hybrid_search

__all__ = ["Bm25", "Index", "Reranker", "RetrievalSet", "RetrievalTask", "bm25_search", "dense_search", "distinct",
           "hybrid_search", "rank_answers", "reciprocal_rank_fusion", "retrieval_task", "weighted_fusion"]
