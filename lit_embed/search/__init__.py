"""Search: arrays and texts in, ids out. No model is loaded here; embeddings come from whoever calls."""

from lit_embed.search.index import Index
from lit_embed.search.questions import RetrievalSet
from lit_embed.search.retrieval import RetrievalTask, distinct, rank_answers, retrieval_task

__all__ = ["Index", "RetrievalSet", "RetrievalTask", "distinct", "rank_answers", "retrieval_task"]
