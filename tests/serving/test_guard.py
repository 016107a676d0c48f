"""Who is let in: a name of this machine, the right token, and JSON."""

import pytest

from lit_embed.serving.guard import Guard, host_name
from lit_embed.serving.refusal import Refusal

JSON = {b"content-type": b"application/json"}


def refused(guard: Guard, method: str, path: str, **headers: str) -> int | None:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    try:
        return guard.check(method, path, {b"host": b"localhost:8000"} | named)
    except Refusal as refusal:
        return refusal.status


@pytest.mark.parametrize(("header", "name"), [
    ("localhost:8000", "localhost"), ("LocalHost", "localhost"), ("[::1]:80", "::1"),
    ("127.0.0.1", "127.0.0.1"), ("", ""), ("[::1", "::1"), ("a.b:c:d", "a.b")])
def test_the_name_of_a_host_is_read_without_its_port(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize(("host", "status"), [
    ("localhost", None), ("127.0.0.1:9", None), ("[::1]:9", None), ("evil.example:8000", 403),
    ("", 403), ("localhost.evil.example", 403), ("127.0.0.1.nip.io", 403)])
def test_a_foreign_name_that_leads_here_is_refused(host, status):
    assert refused(Guard(), "GET", "/", host=host) == status
    assert refused(Guard(None), "GET", "/", host=host) is None


@pytest.mark.parametrize(("header", "status"), [
    ("Bearer secret", None), ("bearer secret", None), ("Bearer  secret ", None), ("", 401),
    ("Bearer", 401), ("Bearer secre", 401), ("Bearer secrets", 401), ("Basic secret", 401),
    ("secret", 401), ("Bearer sécret", 401)])
def test_only_the_token_itself_opens(header, status):
    assert refused(Guard(token="secret"), "GET", "/metrics", authorization=header) == status
    assert refused(Guard(token="secret"), "GET", "/", authorization=header) is None
    assert refused(Guard(token="secret"), "GET", "/health") is None


@pytest.mark.parametrize(("kind", "status"), [
    ("application/json", None), ("Application/JSON; charset=utf-8", None), ("text/plain", 415),
    ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=x", 415),
    ("", 415), ("text/plain; application/json", 415)])
def test_what_a_form_of_another_origin_can_send_is_refused(kind, status):
    assert refused(Guard(), "POST", "/search", content_type=kind) == status
