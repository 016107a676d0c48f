"""How an endpoint is named where a model is asked for, and what the environment says about it."""

import os
from urllib.parse import urlsplit

from lit_embed.errors import UserError

PREFIX = "openai:"
OPENAI = "https://api.openai.com/v1"


def is_endpoint(name: object) -> bool:
    """Whether a model's name is that of an endpoint, not a folder."""
    return str(name).startswith(PREFIX)


def model_and_url(name: str) -> tuple[str, str]:
    """`openai:MODEL@URL`; without URL the environment's OPENAI_BASE_URL, or OpenAI's own.

    Raises
        UserError   no model is named, or the URL is none
    """
    model, _, url = name.removeprefix(PREFIX).partition("@http")
    if not model or model.isspace():
        raise UserError(f"{name}: no model is named; write {PREFIX}MODEL, or {PREFIX}MODEL@http://127.0.0.1:8000/v1")
    return model, checked(f"http{url}" if url else os.environ.get("OPENAI_BASE_URL") or OPENAI)


def checked(url: str) -> str:
    """The address without a slash at its end.

    Raises
        UserError   it is not http(s)://HOST..., or holds a password
    """
    try:
        parts = urlsplit(url)
        parts.port                                                     # reading it is what checks it
    except ValueError as error:
        raise UserError(f"the endpoint's address {url} cannot be read ({error})") from error
    if parts.username or parts.password:
        raise UserError(f"the endpoint's address at {parts.hostname} holds a password: give the key in OPENAI_API_KEY instead")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"{url} is no address of an endpoint: write http://HOST:PORT/v1 or https://HOST/v1")
    return url.rstrip("/")


def is_openai(url: str) -> bool:
    """There a name means the same weights for ever."""
    return urlsplit(url).hostname == urlsplit(OPENAI).hostname


def is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def number(variable: str) -> float | None:
    """A positive number of the environment, None where it is not set.

    Raises
        UserError   something else
    """
    value = os.environ.get(variable)
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 < found < float("inf"):
        raise UserError(f"the environment's {variable} is {value!r}, which is no number above 0")
    return found
