from dataclasses import dataclass

import datasets
import pytest
from toy_words import write

from lit_embed.data.pair_data import PairData
from lit_embed.data.splits import hold_out, split_sheet
from lit_embed.errors import UserError


@dataclass(eq=False)
class Rows(PairData):
    def queries(self, split):
        return split_sheet(self, split).texts("Q")


def folder(path, **rows):
    for split, names in rows.items():
        write(path / f"{split}.csv", "Q,answer\n" + "".join(f"{name},x\n" for name in names))
    return str(path)


def test_the_held_out_rows_are_those_of_datasets():
    rows = datasets.Dataset.from_dict({"i": list(range(103))})
    theirs = rows.train_test_split(0.1, seed=42)
    train, held_out = hold_out(103, 0.1, 42)
    assert train.tolist() == sorted(theirs["train"]["i"]) and held_out.tolist() == sorted(theirs["test"]["i"])


def test_own_splits_are_used_where_there_are_some(tmp_path):
    data = Rows(folder(tmp_path, train="abcd", validation="ef", test="g"))
    assert [data.queries(split) for split in ("train", "validation", "test")] == [list("abcd"), list("ef"), ["g"]]


def test_a_tenth_is_held_out_where_there_is_no_validation(tmp_path):
    data = Rows(folder(tmp_path, train="abcdefghijklmnopqrst"))
    train, validation = data.queries("train"), data.queries("validation")
    assert len(validation) == 2 and sorted(train + validation) == list("abcdefghijklmnopqrst")
    assert data.queries("test") == validation


def test_with_a_held_out_share_the_own_validation_is_the_test(tmp_path):
    data = Rows(folder(tmp_path, train="abcd", validation="ef"), validation=0.25)
    assert len(data.queries("validation")) == 1 and set(data.queries("validation")) < set("abcd")
    assert data.queries("test") == list("ef")


def test_validation_can_be_any_split_by_name(tmp_path):
    assert Rows(folder(tmp_path, train="abcd", test="ef"), validation="test").queries("validation") == list("ef")


def test_limit_keeps_the_first_rows_of_every_split(tmp_path):
    data = Rows(folder(tmp_path, train="abcd", validation="efg", test="hij"), limit=2)
    assert [data.queries(split) for split in ("train", "validation", "test")] == [list("ab"), list("ef"), list("hi")]


def test_another_seed_holds_out_other_rows(tmp_path):
    path = folder(tmp_path, train="abcdefghijklmnopqrstuvwxyz")
    drawn = {tuple(Rows(path, seed=seed, validation=0.5).queries("validation")) for seed in range(3)}
    assert len(drawn) == 3


@pytest.mark.parametrize("validation, said", [("dev", "no split 'dev' .data.validation.; it has train"),
                                              (1.5, "share"), (0, "share")])
def test_a_validation_that_cannot_be_is_refused(tmp_path, validation, said):
    with pytest.raises(UserError, match=said):
        Rows(folder(tmp_path, train="abcd"), validation=validation).queries("validation")


def test_without_a_path_there_is_nothing_to_read():
    with pytest.raises(UserError, match="Rows needs data.path"):
        Rows().queries("train")
