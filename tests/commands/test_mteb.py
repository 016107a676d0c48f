"""lit-embed mteb: figures by mteb's names in one file, other models beside, and one line for every mistake."""

import json
import threading

import datasets
import numpy as np
import pytest
from endpoint_server import KEY, serving
from toy_mteb import toy_mteb

from lit_embed import cli
from lit_embed.models import TextEncoder
from lit_embed.models.endpoint import Endpoint
from lit_embed.search.fingerprint import fingerprint

pytest.importorskip("mteb")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    toy_mteb(tmp_path)


@pytest.fixture
def model(toy_backbone, tmp_path) -> str:
    TextEncoder(toy_backbone, max_length=32, query_prefix="find: ").save_folder(tmp_path / "tuned")
    TextEncoder(toy_backbone, max_length=8, pooling="cls").save_folder(tmp_path / "before")
    return "tuned"


def mteb(*options: str) -> int:
    return cli.main(["mteb", "--data", "data", *options])


def test_figures_of_several_tasks_and_models_in_one_file_and_one_table(model, capsys):
    tasks = ["Banking77Classification", "STSBenchmark", "SciFact", "SciFact"]
    assert mteb("--model", model, "--base", "before", "--tasks", *tasks, "--json", "out.json") == 0
    with open("out.json", encoding="utf8") as file:
        out = json.load(file)
    assert list(out) == ["Banking77Classification", "STSBenchmark", "SciFact", "base", "settings"]
    assert out["Banking77Classification"]["accuracy"] == out["Banking77Classification"]["main_score"]
    assert {"ndcg_at_10", "main_score"} <= out["SciFact"].keys() and "cosine_spearman" in out["base"]["before"]["STSBenchmark"]
    about = out["settings"]
    assert about["models"]["tuned"]["revision"] == fingerprint(TextEncoder.from_folder("tuned"))
    assert (about["models"]["tuned"]["max_length"], about["models"]["before"]["pooling"]) == (32, "cls")
    assert about["mteb"].startswith("2.") and about["data"][1]["splits"] == ["validation"]
    printed = capsys.readouterr()
    for figures in (out, out["base"]["before"]):
        assert f"{figures['STSBenchmark']['main_score']:.6f}" in printed.out
    assert "SciFact, 3 of 3: before" in printed.err and "figures are of test" in printed.err and "superseded" not in printed.err


def test_a_model_behind_an_endpoint_reaches_the_same_figures(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("LIT_EMBED_ENDPOINT_CACHE", str(tmp_path / "endpoint"))
    encoder, one_at_a_time = TextEncoder.from_folder("before"), threading.Lock()

    def embed(texts: list[str]) -> np.ndarray:
        with one_at_a_time:
            return encoder.encode(texts)

    with serving(embed) as server:
        name = f"openai:before@{server.url}"
        assert mteb("--model", "before", "--base", name, "--tasks", "STSBenchmark", "--json", "out.json") == 0
    with open("out.json", encoding="utf8") as file:
        out = json.load(file)
    assert out["base"][name]["STSBenchmark"]["main_score"] == pytest.approx(out["STSBenchmark"]["main_score"], abs=1e-6)
    assert out["settings"]["models"][name]["revision"] == fingerprint(Endpoint.from_name(name))
    assert "tokens" in capsys.readouterr().err and KEY not in (tmp_path / "out.json").read_text()


@pytest.mark.parametrize("options, said", [
    (["--model", "tuned", "--tasks", "STSBenchmark", "SciFcat"], "MTEB has no task 'SciFcat'"),
    (["--model", "tuned", "--tasks", "STSBenchmark", "ArguAna"], "data has no data for ArguAna"),
    (["--model", "nowhere", "--tasks", "STSBenchmark"], "no model in nowhere"),
    (["--model", "tuned", "--tasks", "STSBenchmark", "--json", "data"], "--json data is a folder"),
    (["--model", "tuned"], "--tasks")])
def test_mistakes_are_one_line(model, capsys, options, said):
    assert mteb(*options) == 2
    assert said in (error := capsys.readouterr().err) and error.count("\n") == 1 and error.startswith("lit-embed: error:")
