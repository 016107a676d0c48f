"""Ids to remove are read from wherever they are."""

import pytest

from lit_embed.commands.index_changes import read_ids
from lit_embed.errors import UserError


def test_ids_come_from_a_list_or_a_file(tmp_path):
    assert read_ids("a, b,,c ") == ["a", "b", "c"]
    assert len(read_ids(",".join(str(i) for i in range(5_000)))) == 5_000            # longer than a name can be
    (tmp_path / "ids.txt").write_text("a\n\n b\n")
    assert read_ids(str(tmp_path / "ids.txt"), "_id") == ["a", "b"]
    (tmp_path / "ids.csv").write_text("_id,text\na,x\nb,y\n")
    assert read_ids(str(tmp_path / "ids.csv"), "_id") == ["a", "b"]


def test_no_id_is_one_line(tmp_path):
    (tmp_path / "ids.txt").write_text("\n")
    for given in ("", " , ", str(tmp_path / "ids.txt")):
        with pytest.raises(UserError):
            read_ids(given)
