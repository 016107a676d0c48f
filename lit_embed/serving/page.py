"""The page at /: one file without a single foreign host, and the policy that keeps it so."""

import base64
import hashlib
import re
from pathlib import Path

FILE = Path(__file__).with_name("page.html")


def page() -> tuple[str, str]:
    """The page, and its Content-Security-Policy: this script and style by their hashes, requests to this server, no more."""
    html = FILE.read_text(encoding="utf8")
    script, style = (_hash(re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL).group(1)) for tag in ("script", "style"))
    return html, (f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
                  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
