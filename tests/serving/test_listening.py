"""A port is held or refused in one line, and signals end the server without a word."""

import os
import signal
import socket

import pytest

from lit_embed.errors import UserError
from lit_embed.serving import listening


def test_a_port_that_is_taken_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is taken by another program: choose another with --port"):
            listening.bind("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1), ("203.0.113.7", 0), ("no such host", 0)])
def test_an_address_that_cannot_be_is_one_line(host, port):
    with pytest.raises(UserError, match="cannot listen on port"):
        listening.bind(host, port)


def test_the_address_is_written_as_a_browser_takes_it():
    with listening.bind("127.0.0.1", 0) as made:
        assert listening.url(made) == f"http://127.0.0.1:{made.getsockname()[1]}"
        assert made.getsockname()[1] > 0


def test_missing_packages_are_named_with_their_extra(monkeypatch):
    monkeypatch.setattr(listening, "find_spec", lambda name: None if name == "uvicorn" else "there")
    with pytest.raises(UserError, match=r'serving needs uvicorn: pip install "lit-embed\[serve\]"'):
        listening.check_installed()


def test_a_signal_that_is_raised_once_more_ends_nothing():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with listening.ends_quietly():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
