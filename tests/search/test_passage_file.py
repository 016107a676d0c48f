"""Passages fill row groups of one size, and a name stands for one of them."""

import pyarrow.parquet as pq
import pytest

from lit_embed.errors import UserError
from lit_embed.search.passage_file import ROW_GROUP, PassageWriter, names, refuse_repeated


def test_row_groups_are_full_but_the_last(tmp_path):
    with PassageWriter(tmp_path / "file") as writer:
        for count in (1, 0, ROW_GROUP, 3 * ROW_GROUP, 5):
            writer.write(["i"] * count, ["t"] * count)
    metadata = pq.ParquetFile(tmp_path / "file").metadata
    assert [metadata.row_group(i).num_rows for i in range(5)] == [ROW_GROUP] * 4 + [6]


def test_no_passages_are_a_file_too(tmp_path):
    with PassageWriter(tmp_path / "file"):
        pass
    assert pq.read_table(tmp_path / "file").to_pydict() == {"id": [], "text": []}


def test_a_repeated_id_is_named_with_its_rows():
    refuse_repeated([])
    refuse_repeated(["a", "b"])
    with pytest.raises(UserError, match="id 'b' is that of row 2 and of row 3"):
        refuse_repeated(["a", "b", "b", "a"])


def test_passages_without_ids_are_numbered():
    assert names(None, "ab", [0, 1]) == ["0", "1"] and names(None, "ab", [0, 1], 7) == ["7", "8"]
    assert names(("x",), "a", [0]) == ["x"]
    for ids, texts, embeddings in [(None, "ab", [0]), (["x"], "ab", [0, 1])]:
        with pytest.raises(ValueError):
            names(ids, texts, embeddings)
