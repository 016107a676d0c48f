"""lit-embed similarity: each sentence with each, by the measure asked for, as a table, as JSON and as a picture."""

import json
import math

import numpy as np
import pytest

from lit_embed import cli
from lit_embed.commands.similarity import all_pairs, decimals, show, shown_range
from lit_embed.models import TextEncoder

SENTENCES = ["a cat sat on the mat", "the dog ran", "a bird sings [red] at night"]


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "model"
    TextEncoder(toy_backbone, max_length=32, query_prefix="find: ").save_folder(folder)
    return str(folder)


def similarity(*options: str) -> int:
    return cli.main(["similarity", *options])


def naive(measure: str, a: list[float], b: list[float]) -> float:
    product = sum(x * y for x, y in zip(a, b))
    return {"dot": product, "cosine": product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b)),
            "euclidean": -math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b))),
            "manhattan": -sum(abs(x - y) for x, y in zip(a, b))}[measure]


@pytest.mark.parametrize("measure", ["cosine", "euclidean", "manhattan", "dot"])
def test_the_matrix_is_the_naive_loop(measure):
    rows = np.random.default_rng(0).normal(size=(4, 5))
    found = all_pairs(rows.astype(np.float32), measure)
    assert found.shape == (4, 4) and found.dtype == np.float64
    for i in range(4):
        for j in range(4):
            assert found[i, j] == pytest.approx(naive(measure, rows[i], rows[j]), abs=1e-5)


def test_a_text_is_zero_away_from_itself_not_minus_zero():
    assert not np.signbit(all_pairs(np.ones((2, 3)), "euclidean")).any()


@pytest.mark.parametrize("role", ["text", "query"])
def test_json_holds_what_the_encoder_gives(model, capsys, role):
    assert similarity("--model", model, *SENTENCES, "--role", role, "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    wanted = all_pairs(TextEncoder.from_folder(model).encode(SENTENCES, role), "cosine")
    assert found["sentences"] == SENTENCES and found["measure"] == "cosine"
    np.testing.assert_allclose(found["similarity"], wanted, atol=1e-6)


def test_a_table_without_colours_and_two_files(model, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("\n".join(SENTENCES) + "\n")
    assert similarity("--model", model, "--input", str(tmp_path / "lines.txt"), "--measure", "euclidean",
                      "--plot", str(tmp_path / "x.png"), "--json", str(tmp_path / "x.json")) == 0
    said = capsys.readouterr().out
    values = json.loads((tmp_path / "x.json").read_text())["similarity"]
    assert "\x1b" not in said and "minus the euclidean distance" in said and SENTENCES[2] in said
    assert said.splitlines()[2].split()[-3:] == [f"{value:.3f}" for value in values[0]]
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_terminal_sees_the_values_as_colours(monkeypatch, capsys):
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(["a", "b", "c"], np.array([[1, 0.9, 0.1], [0.9, 1, 0.5], [0.1, 0.5, 1]]), "cosine")
    first = capsys.readouterr().out.splitlines()[2]
    assert "37;48;2;150;20;60m  0.900" in first and "30;48;2;255;250;225m  0.100" in first


def test_colours_tell_the_other_sentences_apart():
    assert shown_range(np.array([[1, 0.8, 0.7], [0.8, 1, 0.9], [0.7, 0.9, 1]])) == (0.7, 0.9)
    low, high = shown_range(np.ones((2, 2)))
    assert low == 1 and high > low


def test_wide_tables_and_large_values_have_fewer_decimals():
    assert decimals(np.ones((3, 3))) == 3 and decimals(np.ones((13, 13))) == decimals(np.full((3, 3), -250.0)) == 2


def test_forty_sentences_stand_in_whole_lines(model, capsys):
    assert similarity("--model", model, *[f"a cat {i}" for i in range(40)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 42 and len(lines[5].split()) >= 43


@pytest.mark.parametrize(("options", "words"), [
    (["one"], "1 sentences"), ([], "0 sentences"), (["a"] * 41, "takes 2 to 40"), (["a", " "], "sentence 2 is empty"),
    (["a", "b", "--input", "lines.txt"], "not both"), (["--input", "gone.txt"], "gone.txt"),
    (["--input", "lines.txt", "--column", "q"], "has no columns"), (["a", "b", "--plot", "x.doc"], ".png, .svg, .pdf"),
    (["a", "b", "--measure", "angle"], "angle"), (["a", "b", "--first", "q"], "--first belongs to --pairs"),
    (["--json", "a", "b"], "--json last"), (["--pairs", "x.csv", "--first", "q"], "--second"),
    (["a", "b", "--model", "nowhere"], "no model in nowhere")])
def test_a_mistake_is_one_line_and_leaves_no_file(model, tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.txt").write_text("a\nb\n")
    assert similarity("--model", model, *options) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("lit-embed: error: ") and words in said and "\n" not in said
    assert [file.name for file in tmp_path.iterdir()] == ["lines.txt"]
