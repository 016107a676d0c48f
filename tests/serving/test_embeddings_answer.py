"""/v1/embeddings: the vectors of the model itself, in OpenAI's shape, alone or among fifty other requests."""

import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from toy_server import TEXTS


def test_the_answer_has_openais_shape(client, encoder):
    answer = client.post("/v1/embeddings", input=["the cat", "a dog sat"], model="toy", user="somebody")
    content = answer.json
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert content["object"] == "list" and content["model"] == "toy"
    assert [(row["object"], row["index"]) for row in content["data"]] == [("embedding", 0), ("embedding", 1)]
    assert content["usage"] == {"prompt_tokens": 9, "total_tokens": 9}                      # two special ones each
    np.testing.assert_allclose([row["embedding"] for row in content["data"]], encoder.encode(["the cat", "a dog sat"]), atol=1e-5)


def test_one_text_is_a_list_of_one(client):
    one = client.post("/v1/embeddings", input="the cat").json
    assert one == client.post("/v1/embeddings", input=["the cat"]).json


def test_base64_holds_the_same_numbers(client):
    rows = client.post("/v1/embeddings", input=TEXTS[:3], encoding_format="base64").json["data"]
    numbers = np.stack([np.frombuffer(base64.b64decode(row["embedding"]), dtype="<f4") for row in rows])
    np.testing.assert_array_equal(numbers, client.vectors(*TEXTS[:3]))


@pytest.mark.parametrize("role", ["text", "query", "document"])
def test_the_input_type_puts_its_prefix_before_each_text(client, encoder, role):
    np.testing.assert_allclose(client.vectors(*TEXTS[:3], input_type=role), encoder.encode(TEXTS[:3], role), atol=1e-5)
    assert role == "text" or not np.allclose(client.vectors(TEXTS[0], input_type=role), client.vectors(TEXTS[0]), atol=1e-3)


def test_fewer_dimensions_are_the_first_ones_with_length_one(client):
    whole, short = client.vectors(*TEXTS[:3]), client.vectors(*TEXTS[:3], dimensions=5)
    first = whole[:, :5]
    np.testing.assert_allclose(short, first / np.linalg.norm(first, axis=1, keepdims=True), atol=1e-6)
    assert client.vectors("a", dimensions=32).shape == (1, 32)


def test_fifty_requests_at_once_get_what_each_would_get_alone(client, encoder):
    asked = [[TEXTS[(i + j) % 40] for j in range(1 + i % 5)] for i in range(50)]
    roles = [("text", "query", "document")[i % 3] for i in range(50)]
    before = client.metric('lit_embed_batch_texts_count{work="embed"}')
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda i: client.vectors(*asked[i], input_type=roles[i]), range(50)))
    for texts, role, vectors in zip(asked, roles, found):
        np.testing.assert_allclose(vectors, np.concatenate([encoder.encode([text], role) for text in texts]), atol=2e-5)
    assert client.metric('lit_embed_batch_texts_count{work="embed"}') - before < 50                 # some went together


@pytest.mark.parametrize(("fields", "status", "words"), [
    ({}, 400, "'input' is missing"), ({"input": []}, 400, "an empty list"), ({"input": ""}, 400, "input is an empty text"),
    ({"input": ["a", ""]}, 400, "input[1] is an empty text"), ({"input": [1, 2]}, 400, "token ids"),
    ({"input": [[1, 2]]}, 400, "check_embedding_ctx_length=False"), ({"input": {"a": 1}}, 400, "input is an object"),
    ({"input": ["a", None]}, 400, "input[1] is null"), ({"input": ["a"] * 61}, 400, "61 texts"),
    ({"input": "a" * 2001}, 400, "2,001 letters"),
    ({"input": "\ud800"}, 400, "surrogate"), ({"input": "a", "model": "gpt"}, 404, "'toy'"),
    ({"input": "a", "model": ["x"]}, 404, "toy"),
    ({"input": "a", "dimensions": 33}, 400, "1 to 32"), ({"input": "a", "dimensions": True}, 400, "dimensions is true"),
    ({"input": "a", "dimensions": 0}, 400, "dimensions is 0"), ({"input": "a", "encoding_format": "int8"}, 400, "float, base64"),
    ({"input": "a", "input_type": "title"}, 400, "text, query, document"),
    ({"input": "a", "input_type": ["query"]}, 400, "input_type"),
    ({"input": "a", "dimension": 3}, 400, "unknown field 'dimension'")])
def test_a_mistake_is_a_sentence_that_names_the_field(client, fields, status, words):
    answer = client.post("/v1/embeddings", **fields)
    assert answer.status == status and words in answer.message and "\n" not in answer.message


def test_texts_too_long_for_the_model_are_cut_and_counted(client, encoder):
    before = client.metric("lit_embed_truncated_texts_total")
    long = "the cat " * 40
    np.testing.assert_allclose(client.vectors(long, "a"), encoder.encode([long, "a"]), atol=1e-5)
    assert client.metric("lit_embed_truncated_texts_total") == before + 1


def test_openais_own_client_reads_it(client, encoder):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"http://127.0.0.1:{client.port}/v1", api_key="none", max_retries=0) as asking:
        found = asking.embeddings.create(model="toy", input=TEXTS[:2])
        assert [model.id for model in asking.models.list()] == ["toy", "judge"] and asking.models.retrieve("toy").id == "toy"
        np.testing.assert_allclose([row.embedding for row in found.data], encoder.encode(TEXTS[:2]), atol=1e-5)
        with pytest.raises(openai.NotFoundError, match="no model"):
            asking.embeddings.create(model="another", input="a")
        with pytest.raises(openai.BadRequestError, match="empty text"):
            asking.embeddings.create(model="toy", input="")
