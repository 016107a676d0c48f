"""Answers of endpoints: vectors in the order of the texts, or a reason why they cannot be had."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from lit_embed.models.endpoint_reply import BadReply, out_of_money, read_reply, reason, seconds_to_wait


def body(*entries: dict, **more: object) -> bytes:
    return json.dumps({"data": list(entries), **more}).encode()


def entry(index: int, *values: float) -> dict:
    return {"index": index, "embedding": list(values)}


def test_embeddings_are_put_in_order_by_their_index():
    reply = read_reply(body(entry(1, 3, 4), entry(0, 1, 2), usage={"prompt_tokens": 7, "total_tokens": 9}), 2)
    assert reply.embeddings.tolist() == [[1, 2], [3, 4]] and reply.embeddings.dtype == np.float32 and reply.tokens == 7


def test_base64_and_numbers_are_the_same_vectors():
    values = np.array([0.1, -2.5, 3e-8], dtype="<f4")
    written = body({"index": 0, "embedding": base64.b64encode(values.tobytes()).decode()})
    assert read_reply(written, 1).embeddings.tolist() == read_reply(body(entry(0, *values.tolist())), 1).embeddings.tolist()


def test_without_an_index_the_order_is_that_of_the_answer():
    assert read_reply(body({"embedding": [1]}, {"embedding": [2]}), 2).embeddings.tolist() == [[1], [2]]


def test_without_usage_no_tokens_are_counted():
    assert read_reply(body(entry(0, 1), usage=None), 1).tokens == 0


@pytest.mark.parametrize("content, said", [
    (body(entry(0, 1))[:-9], "no list of embeddings"), (b"<html>busy</html>", "no list of embeddings"), (b"[]", "no list of"),
    (b'{"data": [{"index": 0}, {"index": 1}]}', "KeyError"), (b'{"error": "no"}', "KeyError"),
    (body({"index": 0, "embedding": "not base64!"}, entry(1, 1)), "no list of embeddings"),
    (body(entry(0, 1)), "1 embeddings for 2 texts"), (body(entry(0, 1), entry(1, 1), entry(2, 1)), "3 embeddings for 2 texts"),
    (body(entry(0, 1), entry(0, 2)), "two embeddings with one index"),
    (body(entry(0, 1, 2), entry(1, 1)), "embeddings of 1 and 2 numbers"),
    (body(entry(0), entry(1)), "embeddings of 0 numbers"), (b'{"data": [{"embedding": [NaN]}, {"embedding": [1]}]}', "not finite")])
def test_anything_else_is_a_bad_reply_that_says_why(content, said):
    with pytest.raises(BadReply, match=said):
        read_reply(content, 2)


@pytest.mark.parametrize("content, said", [
    (b'{"error": {"message": "no\\n such model", "code": "x"}}', "no such model"),
    (b'{"error": "busy", "error_type": "overloaded"}', "busy"),
    (b'{"detail": "Not Found"}', "Not Found"), (b'{"message": "too long"}', "too long"),
    (b"<html>502</html>", "<html>502</html>"), (b"", "")])
def test_what_an_error_says_is_found_in_the_ways_servers_write_it(content, said):
    assert reason(content) == said


def test_an_empty_account_is_told_from_a_busy_server():
    assert out_of_money(b'{"error": {"code": "insufficient_quota"}}')
    assert not out_of_money(b'{"error": {"code": "rate_limit_exceeded"}}')


def test_retry_after_may_be_a_date():
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 < seconds_to_wait(format_datetime(soon, usegmt=True)) <= 90
    assert (seconds_to_wait("2.5"), seconds_to_wait("-1"), seconds_to_wait(None), seconds_to_wait("later")) == (2.5, 0, None, None)
