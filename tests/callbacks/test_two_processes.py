"""A whole run on two processes reports what the same run on one reports, and every process decides alike."""

import json
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import HitRate, ModelFolder, Report, SearchIndex, Spearman, Throughput
from lit_embed.distributed import rank
from lit_embed.search import Index


OWN = ("train_loss", "pairs/s", "tokens/s")  # of each process


class Witness(pl.Callback):
    """What this process would decide by."""

    def __init__(self, folder: Path):
        self.folder = folder

    def setup(self, trainer, module, stage):
        torch.set_num_threads(1)

    def on_train_end(self, trainer, module):
        best = next(c for c in trainer.callbacks if isinstance(c, pl.callbacks.ModelCheckpoint))
        seen = {name: value.item() for name, value in trainer.callback_metrics.items() if name not in OWN}
        (self.folder / f"seen{rank()}.json").write_text(json.dumps([seen, best.best_model_score.item()]))


def run(folder, backbone, batch_size, **changes):
    module = toy_module(backbone)
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0                                          # each process would draw its own
    callbacks = [Spearman(), HitRate(corpus=["train", "validation"]), Throughput(), ModelFolder(), SearchIndex(),
                 Report(), Witness(folder), pl.callbacks.ModelCheckpoint(folder, monitor="hit_rate@1", mode="max")]
    trainer = toy_trainer(folder, callbacks, enable_checkpointing=True, max_epochs=2, **changes)
    trainer.fit(module, ToyData(batch_size=batch_size))
    return json.loads((folder / "result.json").read_text())


def test_two_processes_report_what_one_reports(toy_backbone, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one = run(folders[0], toy_backbone, batch_size=4)
    two = run(folders[1], toy_backbone, batch_size=2, devices=2, strategy="ddp_spawn")
    assert {**two, "train_seconds": 0} == {**one, "train_seconds": 0,
                                           "before": pytest.approx(one["before"], abs=1e-5),
                                           "after": pytest.approx(one["after"], abs=1e-3)}
    first, second = (json.loads((folders[1] / f"seen{i}.json").read_text()) for i in range(2))
    assert first == second
    assert list(Index.open(folders[1] / "index").texts) == list(Index.open(folders[0] / "index").texts)
    assert (folders[1] / "model" / "model.safetensors").is_file()
