"""lit-embed encode: the same embeddings as the encoder gives, in the order of the lines, in either format."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_embed import cli
from lit_embed.models import TextEncoder

TEXTS = ["a cat sat on the mat", "the dog ran", "", "a bird sings in the tree at night"]


@pytest.fixture(scope="module")
def model(toy_backbone, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "model"
    TextEncoder(toy_backbone, max_length=32, query_prefix="find: ").save_folder(folder)
    return str(folder)


def encode(*options: str) -> int:
    return cli.main(["encode", *options])


def test_lines_of_a_file_to_npy(model, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf8")
    assert encode("--model", model, "--input", str(tmp_path / "texts.txt"), "--output", str(tmp_path / "x.npy")) == 0
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, TextEncoder.from_folder(model).encode(TEXTS), atol=1e-6)


def test_a_column_to_parquet_with_the_querys_prefix(model, tmp_path):
    pq.write_table(pa.table({"q": TEXTS[:2], "n": [1, 2]}), tmp_path / "in.parquet")
    assert encode("--model", model, "--input", str(tmp_path / "in.parquet"), "--column", "q", "--role", "query",
                  "--output", str(tmp_path / "x.parquet"), "--batch_tokens", "16") == 0
    table = pq.read_table(tmp_path / "x.parquet")
    assert table["text"].to_pylist() == TEXTS[:2]
    wanted = TextEncoder.from_folder(model).encode(TEXTS[:2], "query")
    np.testing.assert_allclose(np.array(table["embedding"].to_pylist()), wanted, atol=1e-6)


def test_standard_input(model, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("the dog ran\r\na cat".encode())))
    assert encode("--model", model, "--input", "-", "--output", str(tmp_path / "x.parquet")) == 0
    assert pq.read_table(tmp_path / "x.parquet")["text"].to_pylist() == ["the dog ran", "a cat"]


def test_no_lines_are_no_embeddings(model, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    assert encode("--model", model, "--input", str(tmp_path / "empty.txt"), "--output", str(tmp_path / "x.npy")) == 0
    assert np.load(tmp_path / "x.npy").shape == (0, 32)


@pytest.mark.parametrize(("options", "words"), [
    (["--input", "gone.txt", "--output", "x.npy"], "gone.txt"),
    (["--input", "gone.csv", "--column", "q", "--output", "x.npy"], "gone.csv"),
    (["--input", "bytes.txt", "--output", "x.npy"], "line 2"),
    (["--input", "table.csv", "--output", "x.npy"], "--column; the columns are q, n"),
    (["--input", "table.csv", "--column", "p", "--output", "x.npy"], "the columns are q, n"),
    (["--input", "bytes.txt", "--column", "p", "--output", "x.npy"], "has no columns"),
    (["--input", "table.csv", "--column", "q", "--output", "x.txt"], ".npy or .parquet"),
    (["--model", "nowhere", "--input", "table.csv", "--column", "q", "--output", "x.npy"], "no model in nowhere"),
    (["--output", "x.npy"], "--input"),
])
def test_a_mistake_is_one_line_and_leaves_no_file(model, tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bytes.txt").write_bytes(b"good\n\xff\xfe\n")
    (tmp_path / "table.csv").write_text("q,n\na cat,1\n")
    assert encode("--model", model, *options) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("lit-embed: error: ") and words in said and "\n" not in said
    assert not list(tmp_path.glob("x.*"))
