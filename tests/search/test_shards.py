"""A block is known by what went into it, and rows are found in whichever block they lie."""

import numpy as np
import pytest

from lit_embed.search.shards import Shards


@pytest.fixture
def parts():
    vectors = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    return [([str(i) for i in rows], [f"글 {i}" for i in rows], vectors[rows])
            for rows in np.split(np.arange(23), [4, 5, 20])]


def test_what_was_added_is_found_and_read_back(tmp_path, parts):
    shards, again = Shards(tmp_path / "part", "abc"), Shards(tmp_path / "part", "abc")
    for part in parts:
        assert not shards.find(*part[:2])
        shards.add(*part)
    assert all(again.find(*part[:2]) for part in parts) and not again.differ and len(again) == 23
    assert [(ids, texts) for ids, texts in again.passages()] == [part[:2] for part in parts]
    whole = np.concatenate([part[2] for part in parts])
    np.testing.assert_array_equal(np.concatenate(list(again.embeddings())), whole)
    for rows in ([0, 3, 4, 5, 19, 20, 22], [21], []):
        np.testing.assert_array_equal(again.rows(np.array(rows, dtype=np.int64)), whole[rows])


@pytest.mark.parametrize("change", ["settings", "id", "text", "boundary"])
def test_another_content_is_another_block(tmp_path, parts, change):
    ids, texts, vectors = parts[0]
    Shards(tmp_path, "abc").add(ids, texts, vectors)
    other = Shards(tmp_path, "abd" if change == "settings" else "abc")
    ids = ["x", *ids[1:]] if change == "id" else ids
    texts = ["x", *texts[1:]] if change == "text" else texts
    cut = 3 if change == "boundary" else None
    assert not other.find(ids[:cut], texts[:cut]) and other.differ


def test_what_belongs_to_no_block_is_forgotten(tmp_path, parts):
    Shards(tmp_path, "old").add(*parts[1])
    (tmp_path / ".000000-abc.1234.part").mkdir()
    shards = Shards(tmp_path, "new")
    shards.add(*parts[0])
    shards.forget_others()
    assert len(list(tmp_path.iterdir())) == 1 and Shards(tmp_path, "new").find(*parts[0][:2])
