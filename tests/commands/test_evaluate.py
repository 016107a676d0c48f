"""lit-embed evaluate: the figures of the searches in one JSON, whatever the layout of the data; one line a mistake."""

import json
from pathlib import Path

import numpy as np
import pytest
from toys import make_backbone, toy_texts

from lit_embed import cli
from lit_embed.data.read_retrieval_set import read_retrieval_set
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.run.retrieval_figures import evaluate_retrieval
from lit_embed.search import Bm25, Index


@pytest.fixture(scope="module")
def models(backbone_folder, tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    TextEncoder(backbone_folder("bert"), max_length=32, query_prefix="find: ").save_folder(folder / "tuned")
    TextEncoder(backbone_folder("distilbert"), max_length=32).save_folder(folder / "base")
    TextPairScorer(backbone_folder("bert"), max_length=48).save_folder(folder / "scorer")
    TextPairScorer(backbone_folder("bert"), num_labels=3, max_length=48).save_folder(folder / "classes")
    make_backbone("bert", folder / "bare")
    return {name: str(folder / name) for name in ("tuned", "base", "scorer", "classes", "bare")}


@pytest.fixture
def data(tmp_path, monkeypatch) -> str:
    """A BEIR folder of 12 questions and 40 passages that share some words with them."""
    monkeypatch.chdir(tmp_path)
    passages = toy_texts(40)
    write("scifact/corpus.jsonl", [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(passages)])
    write("scifact/queries.jsonl", [{"_id": str(i), "text": passages[3 * i]} for i in range(12)])
    write("scifact/qrels_test.jsonl", [{"query-id": str(i), "corpus-id": f"d{3 * i + j}", "score": 2 - j}
                                       for i in range(12) for j in range(3)])
    return "scifact"


def write(file: str, rows: list[dict]) -> None:
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")


def evaluate(*options: str) -> dict:
    assert cli.main(["evaluate", *options, "--json", "out.json", "--bootstrap", "50"]) == 0
    with open("out.json", encoding="utf8") as file:
        return json.load(file)


def test_all_systems_in_one_file_with_the_figures_of_the_searches(models, data, capsys):
    out = evaluate("--model", models["tuned"], "--base", models["base"], "--cross-encoder", models["scorer"],
                   "--data", data)
    assert list(out["systems"]) == ["bm25", "base", "dense", "hybrid", "dense+rerank"]
    assert (out["questions"], out["passages"], out["left_out"]) == (12, 40, 0)
    asked, encoder = read_retrieval_set(data), TextEncoder.from_folder(models["tuned"])
    index = Index.build(encoder.encode(asked.passages, "document"), asked.passages, kind="flat")
    places = {"bm25": Bm25.build(asked.passages).search(asked.questions, 40)[1],
              "dense": index.search(encoder.encode(asked.questions, "query"), 40)[1]}
    for name, found in places.items():
        wanted = evaluate_retrieval(found, asked, resamples=50)
        assert {figure: out["systems"][name][figure] for figure in wanted} == wanted
    for system in out["systems"].values():
        assert {"hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@10", "map"} <= set(system)
        assert system["ms_per_question"] == pytest.approx(sum(system["ms"].values()), abs=0.001)
        assert system["ms"]["search"] > 0
    assert out["systems"]["dense+rerank"]["ms"]["rerank"] > 0 == out["systems"]["dense"]["ms"]["rerank"]
    said = capsys.readouterr().out
    assert "12 questions, 40 passages" in said and "HitRate@10" in said and "published)" in said


def test_re_ranking_is_cut_and_the_uncut_figure_is_that_of_the_candidates(models, data):
    out = evaluate("--model", models["tuned"], "--cross-encoder", models["scorer"], "--data", data, "--retrieve", "20",
                   "--keep", "3", "--k", "3", "20")["systems"]
    assert out["dense+rerank"]["hit_rate@3_uncut"] == out["dense"]["hit_rate@20"]
    assert out["dense+rerank"]["hit_rate@20"] == out["dense+rerank"]["hit_rate@3"] and out["dense+rerank"]["depth"] == 3


def test_questions_and_passages_in_a_file(models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = toy_texts(30)
    write("pairs.jsonl", [{"Q": text, "answer": text} for text in texts])
    out = evaluate("--model", models["base"], "--data", "pairs.jsonl", "--query", "Q", "--document", "answer",
                   "--questions", "10", "--systems", "dense")
    assert list(out["systems"]) == ["bm25", "dense"] and (out["questions"], out["passages"]) == (10, 30)
    assert out["systems"]["dense"]["hit_rate@1"] == out["systems"]["bm25"]["ndcg@10"] == 1        # each asks for itself


def test_texts_can_be_cut_shorter_than_the_model_says(models, data):
    short = evaluate("--model", models["tuned"], "--data", data, "--systems", "dense", "--max-length", "4")
    asked, encoder = read_retrieval_set(data), TextEncoder.from_folder(models["tuned"], max_length=4)
    index = Index.build(encoder.encode(asked.passages, "document"), asked.passages, kind="flat")
    places = index.search(encoder.encode(asked.questions, "query"), 40)[1]
    assert short["systems"]["dense"]["map"] == evaluate_retrieval(places, asked)["map"]


def test_words_alone_need_no_model_to_be_loaded(data, capsys):
    assert list(evaluate("--model", "nowhere", "--data", data, "--systems", "bm25")["systems"]) == ["bm25"]


def test_a_corpus_smaller_than_the_usual_depths_is_no_mistake(models, data, capsys):
    write("scifact/corpus.jsonl", [{"_id": f"d{i}", "text": text} for i, text in enumerate(toy_texts(4))])
    out = evaluate("--model", models["tuned"], "--cross-encoder", models["scorer"], "--data", data,
                   "--on-bad-row", "skip")
    assert out["passages"] == 4 and out["questions"] == 2 and out["left_out"] == 10
    assert out["systems"]["dense+rerank"]["hit_rate@10"] == out["systems"]["dense+rerank"]["hit_rate@10_uncut"] == 1


def test_the_plot_is_written(models, data, tmp_path):
    evaluate("--model", models["tuned"], "--data", data, "--plot", "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("options", "words"), [
    (["--data", "nothing/at/all"], "no such file or folder"),
    (["--model", "nowhere", "--data", "scifact"], "no model in nowhere"),
    (["--data", "scifact", "--split", "dev"], "no qrels of 'dev'"),
    (["--data", "scifact", "--k", "0"], "--k 0"), (["--data", "scifact", "--k", "50"], "has 40 passages only"),
    (["--data", "scifact", "--questions", "0"], "--questions 0"),
    (["--data", "scifact", "--cross-encoder", "bare"], "no classification head"),
    (["--data", "scifact", "--cross-encoder", "classes"], "has 3 classes"),
    (["--data", "scifact", "--max-length", "999"], "max_length 999"),
    (["--data", "scifact", "--query", "text"], "nothing to choose"),
])
def test_a_mistake_is_one_line_and_leaves_no_file(models, data, tmp_path, capsys, options, words):
    options = [models.get(option, option) for option in options]
    assert cli.main(["evaluate", "--model", models["tuned"], *options, "--json", "out.json"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("lit-embed: error: ") and words in said and not (tmp_path / "out.json").exists()


def test_a_file_that_was_there_is_replaced_whole(models, data, tmp_path):
    (tmp_path / "out.json").write_text("old")
    assert evaluate("--model", models["tuned"], "--data", data, "--systems", "bm25")["questions"] == 12
    assert not list(tmp_path.glob(".out*"))


def test_the_same_command_gives_the_same_figures(models, data):
    first, second = (evaluate("--model", models["tuned"], "--data", data, "--questions", "6") for _ in range(2))
    for out in (first, second):
        for system in out["systems"].values():
            for clock in ("ms", "ms_per_question", "corpus_seconds"):
                del system[clock]
    assert first == second and np.isfinite(first["systems"]["dense"]["map"])
