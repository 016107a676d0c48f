"""lit-embed similarity --pairs: the similarity of each row, and how far related and unrelated rows are apart."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_embed import cli
from lit_embed.commands.similarity_of_pairs import beside_each_other, show, summary
from lit_embed.metrics import cosine
from lit_embed.models import TextEncoder

FIRST, SECOND = ["a cat", "the dog ran", "a bird"], ["a cat", "red house", "a bird sings"]


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "model"
    TextEncoder(toy_backbone, max_length=32).save_folder(folder)
    return str(folder)


@pytest.fixture
def file(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    labels = [{"kind": 1}, {"kind": 0}, {"kind": 1}]
    pq.write_table(pa.table({"q": FIRST, "p": SECOND, "labels": labels, "same": [1, 1, 1], "gap": ["x", None, "y"],
                             "half": [1, None, 0], "score": [1, 2, 3]}), "pairs.parquet")
    return "pairs.parquet"


def pairs(model: str, file: str, *options: str) -> int:
    return cli.main(["similarity", "--model", model, "--pairs", file, *options])


def test_json_holds_each_pair_and_the_gap(model, file, capsys):
    assert pairs(model, file, "--first", "q", "--second", "p", "--label", "labels.kind", "--json") == 0
    found, encoder = json.loads(capsys.readouterr().out), TextEncoder.from_folder(model)
    wanted = cosine(encoder.encode(FIRST), encoder.encode(SECOND))
    np.testing.assert_allclose(found["similarity"], wanted, atol=1e-5)
    assert (found["pairs"], found["related"], found["unrelated"]) == (3, 2, 1)
    assert found["gap"] == pytest.approx((wanted[0] + wanted[2]) / 2 - wanted[1], abs=1e-5)


def test_the_summary_by_hand():
    values = np.array([0.9, 0.1, 0.7, 0.3])
    assert summary(values, None) == pytest.approx({"pairs": 4, "mean": 0.5, "median": 0.5, "min": 0.1, "max": 0.9})
    found = summary(values, np.array([True, False, True, False]))
    assert [found[name] for name in ("related_mean", "unrelated_mean", "gap", "auc")] == pytest.approx([0.8, 0.2, 0.6, 1])


def test_every_pair_is_counted_once_in_the_histogram(capsys):
    values = np.array([0.0, 0.0, 0.0, 1.0])
    related = np.array([False, False, True, True])
    show(values, related, summary(values, related), "cosine")
    lines = capsys.readouterr().out.splitlines()
    assert "related (2)" in lines[0] and "unrelated (2)" in lines[0]
    assert lines[1].split() == ["0.000", "█" * 15, "1", "█" * 30, "2"] and lines[20].split() == ["0.950", "█" * 15, "1"]
    assert "gap 0.500" in lines[-1]


def test_equal_values_have_a_histogram_too(capsys):
    values = np.array([1, 1 - 1e-16, 1])
    show(values, None, summary(values, None), "cosine")
    assert "pairs (3)" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "words"), [
    (["--first", "q", "--second", "x"], "no column 'x'"),
    (["--first", "q", "--second", "gap"], "row 2: column 'gap' is empty"),
    (["--first", "q", "--second", "p", "--label", "same"], "tell related from unrelated, here are 1"),
    (["--first", "q", "--second", "p", "--label", "score"], "here are 3 (1, 2, 3)"),
    (["--first", "q", "--second", "p", "--label", "half"], "row 2: column 'half' is empty"),
    (["--first", "q", "--second", "p", "--label", "p"], "is not a number"),
    (["--first", "q", "--second", "p", "--plot", "x.txt"], "must end in one of"),
    (["--first", "q", "--second", "p", "--base", "./nowhere"], "there is no such folder"),
    (["--first", "q", "--second", "p", "one"], "leave out sentences"), ([], "--first and --second")])
def test_a_mistake_is_one_line(model, file, capsys, options, words):
    assert pairs(model, file, *options) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("lit-embed: error: ") and words in said and "\n" not in said


def test_two_models_stand_beside_each_other_with_a_picture(model, file, backbone_folder, toy_backbone, capsys):
    columns = ["--first", "q", "--second", "p", "--label", "labels.kind"]
    assert pairs(model, file, *columns, "--base", backbone_folder("roberta"), "--plot", "gap.png", "--json", "gap.json") == 0
    said = capsys.readouterr()
    assert "says nothing of its pooling and is used as the model is: mean" in said.err
    assert "change" in said.out and "auc" in said.out
    with open("gap.json") as opened:
        found = json.load(opened)
    assert found["base"]["gap"] != found["gap"] and len(found["base"]["similarity"]) == len(found["similarity"]) == 3
    with open("gap.png", "rb") as opened:
        assert opened.read(4) == b"\x89PNG"
    assert pairs(model, file, *columns[:4], "--base", model, "--json") == 0                       # without labels; the same twice
    found = json.loads(capsys.readouterr().out)
    assert found["base"]["similarity"] == found["similarity"] and "gap" not in found


def test_the_table_says_what_was_gained(capsys):
    beside_each_other({"base": {"related_mean": 0.9, "unrelated_mean": 0.85, "gap": 0.05, "auc": 0.6},
                       "model": {"related_mean": 0.8, "unrelated_mean": 0.3, "gap": 0.5, "auc": 0.95}})
    assert "+0.450" in capsys.readouterr().out


def test_a_base_without_pairs_is_a_mistake(model, capsys):
    assert cli.main(["similarity", "--model", model, "--base", model, "one", "two"]) == 2
    assert "--base belongs to --pairs" in capsys.readouterr().err


def test_a_missing_file_is_one_line(model, capsys):
    assert pairs(model, "gone.csv", "--first", "q", "--second", "p") == 2
    assert "gone.csv: no such file" in capsys.readouterr().err
