"""lit-embed index: a file or a data set becomes a folder that answers, says what it cost, and can be changed."""

import json
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import toy_texts

from lit_embed import cli
from lit_embed.models import TextEncoder
from lit_embed.search import Index
from lit_embed.search.fingerprint import fingerprint

TEXTS = toy_texts(60)


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "model"
    TextEncoder(toy_backbone, max_length=32, document_prefix="the text: ").save_folder(folder)
    return str(folder)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf8")
    return tmp_path


def index(*options: str) -> int:
    return cli.main(["index", *options])


def test_lines_become_an_index_that_the_model_searches(model, here, capsys):
    assert index("--model", model, "--input", "texts.txt", "--output", "index", "--block", "17") == 0
    said = capsys.readouterr().out
    assert "60 passages, 32 numbers each, cosine; kind flat" in said and "MB of memory" in said and "recall 1" in said
    opened, encoder = Index.open("index"), TextEncoder.from_folder(model)
    opened.check_model(fingerprint(encoder), encoder.width)
    scores, places = opened.search(encoder.encode(TEXTS, "document"), 1)
    assert list(opened.texts) == TEXTS and list(opened.ids) == [str(i) for i in range(60)]
    np.testing.assert_array_equal(places[:, 0], range(60))
    np.testing.assert_allclose(scores, 1, atol=1e-5)
    assert opened.model_folder == model and not (here / "index.part").exists()


def test_a_data_set_with_titles_and_ids(model, here):
    (here / "data").mkdir()
    rows = {"_id": [f"d{i}" for i in range(60)], "title": ["a title"] * 60, "text": TEXTS}
    pq.write_table(pa.table(rows), here / "data" / "corpus.parquet")
    (here / "data" / "README.md").write_text(
        "---\nconfigs:\n- config_name: corpus\n  data_files:\n  - split: corpus\n    path: corpus.parquet\n---\n")
    assert index("--model", model, "--input", "data", "--name", "corpus", "--id-column", "_id",
                 "--title-column", "title", "--output", "index", "--similarity", "l2", "--role", "text") == 0
    opened = Index.open("index")
    assert (opened.ids[7], opened.text(7), opened.similarity) == ("d7", f"a title {TEXTS[7]}", "l2")
    encoder = TextEncoder.from_folder(model)
    assert opened.search(encoder.encode([opened.text(7)]), 1)[1] == 7


@pytest.mark.parametrize("kind", ["int8", "binary", "ivf", "ivf-pq", "hnsw"])
def test_a_kind_says_what_it_misses(model, here, capsys, kind):
    (here / "questions.jsonl").write_text('{"text": "a cat"}\n{"text": "the dog ran"}\n')
    common = ["--model", model, "--input", "texts.txt", "--output", "index", "--kind", kind]
    assert index(*common) == 0
    assert "with passages for questions" in capsys.readouterr().out
    assert index(*common, "--queries", "questions.jsonl") == 0
    said = capsys.readouterr().out
    assert f"kind {kind}" in said and "over 2 questions" in said
    assert 0 < json.loads((here / "index/settings.json").read_text())["recall@10"] <= 1


def test_passages_come_go_and_are_replaced(model, here, capsys):
    assert index("--model", model, "--input", "texts.txt", "--output", "index") == 0
    (here / "more.csv").write_text("key,text\n3,a new third\nx,another one\n")
    (here / "gone.txt").write_text("3\n59\n\n")
    assert index("--output", "index", "--model", model, "--remove", "gone.txt", "--add", "more.csv",
                 "--id-column", "key") == 0
    assert "60 passages (2 removed, 2 added)" in capsys.readouterr().out
    opened = Index.open("index")
    assert list(opened.ids)[-2:] == ["3", "x"] and opened.text(58) == "a new third"
    encoder = TextEncoder.from_folder(model)
    assert opened.search(encoder.encode(["a new third", TEXTS[4]], "document"), 1)[1].ravel().tolist() == [58, 3]
    assert index("--output", "index", "--model", model, "--add", "texts.txt") == 0
    assert list(Index.open("index").ids)[60:] == [str(i) for i in range(59, 119)]
    assert index("--output", "index", "--remove", ",".join(str(i) for i in range(59, 119))) == 0
    assert len(Index.open("index")) == 60


