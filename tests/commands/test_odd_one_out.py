"""lit-embed odd-one-out: the word whose mean cosine to the others is lowest."""

import json

import numpy as np
import pytest

from lit_embed import cli
from lit_embed.commands.odd_one_out import mean_to_others, show
from lit_embed.models import TextEncoder

WORDS = ["a cat", "the dog", "red house", "slow river"]


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "model"
    TextEncoder(toy_backbone, max_length=32).save_folder(folder)
    return str(folder)


def odd_one_out(*options: str) -> int:
    return cli.main(["odd-one-out", *options])


def test_a_word_is_not_compared_with_itself():
    angles = np.radians([0, 10, 80])
    found = mean_to_others(np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1], [5], [2]])
    cosines = np.cos(np.radians([[10, 80], [10, 70], [80, 70]]))
    assert found == pytest.approx(cosines.mean(axis=1))


def test_the_farthest_word_is_named(model, tmp_path, capsys):
    assert odd_one_out("--model", model, *WORDS, "--json", str(tmp_path / "x.json")) == 0
    lines = capsys.readouterr().out.splitlines()
    found = json.loads((tmp_path / "x.json").read_text())
    wanted = dict(zip(WORDS, mean_to_others(TextEncoder.from_folder(model).encode(WORDS))))
    assert found["mean_similarity"] == pytest.approx(wanted, abs=1e-6)
    assert found["odd_one_out"] == min(wanted, key=wanted.get)
    assert found["odd_one_out"] in lines[-1] and lines[-1].rstrip().endswith("<- the odd one out")
    assert odd_one_out("--model", model, *WORDS, "--json") == 0
    assert json.loads(capsys.readouterr().out) == found


def test_of_equally_odd_words_the_first_is_marked_once(capsys):
    show(["[bold]x", "y", "z"], np.array([0.5, 0.5, 0.5]))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["y", "z", "[bold]x"]
    assert "odd" in lines[3] and "odd" not in lines[2]


@pytest.mark.parametrize(("words", "said"), [
    ([], "0 words"), (["a", "b"], "2 words"), (["a", "", "b"], "word 2 is empty"),
    (["a", "b", "c", " a"], "word 4, ' a', is given twice"),
    (["--json", "a", "b", "c"], "--json last"), (["a", "b", "c", "--k", "3"], "--k")])
def test_a_mistake_is_one_line(model, capsys, words, said):
    assert odd_one_out("--model", model, *words) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("lit-embed: error: ") and said in line and "\n" not in line


def test_a_car_is_no_meal(real_models, capsys):
    assert odd_one_out("--model", str(real_models / "minilm-l6"), "breakfast", "lunch", "dinner", "car", "--json") == 0
    assert json.loads(capsys.readouterr().out)["odd_one_out"] == "car"
