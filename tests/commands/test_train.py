"""What every run has in common, whatever its config says; the mistakes of a command line are in tests/test_cli.py."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger
from tiny_run import config, cross_encoder_config, write_config, write_pairs

from lit_embed import cli
from lit_embed.commands.open_model import open_scorer
from lit_embed.commands.train import TrainingCLI
from lit_embed.files import AtomicCheckpointIO
from lit_embed.modules import CrossEncoder
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


@pytest.fixture
def cross_encoder(tmp_path, toy_backbone, monkeypatch):
    """cross_encoder("fit", ...) runs the command on the tiny cross-encoder."""
    monkeypatch.chdir(tmp_path)
    content = cross_encoder_config(toy_backbone, write_pairs(tmp_path / "pairs.csv"))

    def run(command: str, *options: str, change=lambda content: None) -> int:
        change(content)
        return cli.main([command, "--config", str(write_config(tmp_path / "tiny.yaml", content)), *options])

    return run


def test_a_cross_encoders_run_leaves_a_folder_with_its_scores_and_goes_on_where_it_stopped(cross_encoder, tmp_path):
    assert cross_encoder("fit") == 0
    run, pairs = tmp_path / "checkpoints/tiny", [("the cat", "a dog sat"), ("a bird", "the sun")]
    kept = CrossEncoder.load_from_checkpoint(run / "checkpoints/last.ckpt", weights_only=True)
    np.testing.assert_allclose(open_scorer(run / "model").score(pairs), kept.encoder.score(pairs), atol=1e-6)
    result = json.loads((run / "result.json").read_text())
    assert result["steps"] == 4 and {"pair_spearman", "rerank_mrr@10"} <= set(result["after"])
    assert cross_encoder("fit", "--ckpt_path", "last", "--trainer.max_steps", "6") == 0
    assert json.loads((run / "result.json").read_text())["steps"] == 6


def test_a_cross_encoder_predicts_scores(cross_encoder, tmp_path):
    assert cross_encoder("predict") == 0
    table = pq.read_table(tmp_path / "checkpoints/tiny/predictions.parquet")
    assert table.column_names == ["query", "document", "score"] and len(table) == 8
    assert all(0 < score < 1 for score in table["score"].to_pylist())


@pytest.mark.parametrize("callback", ["HitRate", "Spearman", "SearchIndex"])
def test_what_needs_embeddings_is_refused_with_a_cross_encoder(callback, cross_encoder, capsys):
    def change(content):
        content["trainer"]["callbacks"] = [{"class_path": f"lit_embed.callbacks.{callback}"}]

    assert cross_encoder("fit", change=change) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert callback in said and "CrossEncoder has none" in said
