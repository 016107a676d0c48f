"""What an endpoint for embeddings answered: vectors in the order that was asked for, or why they cannot be had."""

import base64
import json
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import numpy as np

from lit_embed.errors import first_line


class BadReply(Exception):
    """An answer with status 200 that is not the embeddings that were asked for."""


@dataclass(frozen=True)
class Reply:
    """
    embeddings   (N, D) float32
    tokens       that the endpoint says it read, 0 where it says nothing
    """

    embeddings: np.ndarray
    tokens: int


def read_reply(body: bytes, count: int) -> Reply:
    """The embeddings of `count` texts, put in order by their `index`, each a list of numbers or base64 of float32.

    Raises
        BadReply   no JSON (a body that was cut short), another number of embeddings, two of one text, not all of one width,
                   or numbers that are not finite
    """
    try:
        content = json.loads(body)
        entries = content["data"]
        places = [int(entry.get("index", place)) for place, entry in enumerate(entries)]
        vectors = [_vector(entry["embedding"]) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadReply(f"an answer that is no list of embeddings ({type(error).__name__}: {first_line(error)[:80]})") from error
    if sorted(places) != list(range(count)):
        twice = len(entries) == count
        raise BadReply("two embeddings with one index" if twice else f"{len(entries)} embeddings for {count} texts")
    widths = {len(vector) for vector in vectors}
    if len(widths) > 1 or 0 in widths:
        raise BadReply(f"embeddings of {' and '.join(map(str, sorted(widths)))} numbers")
    embeddings = np.empty((count, *widths), dtype=np.float32)
    embeddings[places] = vectors
    if not np.isfinite(embeddings).all():
        raise BadReply("embeddings with numbers that are not finite")
    return Reply(embeddings, _tokens(content))


def reason(body: bytes) -> str:
    """What an answer with an error says, in one line: OpenAI's error.message, or what similar servers write."""
    try:
        content = json.loads(body)
        error = content.get("error", content)
        said = error if isinstance(error, str) else error.get("message") or error.get("detail") or content
    except (ValueError, AttributeError):
        said = body.decode("utf8", "replace")
    return " ".join(str(said).split())[:300]


def out_of_money(body: bytes) -> bool:
    """Whether status 429 means that the account is empty, so that waiting does not help."""
    return b"insufficient_quota" in body or b"billing_hard_limit" in body


def seconds_to_wait(header: str | None) -> float | None:
    """Retry-After: seconds, or a date (RFC 9110, section 10.2.3); None where it says nothing that can be read."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _vector(value: list[float] | str) -> np.ndarray:                                                      # (D,)
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    return np.asarray(value, dtype=np.float32).reshape(-1)


def _tokens(content: dict) -> int:
    usage = content.get("usage") or {}
    return int(usage.get("prompt_tokens") or usage.get("total_tokens") or 0)
