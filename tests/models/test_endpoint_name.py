"""openai:MODEL@URL, and what of it is refused."""

import pytest

from lit_embed.errors import UserError
from lit_embed.models.endpoint_name import checked, is_endpoint, is_openai, is_this_machine, model_and_url, number


@pytest.mark.parametrize("name, model, url", [
    ("openai:text-embedding-3-small", "text-embedding-3-small", "https://api.openai.com/v1"),
    ("openai:BAAI/bge-m3:latest@http://127.0.0.1:8000/v1/", "BAAI/bge-m3:latest", "http://127.0.0.1:8000/v1"),
    ("openai:me@home@https://host/v1", "me@home", "https://host/v1")])
def test_a_name_holds_a_model_and_may_hold_an_address(name, model, url, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert is_endpoint(name) and model_and_url(name) == (model, url)


def test_the_environment_says_where_unless_the_name_does(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1")
    assert model_and_url("openai:m")[1] == "http://localhost:9/v1"
    assert model_and_url("openai:m@http://other/v1")[1] == "http://other/v1"


@pytest.mark.parametrize("name", ["openai:", "openai:@http://host/v1", "openai: "])
def test_a_name_without_a_model_is_refused(name):
    with pytest.raises(UserError, match="no model is named"):
        model_and_url(name)


@pytest.mark.parametrize("url", ["ftp://host/v1", "http://", "host/v1", "http://host/v1?key=1", "http://host:port/v1"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UserError, match="address"):
        checked(url)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(UserError, match="OPENAI_API_KEY") as refused:
        checked("https://me:sesame@host/v1")
    assert "sesame" not in str(refused.value)


def test_folders_are_no_endpoints(tmp_path):
    assert not is_endpoint(tmp_path) and not is_endpoint("models/openai")


def test_whose_machine_it_is():
    here = [is_this_machine(url) for url in ("http://localhost:1/v1", "http://127.0.0.1/v1", "https://host/v1")]
    assert here == [True, True, False]
    assert is_openai("https://api.openai.com/v1") and not is_openai("https://host/v1")


def test_numbers_of_the_environment_are_checked(monkeypatch):
    monkeypatch.delenv("LIT_EMBED_X", raising=False)
    assert number("LIT_EMBED_X") is None
    monkeypatch.setenv("LIT_EMBED_X", "0.02")
    assert number("LIT_EMBED_X") == 0.02
    for wrong in ("cheap", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("LIT_EMBED_X", wrong)
        with pytest.raises(UserError, match="LIT_EMBED_X is"):
            number("LIT_EMBED_X")
