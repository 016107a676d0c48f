"""Uploading: refused before the work where it cannot be, and what the Hub says is one line. A server on this machine stands in."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from lit_embed.commands import hub
from lit_embed.errors import UserError


@pytest.mark.parametrize(("repository", "offline", "token", "words"), [
    (None, False, "t", "takes --repo NAME/MODEL$"), ("model", False, "t", "takes --repo NAME/MODEL, not model"),
    ("a/b", True, "t", "HF_HUB_OFFLINE is set"), ("a/b", False, None, "nobody is logged in")])
def test_what_cannot_be_uploaded_is_refused(monkeypatch, repository, offline, token, words):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(hub, "get_token", lambda: token)
    with pytest.raises(UserError, match=words):
        hub.refuse_without_hub(repository)


def test_a_name_and_a_token_are_enough(monkeypatch):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "get_token", lambda: "t")
    hub.refuse_without_hub("some-one/model.v2")


def test_the_repository_is_made_and_the_folder_committed(tmp_path, monkeypatch):
    asked = {}
    double = SimpleNamespace(create_repo=lambda name, **how: asked.update(made=(name, how)),
                             upload_folder=lambda **how: asked.update(how) or SimpleNamespace(commit_url="https://there"))
    monkeypatch.setattr(hub, "HfApi", lambda: double)
    assert hub.upload(tmp_path, "a/b", private=True) == "uploaded: https://there"
    assert asked["made"] == ("a/b", {"private": True, "exist_ok": True})
    assert (asked["folder_path"], asked["repo_id"]) == (tmp_path, "a/b")


class Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.end_headers()
        self.wfile.write(json.dumps({"error": "You have no rights here"}).encode())

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.mark.filterwarnings("default")
def test_what_the_hub_refuses_is_one_line(tmp_path, monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(hub, "HfApi", lambda of=hub.HfApi: of(endpoint=address, token="t"))
    try:
        with pytest.raises(UserError, match=r"--repo a/b: the Hub did not take the model \(.*403"):
            hub.upload(tmp_path, "a/b")
    finally:
        server.shutdown()
        server.server_close()
