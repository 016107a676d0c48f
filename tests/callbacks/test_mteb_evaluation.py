"""Tasks of MTEB while training: logged by name, the same figure for the same weights, and training goes on undisturbed."""

import datasets
import pytest
import torch
from toy_mteb import toy_mteb
from toy_run import ToyData, toy_module, toy_trainer
from toys import run_in_processes

from lit_embed.benchmarks.mteb_data import load
from lit_embed.benchmarks.mteb_figures import task_figures
from lit_embed.benchmarks.mteb_model import MtebModel
from lit_embed.benchmarks.mteb_tasks import open_task
from lit_embed.callbacks import Mteb
from lit_embed.errors import UserError

pytest.importorskip("mteb")
TASKS = ["STSBenchmark", "Banking77Classification"]


@pytest.fixture
def data(tmp_path, monkeypatch) -> str:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return toy_mteb(tmp_path)


def fit(backbone: str, folder, callbacks: list):
    torch.manual_seed(0)
    module = toy_module(backbone)
    trainer = toy_trainer(folder, callbacks)
    trainer.fit(module, ToyData(batch_size=4))
    return trainer, module


def test_the_main_figures_are_logged_and_are_those_of_the_command(toy_backbone, tmp_path, data):
    callback = Mteb(TASKS, data)
    trainer, module = fit(toy_backbone, tmp_path, [callback])
    for name in TASKS:
        task = open_task(name)
        load(task, data, lambda sentence: None)
        figures = task_figures(MtebModel(module.encoder.encode, "toy", "1"), task)
        assert trainer.callback_metrics[f"mteb/{name}"].item() == pytest.approx(figures["main_score"], abs=1e-6)
    before = callback.found.metrics
    trainer.validate(module, ToyData(batch_size=4), verbose=False)
    assert callback.found.metrics == before                                          # the same samples are drawn again
    assert len(callback.history) == 2 and callback.found.metrics.keys() == {f"mteb/{name}" for name in TASKS}


def test_training_ends_with_the_same_weights_as_without(toy_backbone, tmp_path, data):
    with_it, without = fit(toy_backbone, tmp_path, [Mteb(TASKS[:1], data)])[1], fit(toy_backbone, tmp_path, [])[1]
    for one, other in zip(with_it.state_dict().values(), without.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_mistake_shows_before_the_first_step(toy_backbone, tmp_path, data):
    for tasks, said in ((["SciFcat"], "MTEB has no task"), (["ArguAna"], "has no data for ArguAna")):
        with pytest.raises(UserError, match=said):
            fit(toy_backbone, tmp_path, [Mteb(tasks, data)])


def two_processes(rank: int, backbone: str, data: str, cache: str, expected: float) -> None:
    datasets.config.HF_DATASETS_CACHE = cache
    torch.manual_seed(0)
    callback, module = Mteb(TASKS[:1], data), toy_module(backbone)
    trainer = toy_trainer(cache, [callback], devices=2, strategy="ddp")
    trainer.validate(module, ToyData(batch_size=4), verbose=False)
    assert callback.found.metrics["mteb/STSBenchmark"] == pytest.approx(expected, abs=1e-6)


def test_two_processes_find_what_one_finds(toy_backbone, tmp_path, data):
    torch.manual_seed(0)
    callback, module = Mteb(TASKS[:1], data), toy_module(toy_backbone)
    toy_trainer(tmp_path, [callback]).validate(module, ToyData(batch_size=4), verbose=False)
    expected = callback.found.metrics["mteb/STSBenchmark"]
    run_in_processes(2, two_processes, toy_backbone, data, str(tmp_path / "cache"), expected)
