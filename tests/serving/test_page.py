"""The page: one file, nothing foreign, its script and style named by their hashes, no markup made of text."""

import base64
import hashlib
import re

from lit_embed.serving.page import FILE, page


def test_the_page_comes_with_a_policy_that_lets_only_its_own_script_run(client):
    answer = client.get("/")
    html, policy = answer.body.decode(), answer.headers["content-security-policy"]
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/html") and (html, policy) == page()
    for tag in ("script", "style"):
        content, = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "frame-ancestors 'none'" in policy


def test_nothing_on_the_page_is_foreign_or_made_of_markup():
    html = FILE.read_text(encoding="utf8")
    assert not re.findall(r"https?://|//[a-z]+\.|@import|url\(", html)
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|\son[a-z]+=|style=", html)


def test_the_columns_ask_for_what_the_server_answers(client):
    asks = re.findall(r"asks: (\{[^}]*\})", FILE.read_text(encoding="utf8"))
    assert len(asks) == 4
    for each in asks:
        fields = {name: value == "true" or value.strip('"') for name, value in re.findall(r'(\w+): ("\w+"|true)', each)}
        assert client.post("/search", query="the cat", k=10, **fields).status == 200
