import datasets
import pytest
from toy_words import write

from lit_embed.data.locate import read_split, split_names
from lit_embed.errors import UserError

CSV = "Q,answer\na,b\nc,d\n"
README = """---
configs:
- config_name: small
  data_files:
  - split: train
    path: small/one.csv
  - split: validation_matched
    path: small/two.csv
- config_name: large
  data_files: large/*.csv
---
"""


@pytest.fixture
def hub_style_folder(tmp_path):
    write(tmp_path / "README.md", README)
    write(tmp_path / "small/one.csv", CSV)
    write(tmp_path / "small/two.csv", CSV.replace("a,", "y,"))
    write(tmp_path / "large/part1.csv", CSV)
    write(tmp_path / "large/part2.csv", CSV.replace("a,", "z,"))
    return str(tmp_path)


def test_a_single_file_is_a_train_split(tmp_path):
    path = write(tmp_path / "mine.csv", CSV)
    assert split_names(path, None) == ["train"]
    assert read_split(path, "any name", "train").texts("Q") == ["a", "c"]


def test_the_names_of_files_are_splits_in_a_plain_folder(tmp_path):
    for part in ("train", "dev", "test"):
        write(tmp_path / f"sts-{part}.csv", CSV.replace("a,", f"{part},"))
    assert sorted(split_names(str(tmp_path), None)) == ["test", "train", "validation"]
    assert read_split(str(tmp_path), "stsb", "validation").texts("Q") == ["dev", "c"]


def test_path_and_name_mean_what_they_mean_to_load_dataset(hub_style_folder, tmp_path_factory):
    cache = str(tmp_path_factory.mktemp("hub"))
    for name, split in [("small", "train"), ("small", "validation_matched"), ("large", "train")]:
        theirs = datasets.load_dataset(hub_style_folder, name, split=split, cache_dir=cache)
        assert read_split(hub_style_folder, name, split).texts("Q") == theirs["Q"][:]
        assert split in split_names(hub_style_folder, name)


def test_a_row_of_the_second_file_is_named_by_that_file(hub_style_folder):
    sheet = read_split(hub_style_folder, "large", "train")
    assert sheet.where(3) == f"{hub_style_folder}/large/part2.csv, row 2"


@pytest.mark.parametrize("name, split, said", [
    ("medium", "train", "BuilderConfig 'medium' not found. Available: ['small', 'large']"),
    (None, "train", "Please pick one among the available configs: ['small', 'large']"),
    ("small", "test", "has no split 'test'; it has train, validation_matched"),
])
def test_an_unknown_configuration_or_split_is_answered_with_those_there_are(hub_style_folder, name, split, said):
    with pytest.raises(UserError) as error:
        read_split(hub_style_folder, name, split)
    assert said in str(error.value) and str(error.value).startswith(hub_style_folder)


@pytest.mark.parametrize("path", ["no/such/file.csv", "mine.csv", "./folder", "/no/folder", "a/b/c"])
def test_what_cannot_be_a_hub_id_is_a_missing_file(path):
    with pytest.raises(UserError, match="no such file or folder"):
        read_split(path, None, "train")


@pytest.mark.parametrize("path", ["someone/something", "something"])
def test_without_a_hub_the_way_out_is_a_local_folder(path):
    with pytest.raises(UserError, match="--data.path") as error:
        read_split(path, None, "train")
    assert "\n" not in str(error.value)


def test_an_empty_folder_and_one_of_unknown_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="doesn't contain any data files"):
        read_split(str(tmp_path), None, "train")
    write(tmp_path / "notes.txt", "a")
    with pytest.raises(UserError, match="notes.txt: unknown extension"):
        read_split(str(tmp_path), None, "train")


def test_a_hub_data_set_is_read_by_datasets(monkeypatch):
    rows = datasets.Dataset.from_dict({"Q": ["a", ""]})
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda path, name: ["train"])
    monkeypatch.setattr(datasets, "load_dataset", lambda path, name, split: rows)
    sheet = read_split("someone/something", None, "train")
    assert sheet.texts("Q") == ["a", None] and sheet.where(1) == "someone/something/default/train, row 2"
