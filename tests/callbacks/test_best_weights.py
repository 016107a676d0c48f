"""Inside best_weights the module is the best checkpoint; afterwards it is what it was."""

import pytest
import pytorch_lightning as pl
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import HitRate, ModelFolder, Report, SearchIndex
from lit_embed.callbacks.best_weights import best_weights


def total(module):
    return sum(parameter.detach().double().sum().item() for parameter in module.parameters())


class Weights(pl.Callback):
    """The sum of all weights at each validation, and a figure to monitor that is best at the first."""

    def __init__(self, better):
        self.totals, self.better = {}, better

    def on_validation_epoch_end(self, trainer, module):
        self.totals[trainer.global_step] = total(module)
        module.log("figure", float(trainer.global_step) * self.better, batch_size=1)


@pytest.mark.parametrize("better, step", [(-1, 2), (1, 4)])
def test_the_monitored_best_is_put_in_and_taken_out_again(toy_backbone, tmp_path, better, step):
    weights, module = Weights(better), toy_module(toy_backbone)
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="figure", mode="max")
    trainer = toy_trainer(tmp_path, [weights, best], enable_checkpointing=True)
    trainer.fit(module, ToyData(batch_size=4))
    last = total(module)
    with best_weights(trainer, module) as steps:
        assert steps == step and total(module) == weights.totals[step]
    assert total(module) == last == weights.totals[4]


@pytest.mark.parametrize("monitored", [False, True])
def test_without_a_monitored_checkpoint_the_last_weights_stay(toy_backbone, tmp_path, monitored):
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="val_loss" if monitored else None)
    trainer, module = toy_trainer(tmp_path, [best], enable_checkpointing=True), toy_module(toy_backbone)
    trainer.fit(module, ToyData(batch_size=4))
    if monitored:
        best.best_model_path = str(tmp_path / "gone.ckpt")      # its file was moved away meanwhile
    last = total(module)
    with best_weights(trainer, module) as steps:
        assert steps == trainer.global_step and total(module) == last


def reads(trainer, monkeypatch):
    """The paths of all checkpoints that are loaded from now on."""
    io, read = trainer.strategy.checkpoint_io, []
    load = io.load_checkpoint
    monkeypatch.setattr(io, "load_checkpoint", lambda path, **options: read.append(path) or load(path, **options))
    return read


def test_model_folder_index_and_report_load_the_best_checkpoint_once(toy_backbone, tmp_path, monkeypatch):
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="figure", mode="max")
    callbacks = [Weights(-1), HitRate(), SearchIndex(), ModelFolder(), Report(), best]
    trainer = toy_trainer(tmp_path, callbacks, enable_checkpointing=True)
    read = reads(trainer, monkeypatch)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert read == [best.best_model_path] and (tmp_path / "result.json").is_file() and (tmp_path / "index").is_dir()


def test_a_best_checkpoint_that_was_replaced_is_loaded_again(toy_backbone, tmp_path, monkeypatch):
    weights, module = Weights(-1), toy_module(toy_backbone)
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="figure", mode="max")
    trainer = toy_trainer(tmp_path, [weights, best], enable_checkpointing=True)
    read = reads(trainer, monkeypatch)
    trainer.fit(module, ToyData(batch_size=4))
    for _ in range(2):
        with best_weights(trainer, module) as steps:
            assert steps == 2 and total(module) == weights.totals[2]
    trainer.save_checkpoint(best.best_model_path)
    with best_weights(trainer, module) as steps:
        assert steps == 4
    assert read == [best.best_model_path] * 2
