"""openai:MODEL@URL wherever a command opens a model: the same figures as the model itself gives, and what it cost."""

import json
import threading

import numpy as np
import pytest
from endpoint_server import KEY, serving
from toy_mteb import write
from toys import toy_texts

from lit_embed import cli
from lit_embed.models import TextEncoder


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tuned"
    TextEncoder(toy_backbone, max_length=32, normalization="l2").save_folder(folder)
    return str(folder)


@pytest.fixture
def remote(model, tmp_path, monkeypatch) -> str:
    """That model's name behind a server."""
    encoder, one_at_a_time = TextEncoder.from_folder(model), threading.Lock()

    def embed(texts: list[str]) -> np.ndarray:
        with one_at_a_time:
            return encoder.encode(texts)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LIT_EMBED_ENDPOINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LIT_EMBED_PRICE_PER_MILLION", "2")
    for name in ("OPENAI_BASE_URL", "LIT_EMBED_REQUESTS_PER_MINUTE", "LIT_EMBED_DIMENSIONS"):
        monkeypatch.delenv(name, raising=False)
    with serving(embed) as server:
        yield f"openai:tuned@{server.url}"


def passages(tmp_path) -> list[str]:
    texts = toy_texts(30)
    write(tmp_path / "beir/corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(texts)])
    write(tmp_path / "beir/queries.jsonl", [{"_id": str(i), "text": texts[3 * i]} for i in range(8)])
    write(tmp_path / "beir/qrels_test.jsonl", [{"query-id": str(i), "corpus-id": f"d{3 * i + j}", "score": 1}
                                               for i in range(8) for j in (0, 1)])
    (tmp_path / "passages.txt").write_text("\n".join(texts) + "\n")
    return texts


def test_evaluate_gives_both_the_same_figures_and_says_the_cost(model, remote, tmp_path, capsys):
    passages(tmp_path)
    options = ["--data", "beir", "--bootstrap", "20", "--json", "out.json"]
    assert cli.main(["evaluate", "--base", remote, "--model", model, *options]) == 0
    out = json.loads((tmp_path / "out.json").read_text())
    figures = [{name: value for name, value in out["systems"][system].items() if "@" in name or name == "map"}
               for system in ("base", "dense")]
    assert figures[0] == figures[1] and out["models"]["base"] == remote
    spending = out["endpoints"]["base"]
    assert spending["tokens"] > 0 and spending["dollars"] == pytest.approx(spending["tokens"] * 2e-6) and spending["texts"] == 30
    cost = f"{spending['tokens']:,} tokens, ${spending['dollars']:.6f}"
    assert f"base: {cost} for 30 texts; 8 were in the cache" in capsys.readouterr().out


def test_encode_index_and_search_take_it_for_a_model(model, remote, tmp_path, capsys):
    texts = passages(tmp_path)
    for name, output in ((model, "own.npy"), (remote, "remote.npy")):
        assert cli.main(["encode", "--model", name, "--input", "passages.txt", "--output", output]) == 0
    np.testing.assert_allclose(np.load("remote.npy"), np.load("own.npy"), atol=1e-6)
    assert cli.main(["index", "--model", remote, "--input", "passages.txt", "--output", "index"]) == 0
    assert "tokens" in capsys.readouterr().err
    assert cli.main(["search", "index", texts[7], "--k", "1", "--json"]) == 0          # the index remembers its name
    assert json.loads(capsys.readouterr().out)[0]["id"] == "7"
    assert KEY not in (tmp_path / "index/settings.json").read_text()


def test_small_commands_take_it_for_a_model(model, remote, capsys):
    told = []
    for name in (model, remote):
        assert cli.main(["similarity", "--model", name, "the cat", "a dog", "the moon", "--json", "-"]) == 0
        assert cli.main(["odd-one-out", "--model", name, "cat", "dog", "moon", "--json", "-"]) == 0
        told.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    np.testing.assert_allclose(told[0][0]["similarity"], told[1][0]["similarity"], atol=1e-6)
    assert told[0][1]["odd_one_out"] == told[1][1]["odd_one_out"]


@pytest.mark.parametrize("change, said", [
    ({"OPENAI_API_KEY": "sk-wrong"}, "does not accept the key in OPENAI_API_KEY"), ({"OPENAI_API_KEY": ""}, "set OPENAI_API_KEY"),
    ({"LIT_EMBED_PRICE_PER_MILLION": "much"}, "LIT_EMBED_PRICE_PER_MILLION is 'much'")])
def test_mistakes_are_one_line_without_the_key(remote, change, said, monkeypatch, capsys):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["similarity", "--model", remote, "a", "b"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "sk-wrong" not in error


def test_names_without_a_model_or_a_server_are_one_line(capsys):
    for name, said in (("openai:", "no model is named"), ("openai:m@http://127.0.0.1:9/v1", "nothing answers at http://127")):
        assert cli.main(["similarity", "--model", name, "a", "b"]) == 2
        assert said in capsys.readouterr().err
