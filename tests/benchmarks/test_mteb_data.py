"""Rows of tasks from folders: read by mteb's own loading, and every mistake in one line."""

import datasets
import pytest
from toy_mteb import configs, glue, toy_mteb, write

from lit_embed.benchmarks.mteb_data import check_data, load
from lit_embed.benchmarks.mteb_tasks import open_task
from lit_embed.errors import UserError

pytest.importorskip("mteb")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def data(tmp_path) -> str:
    return toy_mteb(tmp_path)


def loaded(name: str, data: str, split: str | None = None):
    told: list[str] = []
    task = open_task(name, split)
    load(task, data, told.append)
    return task, told


def test_rows_of_a_folder_are_those_of_the_task(data):
    task, told = loaded("Banking77Classification", data)
    assert (len(task.dataset["train"]), len(task.dataset["test"])) == (42, 18) and task.data_loaded
    assert told == ["Banking77Classification: 18 rows in its test split, and the benchmark's has 3,080: the figures are not "
                    "comparable"]
    task, _ = loaded("SciFact", data)
    found = task.dataset["default"]["test"]
    assert (len(found["corpus"]), len(found["queries"]), found["relevant_docs"]["q5"]) == (30, 6, {"d5": 1})


def test_glue_stands_in_for_the_pairs_of_its_similarity_task(data):
    task, told = loaded("STSBenchmark", data)
    assert task.eval_splits == ["validation"] and task.dataset["validation"]["score"][-1] == 5
    assert told == ["STSBenchmark: its validation split is evaluated, and the benchmark's figures are of test"]


def test_the_benchmarks_own_name_comes_before_another_data_set(data, tmp_path):
    write(tmp_path / "data/stsbenchmark-sts/test.jsonl", [{"sentence1": "a", "sentence2": "b", "score": 1.0}])
    assert loaded("STSBenchmark", data)[0].eval_splits == ["test"]


def test_the_tasks_own_transformation_runs(tmp_path):
    rows = [{"sentence1": "a", "sentence2": "b", "labels": {"label": 1.5, "real-label": 1.4, "binary-label": 0}}]
    write(tmp_path / "klue/sts/validation.jsonl", rows)
    configs(tmp_path / "klue", sts={"validation": "sts/validation.jsonl"})
    assert loaded("KLUE-STS", str(tmp_path))[0].dataset["validation"]["score"][0] == 1.5


def test_the_folder_of_the_rows_itself_can_be_given(data):
    assert len(loaded("Banking77Classification", f"{data}/banking77")[0].dataset["train"]) == 42
    assert loaded("STSBenchmark", f"{data}/glue")[0].eval_splits == ["validation"]


def test_another_split_can_be_evaluated(data):
    task, told = loaded("Banking77Classification", data, "train")
    assert task.eval_splits == ["train"] and "its train split is evaluated" in told[0]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=f"has no data for SciFact: put the Hub's mteb/scifact into {tmp_path}/SciFact or"):
        check_data(open_task("SciFact"), str(tmp_path))
    with pytest.raises(UserError, match=f"stsbenchmark-sts or {tmp_path}/glue"):
        check_data(open_task("STSBenchmark"), str(tmp_path))


def test_without_a_hub_the_way_out_is_named():
    with pytest.raises(UserError, match="mteb/scifact cannot be had from the Hub .*--data FOLDER reads it from FOLDER/scifact"):
        load(open_task("SciFact"))


def test_a_missing_split_is_said_with_those_there_are(data, tmp_path):
    with pytest.raises(UserError, match="has no split 'dev', it has train, test: say which to evaluate with --split"):
        loaded("Banking77Classification", data, "dev")
    with pytest.raises(UserError, match="cannot be read as the Hub's mteb/stsbenchmark-sts"):
        write(tmp_path / "data/glue/stsb/validation.jsonl", [{"first": "a"}])
        loaded("STSBenchmark", data)


def test_folders_that_hold_something_else_are_one_line(tmp_path):
    glue(tmp_path / "scifact")
    with pytest.raises(UserError, match=f"SciFact: {tmp_path}/scifact cannot be read as the Hub's mteb/scifact"):
        loaded("SciFact", str(tmp_path))
