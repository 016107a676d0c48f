"""A corpus encoded by several processes: each passage exactly once, whoever dies, and an index that reads it."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_embed import cli
from lit_embed.commands.encode_shards import Place
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.search import Index
from lit_embed.search.index_folder import SETTINGS

TEXTS = [f"the {animal} {verb} in the {place}" for animal in ("cat", "dog", "bird", "fish") for verb in ("sat", "ran", "sings")
         for place in ("tree", "night")]                                                 # 24
IDS = [f"d{i}" for i in range(len(TEXTS))]


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "model"
    TextEncoder(toy_backbone, max_length=32, document_prefix="doc: ").save_folder(folder)
    return str(folder)


@pytest.fixture
def corpus(tmp_path) -> str:
    pq.write_table(pa.table({"_id": IDS, "text": TEXTS}), tmp_path / "corpus.parquet")
    return str(tmp_path / "corpus.parquet")


def encode(monkeypatch, model, corpus, folder, rank=0, world=1, *options) -> int:
    for name, value in (("RANK", rank), ("WORLD_SIZE", world), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, str(value))
    return cli.main(["encode", "--model", model, "--input", corpus, "--id-column", "_id", "--output", str(folder), "--shard", "5", *options])


def read(folder) -> tuple[list[str], list[str], np.ndarray]:
    table = pa.concat_tables(pq.read_table(file) for file in sorted(folder.glob("part-*.parquet")))
    return table["id"].to_pylist(), table["text"].to_pylist(), np.array(table["embedding"].to_pylist(), np.float32)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_passage_once_and_in_order(monkeypatch, model, corpus, tmp_path, world):
    for rank in reversed(range(world)):
        assert encode(monkeypatch, model, corpus, tmp_path / "out", rank, world) == 0
    ids, texts, embeddings = read(tmp_path / "out")
    assert (ids, texts) == (IDS, TEXTS)
    np.testing.assert_allclose(embeddings, TextEncoder.from_folder(model).encode(TEXTS, "document"), atol=1e-6)
    assert json.loads((tmp_path / "out" / "encoding.json").read_text())["files"] == 5


def test_a_process_that_died_is_made_up_for_by_any_number_of_others(monkeypatch, model, corpus, tmp_path):
    whole = TextEncoder.encode
    calls = []

    def dying(self, texts, *arguments):
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, texts, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(TextEncoder, "encode", dying)
        assert encode(patch, model, corpus, tmp_path / "out", 1, 2) == 130
    first = (tmp_path / "out" / "part-000001.parquet").stat()
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["encoding.json", "part-000001.parquet"]
    assert encode(monkeypatch, model, corpus, tmp_path / "out") == 0
    assert read(tmp_path / "out")[0] == IDS
    assert (tmp_path / "out" / "part-000001.parquet").stat().st_mtime_ns == first.st_mtime_ns      # not made again


def test_a_file_with_other_passages_or_cut_short_is_made_again(monkeypatch, model, corpus, tmp_path):
    encode(monkeypatch, model, corpus, tmp_path / "out")
    cut = tmp_path / "out" / "part-000002.parquet"
    cut.write_bytes(cut.read_bytes()[:100])
    pq.write_table(pa.table({"_id": IDS[:22], "text": ["another", *TEXTS[1:22]]}), corpus)
    assert encode(monkeypatch, model, corpus, tmp_path / "out") == 0
    ids, texts, embeddings = read(tmp_path / "out")
    assert (ids, texts) == (IDS[:22], ["another", *TEXTS[1:22]])
    pq.write_table(pa.table({"_id": IDS[:9], "text": TEXTS[:9]}), corpus)                          # and of a shorter one nothing is left
    assert encode(monkeypatch, model, corpus, tmp_path / "out") == 0
    assert read(tmp_path / "out")[0] == IDS[:9]


def test_an_index_of_encoded_passages_is_that_of_the_texts(monkeypatch, model, corpus, tmp_path):
    encode(monkeypatch, model, corpus, tmp_path / "out")
    common = ["index", "--model", model, "--block", "5"]
    assert cli.main([*common, "--input", str(tmp_path / "out"), "--output", str(tmp_path / "one")]) == 0
    assert cli.main([*common, "--input", corpus, "--id-column", "_id", "--output", str(tmp_path / "other")]) == 0
    for name in ("texts.parquet", SETTINGS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    question = TextEncoder.from_folder(model).encode([TEXTS[3]], "document")
    found = [Index.open(tmp_path / name).search(question, 4) for name in ("one", "other")]
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_mistakes_are_one_line(monkeypatch, model, corpus, tmp_path, capsys, toy_backbone):
    other = tmp_path / "model"
    TextEncoder(toy_backbone, max_length=9).save_folder(other)
    encode(monkeypatch, model, corpus, tmp_path / "out")
    cases = [
        (lambda: encode(monkeypatch, str(other), corpus, tmp_path / "out"), "choose another folder"),
        (lambda: encode(monkeypatch, model, corpus, tmp_path / "x.npy", 0, 2), "2 processes cannot write one file"),
        (lambda: encode(monkeypatch, model, "-", tmp_path / "new"), "standard input goes into one file"),
        (lambda: encode(monkeypatch, model, corpus, tmp_path / "x.npy"), "--id-column is for a folder"),
        (lambda: encode(monkeypatch, model, corpus, tmp_path), "holds no embeddings"),
        (lambda: encode(monkeypatch, model, corpus, tmp_path / "new", 0, 1, "--shard", "0"), "--shard 0"),
        (lambda: encode(monkeypatch, model, corpus, tmp_path / "new", 3, 2), "RANK is 3 of WORLD_SIZE 2"),
        (lambda: cli.main(["index", "--model", str(other), "--input", str(tmp_path / "out"), "--output", str(tmp_path / "i")]),
         "was encoded by another model"),
        (lambda: cli.main(["index", "--model", model, "--input", str(tmp_path / "out"), "--role", "query", "--output",
                           str(tmp_path / "i")]), "add --role document"),
        (lambda: cli.main(["index", "--model", model, "--input", str(tmp_path / "out"), "--output", str(tmp_path / "i")]),
         "part-000001.parquet is missing"),
    ]
    for call, said in cases:
        order = said == "part-000001.parquet is missing"
        if order:
            (tmp_path / "out" / "part-000001.parquet").unlink(missing_ok=True)
        assert call() == 2, said
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lit-embed: error")]
        assert len(lines) == 1 and said in lines[0], (said, lines)
    assert not (tmp_path / "new").exists() and not (tmp_path / "i").exists()


def test_unfinished_encodings_make_no_index(monkeypatch, model, corpus, tmp_path, capsys):
    encode(monkeypatch, model, corpus, tmp_path / "out")
    settings = json.loads((tmp_path / "out" / "encoding.json").read_text())
    del settings["files"]
    (tmp_path / "out" / "encoding.json").write_text(json.dumps(settings))
    assert cli.main(["index", "--model", model, "--input", str(tmp_path / "out"), "--output", str(tmp_path / "i")]) == 2
    assert "not all passages are encoded yet" in capsys.readouterr().err


@pytest.mark.parametrize(("variables", "place"), [
    ({}, Place()), ({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, Place(1, 4, 1)),
    ({"SLURM_PROCID": "9", "SLURM_NTASKS": "16", "SLURM_LOCALID": "1"}, Place(9, 16, 1)),
    ({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "SLURM_PROCID": "2", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}, Place(0, 1, 0))])
def test_the_launchers_variables(monkeypatch, variables, place):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Place.here() == place
    monkeypatch.setenv("RANK", "two")
    monkeypatch.setenv("WORLD_SIZE", "2"), monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(UserError, match="not all numbers"):
        Place.here()


def test_torchrun_starts_them(model, corpus, tmp_path):
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "lit_embed.cli", "encode",
                           "--model", model, "--input", corpus, "--id-column", "_id", "--output", str(tmp_path / "out"), "--shard", "5"],
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert read(tmp_path / "out")[0] == IDS
    assert "process 1 of 2: 3 of 5 files" in done.stderr and "process 2 of 2: 2 of 5 files" in done.stderr
