"""lit-embed search: the run's own index, or one built from its config; the nearest document first."""

import json
import shutil

import pytest
from tiny_run import config, write_config, write_pairs

from lit_embed import cli
from lit_embed.models import TextEncoder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, toy_backbone):
    """A folder with the run `tiny`, which left an index."""
    folder = tmp_path_factory.mktemp("trained")
    content = config(toy_backbone, write_pairs(folder / "pairs.csv"))
    content["trainer"]["callbacks"].append({"class_path": "lit_embed.callbacks.SearchIndex"})
    content["trainer"]["max_steps"] = 1
    write_config(folder / "tiny.yaml", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["fit", "--config", "tiny.yaml"]) == 0
    return folder


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def search(capsys, *options: str) -> list[dict]:
    capsys.readouterr()
    assert cli.main(["search", *options, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_document_itself_is_found_first(folder, capsys):
    text = (folder / "pairs.csv").read_text().splitlines()[5].split(",")[1]
    found = search(capsys, "tiny", text, "--k", "3")
    assert len(found) == 3 and found[0]["text"] == text and found[0]["score"] == pytest.approx(1, abs=0.01)
    assert found == search(capsys, "checkpoints/tiny", text, "--k", "3")


def test_the_table_is_readable_without_a_terminal(folder, capsys):
    assert cli.main(["search", "tiny", "a cat [red]", "--k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "a cat [red]" in lines[0] and "40 documents" in lines[0] and len([line for line in lines if line.strip()]) == 4


def test_a_missing_index_is_built_from_the_config_and_kept(folder, capsys):
    before = search(capsys, "tiny", "a cat", "--k", "40")
    shutil.rmtree(folder / "checkpoints/tiny/index")
    after = search(capsys, "tiny", "a cat", "--k", "40")
    assert {each["text"] for each in before} == {each["text"] for each in after}
    assert (folder / "checkpoints/tiny/index").is_dir()


def test_an_index_of_another_model_is_built_again(folder, capsys, backbone_folder):
    shutil.rmtree(folder / "checkpoints/tiny/model")
    TextEncoder(backbone_folder("distilbert"), max_length=32).save_folder(folder / "checkpoints/tiny/model")
    text = search(capsys, "tiny", "a cat")[0]["text"]
    assert search(capsys, "tiny", text)[0]["score"] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("options", "words"), [
    (["nothing", "a cat"], "holds tiny"), (["tiny"], "query"), (["tiny", "a cat", "--k", "0"], "--k 0")])
def test_a_mistake_is_one_line(folder, capsys, options, words):
    capsys.readouterr()
    assert cli.main(["search", *options]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("lit-embed: error: ") and words in said and "\n" not in said
