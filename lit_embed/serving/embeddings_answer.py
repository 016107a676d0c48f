"""POST /v1/embeddings: texts to vectors, in OpenAI's shape.

    {"input": ["a text", "another"], "model": "quickstart", "encoding_format": "float", "dimensions": 128, "input_type": "query"}

https://platform.openai.com/docs/api-reference/embeddings; `input_type`, whose prefix goes before each text (query,
document, or none for text), is ours.
"""

import asyncio
import base64
import json

import numpy as np

from lit_embed.serving.fields import Fields
from lit_embed.serving.refusal import Refusal
from lit_embed.serving.served import ROLES, Served

KNOWN = ("input", "model", "encoding_format", "dimensions", "user", "input_type")


async def embeddings(served: Served, body: bytes) -> bytes:
    """
    Raises
        Refusal   400 or 404: what is wrong with the request
    """
    fields = Fields(body, KNOWN, served.limits)
    fields.model(served.model.name)
    texts = texts_of(fields)
    role = fields.choice("input_type", ROLES)
    encoding = fields.choice("encoding_format", ("float", "base64"))
    width = fields.whole("dimensions", None, served.model.width)
    vectors, tokens = await served.model.embed(texts, role)
    vectors = vectors if width is None else shortened(vectors, width)
    return await asyncio.to_thread(written, vectors, tokens, encoding, served.model.name)


def texts_of(fields: Fields) -> list[str]:
    """The field `input`: one text, or a list of them."""
    given = fields.needed("input")
    texts = [given] if isinstance(given, str) else fields.list_of("input")
    if any(isinstance(part, int | list) for part in texts):
        raise Refusal(400, "input holds token ids, which mean nothing to a model with another tokenizer: send texts (LangChain's "
                      "OpenAIEmbeddings does with check_embedding_ctx_length=False)", "input", "token_ids")
    for place, text in enumerate(texts):
        name = "input" if given is text else f"input[{place}]"
        if not fields.checked(text, name):
            raise Refusal(400, f"{name} is an empty text", "input")
    return texts


def shortened(vectors: np.ndarray, width: int) -> np.ndarray:
    """The first numbers of each vector, of length 1 again.  (N, D) -> (N, width)

    Means something for models trained for it: Matryoshka representations, https://arxiv.org/abs/2205.13147.
    """
    first = vectors[:, :width]
    return first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)


def written(vectors: np.ndarray, tokens: int, encoding: str, model: str) -> bytes:
    """The answer, row by row: one call for a million numbers would keep all other threads waiting."""
    numbers = np.ascontiguousarray(vectors, dtype="<f4")
    if not np.isfinite(numbers).all():
        raise Refusal(500, "the model gives NaN or infinite numbers: its training diverged")
    rows = []
    for place, row in enumerate(numbers):
        value = base64.b64encode(row.tobytes()).decode() if encoding == "base64" else row.tolist()
        rows.append(json.dumps({"object": "embedding", "index": place, "embedding": value}))
    usage = json.dumps({"prompt_tokens": tokens, "total_tokens": tokens})
    return f'{{"object": "list", "data": [{", ".join(rows)}], "model": {json.dumps(model)}, "usage": {usage}}}'.encode()
