"""POST /rerank: documents in the order of how well a cross-encoder finds that they answer a query.

    {"query": "where is my card?", "documents": ["one text", {"text": "another"}], "top_n": 1, "return_documents": true}

The shape of Cohere and Jina: https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc.
"""

import json

import numpy as np

from lit_embed.serving.fields import Fields
from lit_embed.serving.refusal import Refusal
from lit_embed.serving.served import Served

KNOWN = ("query", "documents", "model", "top_n", "return_documents", "user")


async def rerank_documents(served: Served, body: bytes) -> bytes:
    """
    Raises
        Refusal   400 or 404: what is wrong with the request, or no cross-encoder here
    """
    if served.scorer is None:
        raise Refusal(404, "nothing to re-rank with: start the server with --cross-encoder FOLDER", code="no_cross_encoder")
    fields = Fields(body, KNOWN, served.limits)
    fields.model(served.scorer.name)
    query = fields.text("query")
    documents = [document_of(fields, place, given) for place, given in enumerate(fields.list_of("documents"))]
    keep = fields.whole("top_n", None, served.limits.texts)
    shown = fields.flag("return_documents")
    scores, tokens = await served.scorer.score(query, documents)
    if not np.isfinite(scores).all():
        raise Refusal(500, "the cross-encoder gives NaN or infinite scores: its training diverged")
    order = np.argsort(-scores, kind="stable")[:keep].tolist()               # equal scores keep the order of the request
    results = [{"index": place, "relevance_score": float(scores[place])} for place in order]
    if shown:
        results = [each | {"document": {"text": documents[each["index"]]}} for each in results]
    content = {"model": served.scorer.name, "results": results, "usage": {"total_tokens": tokens}}
    return json.dumps(content, ensure_ascii=False).encode()


def document_of(fields: Fields, place: int, given: object) -> str:
    """A text, by itself or as the field `text` of an object."""
    if isinstance(given, dict) and "text" in given:
        return fields.checked(given["text"], f"documents[{place}].text")
    return fields.checked(given, f"documents[{place}]")
