"""Who is let in: by the name in the address, by a token, and with JSON, which no page of another origin can send here.

A browser lets any page post a form to 127.0.0.1, but asks this server before it lets one post JSON, and is refused; and
a foreign name that leads to 127.0.0.1 (DNS rebinding) shows in the Host header.
"""

import hmac
from dataclasses import dataclass

from lit_embed.serving.refusal import Refusal

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN = ("/", "/health")          # no token needed: the page asks for it, and whoever watches the server has none


@dataclass(frozen=True)
class Guard:
    """
    hosts   names that the Host header may have; None: any
    token   what the Authorization header must bear; None: nothing
    """

    hosts: frozenset[str] | None = LOOPBACK
    token: str | None = None

    def check(self, method: str, path: str, headers: dict[bytes, bytes]) -> None:
        """headers: names in small letters

        Raises
            Refusal   403: a name that is not ours; 401: no token, or a wrong one; 415: something else than JSON
        """
        host = host_name(headers.get(b"host", b"").decode("latin-1"))
        if self.hosts is not None and host not in self.hosts:
            raise Refusal(403, f"the Host header says {host[:80]!r}, this server is {', '.join(sorted(self.hosts))}: another name "
                          "is let in by --allowed-host NAME", code="unknown_host")
        if self.token is not None and path not in OPEN and not self._bears_token(headers.get(b"authorization", b"")):
            raise Refusal(401, "a token is needed: Authorization: Bearer TOKEN, with the one in the server's LIT_EMBED_TOKEN",
                          code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if method == "POST" and kind != b"application/json":
            raise Refusal(415, "the Content-Type is not application/json: send JSON, and say so", code="unsupported_media_type")

    def _bears_token(self, header: bytes) -> bool:
        scheme, _, given = header.partition(b" ")
        # As long whether the first letter is wrong or the last, so that nobody can guess one letter after the other.
        return hmac.compare_digest(given.strip(), self.token.encode()) and scheme.lower() == b"bearer"


def host_name(header: str) -> str:
    """Without the port: "localhost:8000" -> "localhost", "[::1]:8000" -> "::1"."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
