"""Photos by a sentence: encoded, indexed and searched by their paths; a model of texts is told what is in the folder."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from toys import toy_photos

from lit_embed import cli
from lit_embed.commands.open_model import open_encoder
from lit_embed.commands.pictures import embedding_pictures_by, pictures_meant
from lit_embed.errors import UserError
from lit_embed.models import ImageTextEncoder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy_photos(tmp_path / "photos", 6)
    return tmp_path


@pytest.fixture(scope="module")
def model(pair_folder, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("pair") / "model"
    ImageTextEncoder(pair_folder("clip"), query_prefix="a photo of ").save_folder(folder)
    return str(folder)


PATHS = [f"photos/{i}.png" for i in range(6)]


def test_a_folder_is_indexed_and_found_by_a_sentence(here, model, capsys):
    assert cli.main(["index", "--model", model, "--input", "photos", "--output", "index"]) == 0
    assert "6 passages, 24 numbers each" in capsys.readouterr().out
    assert cli.main(["search", "index", "a cat", "--k", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    encoder = ImageTextEncoder.from_folder(model)
    images, question = encoder.encode_images(PATHS), encoder.encode(["a cat"], "query")[0]
    cosines = images @ question / np.linalg.norm(images, axis=1) / np.linalg.norm(question)
    assert [hit["text"] for hit in found] == [PATHS[i] for i in np.argsort(-cosines)[:3]]
    np.testing.assert_allclose([hit["score"] for hit in found], np.sort(cosines)[::-1][:3], atol=1e-5)


def test_a_folder_or_a_list_of_pictures_is_encoded_and_texts_are_as_ever(here, model):
    (here / "list.txt").write_text("\n".join(PATHS[::-1]) + "\n")
    (here / "texts.txt").write_text("a cat\nthe dog ran\n")
    for source, output in (("photos", "folder.npy"), ("list.txt", "list.parquet"), ("texts.txt", "texts.npy")):
        assert cli.main(["encode", "--model", model, "--input", source, "--output", output]) == 0
    encoder, table = ImageTextEncoder.from_folder(model), pq.read_table("list.parquet")
    np.testing.assert_allclose(np.load("folder.npy"), encoder.encode_images(PATHS), atol=1e-5)
    assert table["text"].to_pylist() == PATHS[::-1]
    np.testing.assert_allclose(np.array(table["embedding"].to_pylist())[::-1], np.load("folder.npy"), atol=1e-5)
    np.testing.assert_allclose(np.load("texts.npy"), encoder.encode(["a cat", "the dog ran"]), atol=1e-5)


def test_the_kind_of_model_is_read_from_its_folder(model):
    assert type(open_encoder(model, max_length=7, precision="bfloat16")) is ImageTextEncoder
    assert open_encoder(model, max_length=7).max_length == 7


@pytest.mark.parametrize("options, says", [
    (["encode", "--input", "photos", "--output", "folder"], "embeddings of images go into one file"),
    (["encode", "--input", "list.txt", "--output", "x.npy"], "list.txt, line 2: there is no image photos/gone.png"),
    (["index", "--input", "broken", "--output", "index"], "the image broken/0.png cannot be read"),
])
def test_a_mistake_is_one_line(here, model, capsys, options, says):
    (here / "list.txt").write_text("photos/1.png\nphotos/gone.png\n")
    (here / "broken").mkdir()
    (here / "broken/0.png").write_bytes(b"no picture")
    assert cli.main([*options, "--model", model]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert says in said[-1] and "Traceback" not in "".join(said)


def test_a_model_of_texts_takes_the_texts_of_a_folder_with_pictures_and_refuses_mere_pictures(here, toy_backbone):
    options = SimpleNamespace(input="photos", model=toy_backbone)
    with pytest.raises(UserError, match="photos holds pictures, and the model in .* reads texts only"):
        pictures_meant(options)
    (here / "photos/texts.csv").write_text("text\na cat\n")
    assert not pictures_meant(options)


def test_progress_is_told_and_order_kept(here, model, monkeypatch):
    monkeypatch.setattr("lit_embed.commands.pictures.AT_ONCE", 4)
    encoder, told = open_encoder(model), []
    found = embedding_pictures_by(encoder, told.append)(PATHS)
    np.testing.assert_allclose(found, encoder.encode_images(PATHS), atol=1e-5)
    assert told == [4, 2]