def test_effort_is_kept_and_a_worn_index_says_so(model, here, capsys):
    assert index("--model", model, "--input", "texts.txt", "--output", "index", "--kind", "hnsw", "--effort", "9") == 0
    assert Index.open("index").effort == 9
    assert index("--output", "index", "--effort", "33") == 0
    assert Index.open("index").effort == 33
    assert "build" not in capsys.readouterr().err
    assert index("--output", "index", "--remove", ",".join(str(i) for i in range(40))) == 0
    assert "building the index again would pay: 40 of the 60" in capsys.readouterr().err


def test_a_killed_command_goes_on(model, here, capsys):
    options = ["--model", model, "--input", "texts.txt", "--block", "10"]
    assert index(*options, "--output", "undisturbed") == 0
    slowly = ("import sys, time; from lit_embed.models import TextEncoder; encode = TextEncoder.encode\n"
              "TextEncoder.encode = lambda *given, **named: time.sleep(0.5) or encode(*given, **named)\n"
              "from lit_embed import cli; cli.main(sys.argv[1:])")
    with subprocess.Popen([sys.executable, "-c", slowly, "index", *options, "--output", "index"]) as slow:
        while len(list((here / "index.part").glob("00000*-*"))) < 2:
            assert slow.poll() is None
            time.sleep(0.05)
        slow.kill()
    capsys.readouterr()
    assert index(*options, "--output", "index") == 0
    assert "of 60 passages were embedded by an earlier start" in capsys.readouterr().err
    for file in (here / "undisturbed").iterdir():
        assert file.read_bytes() == (here / "index" / file.name).read_bytes()


@pytest.mark.parametrize(("options", "words"), [
    (["--input", "gone.txt"], "gone.txt"),
    (["--input", "empty.txt"], "there is no passage in it"),
    (["--input", "hole.txt"], "hole.txt, line 2: the line is empty"),
    (["--input", "table.csv", "--column", "body"], "no column 'body'"),
    (["--input", "table.csv", "--id-column", "key"], "id 'k' is that of row 1 and of row 3"),
    (["--input", "texts.txt", "--kind", "lsh"], "--kind"),
    (["--input", "texts.txt", "--device", "cuda"], "device cuda"),
    (["--input", "texts.txt", "--effort", "0"], "effort 0"),
    (["--input", "texts.txt", "--block", "0"], "--block 0"),
    (["--input", "texts.txt", "--add", "texts.txt"], "not both"),
    (["--input", "texts.txt", "--output", "."], "is no index"),
    (["--input", "texts.txt", "--output", "texts.txt"], "is no index"),
    (["--input", "texts.txt", "--model", "nowhere"], "no model in nowhere"),
    ([], "--input"),
    (["--add", "texts.txt"], "no search index in"),
    (["--remove", "1,99", "--output", "index"], "no passage has the id '99'"),
    (["--remove", ",", "--output", "index"], "no id is named"),
    (["--add", "twice.csv", "--id-column", "key", "--output", "index"], "id '7' is in the index already"),
    (["--add", "texts.txt", "--output", "index", "--model", "other"], "and this is another"),
])
def test_a_mistake_is_one_line_and_changes_nothing(model, backbone_folder, here, capsys, options, words):
    for name, content in {"empty.txt": "", "hole.txt": "a\n\nb\n", "table.csv": "key,text\nk,a\nl,b\nk,c\n",
                          "twice.csv": "key,text\n100,a\n7,b\n"}.items():
        (here / name).write_text(content)
    if "index" in options:
        encoder = TextEncoder.from_folder(model)
        made = Index.build(encoder.encode(TEXTS, "document"), TEXTS, fingerprint(encoder))
        made.save("index")
    if "other" in options:
        TextEncoder(backbone_folder("distilbert"), max_length=32).save_folder("other")
    capsys.readouterr()
    assert index("--model", model, "--output", "out", *options) == 2
    said = capsys.readouterr().err.strip()
    assert said.splitlines()[-1].startswith("lit-embed: error: ") and words in said.splitlines()[-1]
    assert not (here / "out").exists() and ("index" not in options or len(Index.open("index")) == 60)
