"""Tasks by name, and every mistake in one line."""

import builtins

import pytest

from lit_embed.benchmarks.mteb_tasks import mteb_package, open_task, parts
from lit_embed.errors import UserError

pytest.importorskip("mteb")


def test_a_task_is_opened_by_its_name_in_its_own_version():
    task = open_task("Banking77Classification")
    assert task.metadata.name == "Banking77Classification" and parts(task) == [task] and not task.data_loaded
    assert open_task("Banking77Classification", "train").eval_splits == ["train"] and task.eval_splits == ["test"]


@pytest.mark.parametrize("name, said", [("Banking77", "Banking77Classification"), ("scifact", "SciFact"), ("SciFcat", "SciFact"),
                                        ("STSBenchmrk", "STSBenchmark"), ("qqqqqqqq", "nor one of a similar name")])
def test_an_unknown_task_is_told_those_of_similar_names(name, said):
    with pytest.raises(UserError, match=f"MTEB has no task '{name}'.*{said}"):
        open_task(name)


def test_tasks_of_images_are_refused():
    with pytest.raises(UserError, match="about text and image"):
        open_task("Flickr30kI2TRetrieval")


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name: str, *arguments: object):
        if name == "mteb":
            raise ModuleNotFoundError("No module named 'mteb'")
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UserError, match=r'pip install "lit-embed\[mteb\]"'):
        mteb_package()
