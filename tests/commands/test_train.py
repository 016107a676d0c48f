"""What every run has in common, whatever its config says; the mistakes of a command line are in tests/test_cli.py."""

import pytest
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger
from tiny_run import config, write_config, write_pairs

from lit_embed.commands.train import TrainingCLI
from lit_embed.files import AtomicCheckpointIO
from lit_embed.run.messages import quiet


class Build(TrainingCLI):
    def _run_subcommand(self, subcommand: str) -> None:
        pass


@pytest.fixture
def build(tmp_path, toy_backbone, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quiet()

    def built(change=lambda content: None, *options: str) -> Build:
        content = config(toy_backbone, write_pairs(tmp_path / "pairs.csv"))
        change(content)
        return Build(["fit", "--config", str(write_config(tmp_path / "tiny.yaml", content)), *options])

    return built


def test_checkpoints_are_whole_or_not_there(build):
    assert isinstance(build().trainer.strategy.checkpoint_io, AtomicCheckpointIO)


def test_the_configs_own_checkpoints_and_report_are_not_doubled(build):
    def change(content):
        content["trainer"]["callbacks"] += [
            {"class_path": "pytorch_lightning.callbacks.ModelCheckpoint", "init_args": {"monitor": "mrr@10", "mode": "max"}},
            {"class_path": "lit_embed.callbacks.Throughput", "init_args": {"steps": 3}}]

    trainer = build(change).trainer
    assert [each.monitor for each in trainer.callbacks if isinstance(each, ModelCheckpoint)] == ["mrr@10"]
    assert [type(each).__name__ for each in trainer.callbacks].count("Throughput") == 1


def test_a_run_without_checkpoints_or_loggers_is_possible(build):
    trainer = build(lambda content: None, "--trainer.enable_checkpointing", "false", "--trainer.logger", "false").trainer
    assert trainer.loggers == [] and trainer.checkpoint_callbacks == []


def test_loggers_of_the_config_write_into_the_run_folder(build):
    def change(content):
        content["trainer"]["logger"] = {"class_path": "pytorch_lightning.loggers.WandbLogger", "init_args": {"offline": True}}

    first, second = build(change, "--run", "mine").trainer.loggers
    assert first.save_dir == "checkpoints/mine" and isinstance(second, WandbLogger) and second.save_dir == "checkpoints/mine"
