"""The JSON of a request: what is no JSON, no object or no known field is refused in a sentence."""

import json

import pytest

from lit_embed.serving.fields import Fields
from lit_embed.serving.limits import Limits
from lit_embed.serving.refusal import Refusal

LIMITS = Limits(texts=3, letters=10)


def fields(**content: object) -> Fields:
    return Fields(json.dumps(content).encode(), ("a", "b", "model"), LIMITS)


@pytest.mark.parametrize(("body", "words"), [
    (b"", "not JSON"), (b"{", "not JSON"), (b"\xff\xfe\xfa", "not JSON"), (b"[" * 100_000, "not JSON"), (b"[]", "an empty list"),
    (b'"a"', "is a text"), (b"null", "null"), (b"9" * 5_000, "not JSON"), (b'{"c": 1}', "unknown field 'c'")])
def test_a_body_that_is_no_object_of_known_fields_is_refused(body, words):
    with pytest.raises(Refusal, match=words) as refused:
        Fields(body, ("a", "b"), LIMITS)
    assert refused.value.status == 400 and "\n" not in refused.value.message


def test_missing_fields_have_defaults_and_given_ones_their_values():
    assert (fields().whole("a", 7, 9), fields(a=2).whole("a", 7, 9), fields(a=None).whole("a", 7, 9)) == (7, 2, 7)
    assert (fields().choice("a", ("x", "y")), fields(a="y").choice("a", ("x", "y"))) == ("x", "y")
    assert (fields().flag("a"), fields(a=True).flag("a"), fields(a=False).flag("a")) == (False, True, False)
    assert fields().value("a") is None and fields(a=3).needed("a") == 3
    assert fields(a="t").text("a") == "t" and fields(a=["t"]).list_of("a") == ["t"]
    assert fields().model("m") is None and fields(model="m").model("m") is None


@pytest.mark.parametrize(("wrong", "words"), [
    (lambda: fields().needed("a"), "'a' is missing"), (lambda: fields(a=3).text("a"), "a is a number"),
    (lambda: fields(a="\n").text("a"), "a is empty"), (lambda: fields(a="t" * 11).text("a"), "11 letters"),
    (lambda: fields(a={}).list_of("a"), "a is an object"),
    (lambda: fields(a=["t"] * 4).list_of("a"), "4 texts, a request may hold 3"),
    (lambda: fields(a=10).whole("a", None, 9), "from 1 to 9"), (lambda: fields(a=1.5).whole("a", None, 9), "a is 1.5"),
    (lambda: fields(a="1").whole("a", None, 9), 'a is "1"'), (lambda: fields(a={}).choice("a", ("x", "y")), "there are x, y"),
    (lambda: fields(a=0).flag("a"), "true or false"), (lambda: fields(model="n").model("m"), "this is 'm'")])
def test_a_wrong_value_is_named_with_what_is_expected(wrong, words):
    with pytest.raises(Refusal, match=words):
        wrong()
