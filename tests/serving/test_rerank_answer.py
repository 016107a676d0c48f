"""/rerank: the cross-encoder's own scores, best first, in the shape of Cohere and Jina."""

import numpy as np
import pytest
from toy_server import TEXTS


def test_the_results_are_the_scores_of_the_cross_encoder_in_order(client, scorer):
    content = client.post("/rerank", query="the cat sat", documents=TEXTS[:8], model="judge").json
    expected = scorer.score([("the cat sat", text) for text in TEXTS[:8]])
    order = np.argsort(-expected, kind="stable")
    assert [each["index"] for each in content["results"]] == order.tolist()
    assert [each["relevance_score"] for each in content["results"]] == pytest.approx(expected[order].tolist(), abs=1e-5)
    assert content["model"] == "judge" and content["results"][0].keys() == {"index", "relevance_score"}
    assert content == client.post("/v1/rerank", query="the cat sat", documents=TEXTS[:8]).json


def test_the_first_few_come_with_their_texts_if_asked(client):
    whole = client.post("/rerank", query="a dog", documents=TEXTS[:8]).json["results"]
    few = client.post("/rerank", query="a dog", documents=[TEXTS[0], *({"text": text} for text in TEXTS[1:8])], top_n=3,
                      return_documents=True).json["results"]
    assert [each["document"]["text"] for each in few] == [TEXTS[each["index"]] for each in whole[:3]]


def test_usage_counts_the_tokens_that_were_read(client):
    content = client.post("/rerank", query="the cat", documents=["a dog sat", "the cat " * 30]).json
    assert content["usage"] == {"total_tokens": 2 + 3 + 3 + 32}                     # the longer pair was cut to 32


def test_equal_documents_keep_their_order(client):
    assert [each["index"] for each in client.post("/rerank", query="a", documents=["a dog"] * 4).json["results"]] == [0, 1, 2, 3]


@pytest.mark.parametrize(("fields", "status", "words"), [
    ({"documents": ["a"]}, 400, "'query' is missing"), ({"query": " ", "documents": ["a"]}, 400, "query is empty"),
    ({"query": "a"}, 400, "'documents' is missing"), ({"query": "a", "documents": "b"}, 400, "documents is a text"),
    ({"query": "a", "documents": []}, 400, "an empty list"),
    ({"query": "a", "documents": ["b", 3]}, 400, "documents[1] is a number"),
    ({"query": "a", "documents": [{"title": "b"}]}, 400, "documents[0] is an object"),
    ({"query": "a", "documents": ["b"] * 61}, 400, "61"),
    ({"query": "a", "documents": ["b"], "top_n": 0}, 400, "top_n is 0"),
    ({"query": "a", "documents": ["b"], "model": "x"}, 404, "'judge'"),
    ({"query": "a", "documents": ["b"], "return_documents": 1}, 400, "true or false")])
def test_a_mistake_is_a_sentence(client, fields, status, words):
    answer = client.post("/rerank", **fields)
    assert answer.status == status and words in answer.message


def test_without_a_cross_encoder_it_says_what_to_start_the_server_with(bare):
    answer = bare.post("/rerank", query="a", documents=["b"])
    assert answer.status == 404 and "--cross-encoder FOLDER" in answer.message
