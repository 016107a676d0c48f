"""Ids and texts read from their file are those that were written, whatever came and went in between."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_embed.errors import UserError
from lit_embed.search import passage_file
from lit_embed.search.passages import Passages


@pytest.fixture(params=[1, 4, 1000])
def written(request, tmp_path, monkeypatch):
    """Eleven passages in a file with row groups of different sizes, and as lists."""
    monkeypatch.setattr(passage_file, "ROW_GROUP", request.param)
    ids, texts = [f"id{i}" for i in range(11)], [f"글 {i}\n" for i in range(11)]
    Passages(ids, texts).write(tmp_path / "texts.parquet")
    return tmp_path / "texts.parquet", ids, texts


def assert_holds(passages, ids, texts):
    assert len(passages) == len(passages.ids) == len(ids)
    assert list(passages.ids) == ids and list(passages.texts) == texts
    assert [passages.value("text", place) for place in range(len(ids))] == texts
    assert passages.ids[2:9:3] == ids[2:9:3] and (not ids or passages.texts[-1] == texts[-1])


def test_what_is_read_is_what_was_written(written):
    assert_holds(Passages.open(written[0]), *written[1:])


def test_places_move_up_and_new_ones_come_last(written, tmp_path):
    file, ids, texts = written
    passages = Passages.open(file)
    for gone in ([0, 10], [3], [8, 0]):
        new = f"new{gone[0]}{gone[-1]}"
        passages.remove(np.array(gone))
        passages.add([new], [new.upper()])
        ids = [each for i, each in enumerate(ids) if i not in gone] + [new]
        texts = [each for i, each in enumerate(texts) if i not in gone] + [new.upper()]
        assert_holds(passages, ids, texts)
    passages.write(tmp_path / "again.parquet")
    assert_holds(Passages.open(tmp_path / "again.parquet"), ids, texts)
    assert passages.places_of([ids[4], ids[0]]).tolist() == [4, 0]


def test_the_bytes_follow_from_the_passages_alone(tmp_path):
    ids, texts = [str(i) for i in range(2500)], [f"text {i}" for i in range(2500)]
    for name, size in [("one", 2500), ("two", 300), ("three", 999)]:
        with passage_file.PassageWriter(tmp_path / name) as writer:
            for start in range(0, 2500, size):
                writer.write(ids[start:start + size], texts[start:start + size])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == (tmp_path / "three").read_bytes()


def test_a_place_beyond_the_last_is_no_place(written):
    passages = Passages.open(written[0])
    for place in (11, -12):
        with pytest.raises(IndexError):
            passages.texts[place]


def test_numbers_go_on_above_the_highest_there_is(tmp_path):
    assert Passages().next_number() == 0
    assert Passages(["7", "a", "x9", "3"], list("abcd")).next_number() == 8
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "old.parquet")
    assert Passages.open(tmp_path / "old.parquet").next_number() == 2


def test_unknown_known_and_repeated_ids_are_named(written):
    passages = Passages.open(written[0])
    with pytest.raises(UserError, match="no passage has the id 'x'$"):
        passages.places_of(["id1", "x"])
    with pytest.raises(UserError, match="id 'id1' is in the index already"):
        passages.check_new(["y", "id1"])
    with pytest.raises(UserError, match="row 1 and of row 3"):
        passages.check_new(["y", "z", "y"])
