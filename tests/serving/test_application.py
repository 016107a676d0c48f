"""The routes that tell something, and errors in one shape whatever raised them."""

import logging

import pytest
from toy_server import LIMITS, running

from lit_embed.errors import UserError
from lit_embed.serving import Served


def test_models_are_listed_in_openais_shape(client, bare):
    content = client.get("/v1/models").json
    assert content["object"] == "list" and [model["id"] for model in content["data"]] == ["toy", "judge"]
    assert client.get("/v1/models/judge").json == content["data"][1]
    assert [model["id"] for model in bare.get("/v1/models").json["data"]] == ["toy"]
    answer = client.get("/v1/models/another/one")
    assert answer.status == 404 and "'another/one'" in answer.message


def test_about_says_which_parts_there_are(client, bare):
    told = client.get("/about").json
    assert (told["model"], told["base"], told["cross_encoder"], told["documents"]) == ("toy", "before", "judge", 40)
    told = bare.get("/about").json
    assert (told["base"], told["cross_encoder"], told["documents"]) == (None, None, None)
    assert bare.get("/health").json == {"status": "ok"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/v1/embeddings", 405),
                                                        ("POST", "/health", 405),
                                                        ("DELETE", "/v1/models", 405), ("GET", "/../../etc/passwd", 404)])
def test_an_unknown_route_is_answered_with_those_that_there_are(client, method, path, status):
    answer = client.ask(method, path, {} if method == "POST" else None)
    assert answer.status == status and "POST /v1/embeddings" in answer.message
    assert answer.headers["x-content-type-options"] == "nosniff"


class Broken:
    width = 4

    def __init__(self, error: Exception):
        self.error = error

    def encode(self, texts: list[str], role: str = "text") -> None:
        raise self.error


@pytest.mark.parametrize(("error", "words"), [(UserError("the weights are sharded"), "sharded"), (KeyError("inner"), "KeyError")])
def test_what_the_model_raises_is_a_500_in_the_same_shape(error, words, caplog):
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    with running(Served("broken", Broken(error), limits=LIMITS)) as client:
        answer = client.post("/v1/embeddings", input="a")
        assert answer.status == 500 and words in answer.message and "inner" not in answer.message
        assert client.get("/health").status == 200
