"""Models behind HTTP: embeddings in OpenAI's shape, re-ranking, search, and a page to try them."""

from lit_embed.serving.application import application
from lit_embed.serving.guard import Guard
from lit_embed.serving.limits import Limits
from lit_embed.serving.served import Corpus, Served

__all__ = ["Corpus", "Guard", "Limits", "Served", "application"]
