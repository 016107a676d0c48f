"""Files of encoded passages: whole or absent, known by their content, read in order."""

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search.encoded_shards import EncodedPassages, EncodedShards, Encoding, read_settings

ENCODING = Encoding(model="abc", role="document", precision="float32", size=2)
BLOCKS = [(["a", "b"], ["one", "two"]), (["c"], ["three"])]


def vectors(texts: list[str]) -> np.ndarray:
    return np.array([[len(text), sum(map(ord, text)), 1.5] for text in texts], np.float32)


def written(folder) -> EncodedShards:
    shards = EncodedShards(folder, ENCODING)
    for number, (ids, texts) in enumerate(BLOCKS):
        shards.write(number, ids, texts, vectors(texts))
    return shards


def test_what_was_written_is_read(tmp_path):
    written(tmp_path / "x").finish(2)
    passages = EncodedPassages(tmp_path / "x")
    assert passages.count() == 3 and passages.settings["model"] == "abc"
    for block, (ids, texts) in zip(passages.blocks(), BLOCKS, strict=True):
        assert block == (ids, texts)
        np.testing.assert_array_equal(passages.encode(texts), vectors(texts))
        with pytest.raises(ValueError, match="not the block"):
            passages.encode([*texts, "more"])


def test_a_file_is_there_only_with_the_same_passages(tmp_path):
    shards = written(tmp_path / "x")
    assert shards.has(0, *BLOCKS[0]) and shards.has(1, *BLOCKS[1])
    assert not shards.has(2, *BLOCKS[1])
    assert not shards.has(0, ["a", "c"], ["one", "two"]) and not shards.has(0, ["a", "b"], ["one", "TWO"])


@pytest.mark.parametrize(("name", "value"), [("model", "other"), ("role", "query"), ("precision", "bfloat16"), ("size", 3)])
def test_other_settings_want_another_folder(tmp_path, name, value):
    written(tmp_path / "x")
    with pytest.raises(UserError, match=f"with {name} .* would have {value}"):
        EncodedShards(tmp_path / "x", Encoding(**{**vars(ENCODING), name: value}))


def test_settings_that_are_something_else(tmp_path):
    assert read_settings(tmp_path) is None
    for content, said in (("{", "broken JSON"), ("[1]", "not what"), ('{"a": 1}', "not what")):
        (tmp_path / "encoding.json").write_text(content)
        with pytest.raises(UserError, match=said):
            read_settings(tmp_path)


def test_a_file_cut_short_is_named(tmp_path):
    written(tmp_path / "x").finish(2)
    file = tmp_path / "x" / "part-000001.parquet"
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(UserError, match="part-000001.parquet: not a whole parquet file"):
        list(EncodedPassages(tmp_path / "x").blocks())


def test_a_folder_that_another_process_is_about_to_begin(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".encoding.json.12ab34cd.part").write_text("{")
    EncodedShards(tmp_path / "x", ENCODING)
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "part-00000.parquet").write_text("somebody else's")
    with pytest.raises(UserError, match="holds no embeddings"):
        EncodedShards(tmp_path / "y", ENCODING)
