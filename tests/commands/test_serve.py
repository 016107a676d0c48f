"""lit-embed serve: a run, an index or a model folder; what is missing is one line; SIGTERM ends it in peace."""

import http.client
import json
import os
import queue
import shutil
import signal
import socket
import threading
from argparse import Namespace
from contextlib import closing
from pathlib import Path

import pytest
from toys import toy_texts

from lit_embed import cli
from lit_embed.commands import serve as command
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.search import Index
from lit_embed.search.fingerprint import fingerprint

pytest.importorskip("starlette"), pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def made(tmp_path_factory, toy_backbone, backbone_folder):
    """A run `tiny` with its model and index, a base model, cross-encoders with one and with three labels."""
    folder = tmp_path_factory.mktemp("made")
    encoder = TextEncoder(toy_backbone, max_length=32)
    encoder.save_folder(folder / "checkpoints/tiny/model")
    texts = toy_texts(12)
    Index.build(encoder.encode(texts, "document"), texts, fingerprint(encoder)).save(folder / "checkpoints/tiny/index")
    TextEncoder(backbone_folder("distilbert"), max_length=32).save_folder(folder / "base")
    TextPairScorer(toy_backbone, max_length=64).save_folder(folder / "judge")
    TextPairScorer(toy_backbone, 3, max_length=64).save_folder(folder / "classes")
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("LIT_EMBED_TOKEN", raising=False)
    return tmp_path / "here"


@pytest.fixture
def served(monkeypatch):
    """What would be served, instead of serving it."""
    found = []

    def serve(app, listening, limits, ready) -> None:
        found.append(app)
        ready()

    monkeypatch.setattr(command, "serve", serve)
    return found


def said(capsys, *options: str) -> str:
    assert cli.main(["serve", *options, "--port", "0"]) == 0
    return capsys.readouterr().out


def test_a_run_is_served_with_its_model_and_its_index(folder, capsys, served):
    lines = said(capsys, "tiny").splitlines()
    assert "/v1/embeddings  tiny, 32 numbers a text" in lines[0] and "no re-ranking: give --cross-encoder" in lines[1]
    assert "/search  12 documents" in lines[2] and served[0].guard.token is None
    shutil.rmtree("checkpoints/tiny/index")
    assert "no search: give --index FOLDER" in said(capsys, "checkpoints/tiny")


def test_an_index_is_served_by_the_model_it_names_and_a_model_searches_the_index_it_is_given(folder, capsys, served):
    assert "/search  12 documents" in said(capsys, "checkpoints/tiny/index")
    shutil.move("checkpoints/tiny/index", "alone")
    told = said(capsys, "checkpoints/tiny/model", "--index", "alone", "--cross-encoder", "judge", "--base", "base")
    assert "tiny, 32" in told and "/rerank  judge" in told and "compared with base" in told
    assert (folder / "alone/base_index").is_dir() and (folder / "alone/bm25").is_dir()
    assert "no search" in said(capsys, "checkpoints/tiny/model")


def test_beyond_this_machine_it_warns_unless_there_is_a_token(folder, capsys, served, monkeypatch):
    assert cli.main(["serve", "tiny", "--port", "0", "--host", "0.0.0.0"]) == 0
    assert "warning" in (told := capsys.readouterr().err) and "set LIT_EMBED_TOKEN" in told and len(told.splitlines()) <= 2
    monkeypatch.setenv("LIT_EMBED_TOKEN", "secret")
    assert cli.main(["serve", "tiny", "--port", "0", "--host", "0.0.0.0"]) == 0
    assert "warning" not in capsys.readouterr().err and served[1].guard.token == "secret"


@pytest.mark.parametrize(("options", "words"), [
    (["nothing"], "holds tiny"), (["tiny", "--index", "gone"], "no run or index 'gone'"),
    (["tiny", "--cross-encoder", "gone"], "gone"),
    (["tiny", "--cross-encoder", "classes"], "3 scores a pair"), (["tiny", "--base", "gone"], "no model in gone"),
    (["checkpoints/tiny/model", "--base", "base"], "--index FOLDER"), (["base", "--index", "checkpoints/tiny/index"], "another"),
    (["tiny", "--max-texts", "0"], "--max-texts 0"), (["tiny", "--cross-encoder", "checkpoints/tiny/model"], "head"),
    (["tiny", "--port", "none"], "--port"), (["orphan"], "names no model"),
    (["judge"], "judge is a cross-encoder")])
def test_a_mistake_is_one_line(folder, capsys, served, options, words):
    shutil.copytree("checkpoints/tiny/index", "orphan")
    port = [] if "--port" in options else ["--port", "0"]
    assert cli.main(["serve", *options, *port]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(told) == 1 and told[0].startswith("lit-embed: error: ") and words in told[0] and not served


def test_a_port_that_is_taken_shows_before_a_model_is_loaded(folder, capsys, monkeypatch):
    monkeypatch.setattr(command, "open_encoder", None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert cli.main(["serve", "tiny", "--port", str(other.getsockname()[1])]) == 2
    assert "is taken by another program" in capsys.readouterr().err


def test_a_model_is_called_by_its_run_or_its_folder():
    assert command.name_of("checkpoints/tiny/model") == "tiny" and command.name_of(Path("models/minilm-l6")) == "minilm-l6"


def test_the_folders_are_found_without_loading_anything(folder):
    asked = {"checkpoints": "checkpoints", "index": None, "base": None}
    model, found = command.folders(Namespace(folder="tiny", **asked))
    assert model == Path("checkpoints/tiny/model") and found.index == Path("checkpoints/tiny/index")
    assert command.folders(Namespace(folder="base", **asked)) == (Path("base"), None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_it_is_told_to_end(folder, monkeypatch, number):
    monkeypatch.setenv("LIT_EMBED_TOKEN", "secret")
    where, statuses = queue.Queue(), []
    monkeypatch.setattr(command, "summary", lambda served, address: where.put(address) or "ready")

    def ask() -> None:
        try:
            with closing(http.client.HTTPConnection(where.get(timeout=60).removeprefix("http://"), timeout=30)) as connection:
                headers = {"Content-Type": "application/json", "Authorization": "Bearer secret"}
                connection.request("POST", "/search", json.dumps({"query": "a cat"}), headers)
                statuses.append(connection.getresponse().status)
        finally:
            os.kill(os.getpid(), number)

    asking = threading.Thread(target=ask)
    asking.start()
    assert cli.main(["serve", "tiny", "--port", "0"]) == 0
    asking.join()
    assert statuses == [200]
