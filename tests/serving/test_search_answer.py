"""/search: what lit_embed.search finds itself, by meaning, words or both, re-ranked, and by the base model."""

import numpy as np
import pytest
from toy_server import LIMITS, TEXTS, running, toy_corpus

from lit_embed.search import Reranker, bm25_search, dense_search, hybrid_search
from lit_embed.serving import Served

QUERY = "the cat sat on the red mat"


@pytest.fixture(scope="module")
def corpus(encoder, base):
    return toy_corpus(encoder, base)


@pytest.mark.parametrize("re_ranked", [False, True])
@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_the_results_are_those_of_the_search_itself(client, corpus, encoder, scorer, mode, re_ranked):
    reranker = Reranker(scorer.score, corpus.index.text, 12) if re_ranked else None
    scores, places = {"dense": lambda: dense_search(encoder, corpus.index, [QUERY], 5, reranker),
                      "bm25": lambda: bm25_search(corpus.bm25, [QUERY], 5, reranker),
                      "hybrid": lambda: hybrid_search(encoder, corpus.index, corpus.bm25, [QUERY], 5, reranker=reranker)}[mode]()
    more = {"rerank": True, "retrieve": 12} if re_ranked else {}
    content = client.post("/search", query=QUERY, k=5, mode=mode, **more).json
    assert [each["id"] for each in content["results"]] == [f"d{place}" for place in places[0] if place >= 0]
    assert [each["score"] for each in content["results"]] == pytest.approx(scores[0][places[0] >= 0].tolist(), abs=1e-5)
    assert [each["text"] for each in content["results"]] == [TEXTS[place] for place in places[0] if place >= 0]
    assert content["score"] == ("re-ranked" if re_ranked else {"dense": "cosine", "bm25": "bm25", "hybrid": "fused"}[mode])
    assert content["milliseconds"].keys() == {"encode", "search", "rerank"} and content["documents"] == 40


def test_the_base_model_searches_its_own_vectors(client, corpus, base):
    _, places = dense_search(base, corpus.base, [QUERY], 5)
    found = client.post("/search", query=QUERY, k=5, model="base").json["results"]
    assert [each["id"] for each in found] == [f"d{place}" for place in places[0]]
    assert found != client.post("/search", query=QUERY, k=5).json["results"]


def test_words_that_are_shared_are_marked_by_their_place(client):
    found = client.post("/search", query=TEXTS[7], k=1, mode="bm25").json["results"][0]
    assert found["id"] == "d7" and found["rank"] == 1 and found["words"]
    assert {found["text"][start:end] for start, end in found["words"]} <= set(TEXTS[7].split())


def test_a_query_that_shares_no_word_finds_nothing_and_is_no_error(client):
    for more in ({}, {"rerank": True}):
        assert client.post("/search", query="zzz qqq", mode="bm25", **more).json["results"] == []


def test_more_results_than_documents_are_all_documents(client):
    for more in ({}, {"mode": "hybrid"}, {"rerank": True}):
        assert len({each["id"] for each in client.post("/search", query="a cat", k=500, **more).json["results"]}) == 40


@pytest.mark.parametrize(("fields", "status", "words"), [
    ({}, 400, "'query' is missing"), ({"query": ""}, 400, "query is empty"), ({"query": "a", "k": 0}, 400, "k is 0"),
    ({"query": "a", "k": 10_000}, 400, "1 to 1,000"), ({"query": "a", "mode": "words"}, 400, "dense, bm25, hybrid"),
    ({"query": "a", "rerank": "yes"}, 400, "true or false"), ({"query": "a", "retrieve": 5}, 400, "belongs to rerank"),
    ({"query": "a", "rerank": True, "retrieve": 5}, 400, "fewer than the 10"), ({"query": "a", "model": "x"}, 404, "'toy'"),
    ({"query": "a", "model": "base", "mode": "hybrid"}, 400, "meaning alone"), ({"query": ["a"]}, 400, "query is a list")])
def test_a_mistake_is_a_sentence(client, fields, status, words):
    answer = client.post("/search", **fields)
    assert answer.status == status and words in answer.message


def test_missing_parts_are_named_with_the_option_that_brings_them(bare, encoder):
    answer = bare.post("/search", query="a")
    assert answer.status == 404 and "--index FOLDER" in answer.message
    with running(Served("toy", encoder, toy_corpus(encoder), limits=LIMITS)) as client:
        assert "--cross-encoder" in client.post("/search", query="a", rerank=True).message
        answer = client.post("/search", query="a", model="base")
        assert answer.status == 404 and "--base FOLDER" in answer.message
        assert np.isfinite(client.post("/search", query="a").json["results"][0]["score"])
