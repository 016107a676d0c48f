"""Options of lit-embed serve: limits that make sense, and who is let in."""

import pytest

from lit_embed.commands.serve_options import guard_of, is_loopback, limits_of, parser
from lit_embed.errors import UserError
from lit_embed.serving import Guard, Limits


def options(*given: str):
    return parser("").parse_args(["run", *given])


def test_without_options_the_limits_are_the_defaults():
    assert limits_of(options()) == Limits()


def test_every_limit_can_be_given():
    limits = limits_of(options("--max-texts", "5", "--max-body-mb", "2", "--max-requests", "3", "--batch_tokens", "99",
                               "--wait-ms", "0",
                               "--timeout", "1.5"))
    assert limits == Limits(5, body=2 << 20, requests=3, batch_tokens=99, wait=0.0, timeout=1.5)


@pytest.mark.parametrize(("name", "value"), [("--max-texts", "0"), ("--max-body-mb", "-1"), ("--max-requests", "0"),
                                             ("--batch_tokens", "0"),
                                             ("--wait-ms", "-1"), ("--timeout", "0"), ("--timeout", "nan")])
def test_a_limit_that_lets_nothing_through_is_refused_by_name(name, value):
    with pytest.raises(UserError, match=f"{name} {value}: .* at least"):
        limits_of(options(name, value))


@pytest.mark.parametrize(("host", "alone"), [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
                                             ("0.0.0.0", False),
                                             ("192.0.2.1", False), ("::", False), ("example.org", False)])
def test_which_addresses_are_this_machine_alone(host, alone):
    assert is_loopback(host) == alone


def test_names_are_checked_on_this_machine_and_where_some_were_given():
    assert guard_of(options(), None) == Guard()
    assert guard_of(options("--allowed-host", "Models.example", "b"), None).hosts >= {"models.example", "b", "localhost"}
    assert guard_of(options("--host", "0.0.0.0"), None).hosts is None
    assert guard_of(options("--host", "0.0.0.0", "--allowed-host", "a"), None).hosts >= {"a", "0.0.0.0"}


def test_an_empty_token_is_a_mistake_and_no_open_door():
    assert guard_of(options(), " secret\n").token == "secret"
    for empty in ("", " "):
        with pytest.raises(UserError, match="LIT_EMBED_TOKEN is empty"):
            guard_of(options(), empty)
