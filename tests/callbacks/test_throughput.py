"""The rate counts pairs and tokens over seconds of training, and nothing else."""

import pytorch_lightning as pl
import pytest
import torch
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import Report, Throughput, stopwatch


class Clock(pl.Callback):
    """A second for each training batch, a thousand for each validation."""

    def __init__(self, monkeypatch):
        self.now, self.rates = 0.0, []
        monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: self.now)

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.tokens = int(batch.queries.lengths.sum() + batch.documents.lengths.sum())
        self.now += 1

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.rates.append({name: trainer.callback_metrics[name].item() for name in ("pairs/s", "tokens/s")}
                          | {"tokens": self.tokens})

    def on_validation_start(self, trainer, module):
        self.now += 1000


@pytest.mark.parametrize("window", [1, 50])
def test_rates_leave_validation_out_and_average_over_the_window(toy_backbone, tmp_path, monkeypatch, window):
    clock = Clock(monkeypatch)
    # A clock that runs before Throughput looks at validation would count it; Throughput comes first, as in a config.
    trainer = toy_trainer(tmp_path, [Throughput(steps=window), clock], val_check_interval=1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert [rates["pairs/s"] for rates in clock.rates] == [4.0] * 4
    tokens = torch.tensor([float(rates["tokens"]) for rates in clock.rates])
    expected = tokens if window == 1 else tokens.cumsum(0) / torch.arange(1, 5)
    assert [rates["tokens/s"] for rates in clock.rates] == pytest.approx(expected.tolist())


def test_rates_are_in_the_progress_bar_and_never_on_a_device(toy_backbone, tmp_path):
    trainer = toy_trainer(tmp_path, [Throughput()], max_epochs=1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert {"pairs/s", "tokens/s"} <= set(trainer.progress_bar_metrics)


def test_a_run_that_goes_on_in_the_middle_of_an_epoch_is_timed_from_there(toy_backbone, tmp_path, monkeypatch):
    def save():
        return pl.callbacks.ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=1, save_top_k=-1)

    module, data = toy_module(toy_backbone), ToyData(batch_size=4)
    toy_trainer(tmp_path, [save()], max_epochs=1, enable_checkpointing=True).fit(module, data)
    clock, report = Clock(monkeypatch), Report()
    trainer = toy_trainer(tmp_path, [Throughput(), report, clock, save()], max_epochs=1, enable_checkpointing=True)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4), ckpt_path=tmp_path / "step=1.ckpt")
    assert [rates["pairs/s"] for rates in clock.rates] == [4.0] and report.result["train_seconds"] == 1.0
