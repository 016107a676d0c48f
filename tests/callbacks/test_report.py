"""Before and after, in a file and in the terminal: whose weights, whose seconds, and across a resume."""

import json

import pytest
import pytorch_lightning as pl
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import HitRate, ModelFolder, Report, SearchIndex, Spearman, stopwatch
from lit_embed.models import TextEncoder


class Counting(HitRate):
    """Knows when it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def evaluate(self, trainer, module, split):
        self.asked.append(trainer.global_step)
        return super().evaluate(trainer, module, split)


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def figures(trainer, encoder_module, data):
    """What a validation of these weights logs."""
    hit_rate = HitRate()
    toy_trainer(trainer.default_root_dir, [hit_rate]).validate(encoder_module, data, verbose=False)
    return hit_rate.found.metrics


def test_the_file_has_the_figures_of_both_ends(toy_backbone, tmp_path):
    before = figures(toy_trainer(tmp_path, []), toy_module(toy_backbone), ToyData(batch_size=4))
    module = toy_module(toy_backbone)
    trainer = toy_trainer(tmp_path, [HitRate(), Report()])
    trainer.fit(module, ToyData(batch_size=4))
    result = result_of(tmp_path)
    assert list(result) == ["before", "after", "corpus", "train_pairs", "train_seconds", "steps"]
    assert (result["corpus"], result["train_pairs"], result["steps"]) == (7, 8, 4)
    assert result["before"] == pytest.approx(before, abs=1e-5)
    assert result["after"] == pytest.approx(figures(trainer, module, ToyData(batch_size=4)), abs=1e-5)


@pytest.mark.parametrize("changes, asked", [({}, [0, 2, 4]), ({"max_steps": 3, "max_epochs": -1}, [0, 2, 3])])
def test_the_last_validation_is_used_again_if_no_step_followed(toy_backbone, tmp_path, changes, asked):
    counting = Counting()
    toy_trainer(tmp_path, [counting, Report()], **changes).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert counting.asked == asked


def test_after_means_the_weights_of_the_model_folder(toy_backbone, tmp_path):
    module, counting = toy_module(toy_backbone, learning_rate=0.5), Counting()
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="step")         # the fewer the better: the first one
    trainer = toy_trainer(tmp_path, [counting, Report(), ModelFolder(), best], enable_checkpointing=True)
    trainer.fit(module, ToyData(batch_size=4))
    assert result_of(tmp_path)["steps"] == 2 and counting.asked == [0, 2, 4]
    module.encoder = TextEncoder.from_folder(tmp_path / "model")
    assert result_of(tmp_path)["after"] == pytest.approx(figures(trainer, module, ToyData(batch_size=4)), abs=1e-5)


class Clock(HitRate):
    """A second for each training batch, a thousand for each evaluation, and five hundred for something at the end."""

    now = 0.0

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        self.now += 1

    def on_train_end(self, trainer, module):
        self.now += 500

    def evaluate(self, trainer, module, split):
        self.now += 1000
        return super().evaluate(trainer, module, split)


@pytest.mark.parametrize("steps", [3, 4])
def test_seconds_of_training_leave_evaluations_out(toy_backbone, tmp_path, monkeypatch, steps):
    clock = Clock()
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: clock.now)
    trainer = toy_trainer(tmp_path, [clock, Report()], max_steps=steps, max_epochs=-1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert result_of(tmp_path)["train_seconds"] == steps


def test_a_resumed_run_remembers_what_was_before_and_the_seconds(toy_backbone, tmp_path):
    first, second, counting = Report(), Report(), Counting()
    save = pl.callbacks.ModelCheckpoint(tmp_path, save_last=True)
    trainer = toy_trainer(tmp_path, [HitRate(), first, save], enable_checkpointing=True, max_epochs=1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    before = result_of(tmp_path)
    trainer = toy_trainer(tmp_path, [counting, second, save], enable_checkpointing=True, max_epochs=2)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4), ckpt_path=save.last_model_path)
    after = result_of(tmp_path)
    assert after["before"] == before["before"] and after["steps"] == 4 and counting.asked == [4]
    assert after["train_seconds"] > 0 and second.before == first.before


def test_it_prints_both_ends_and_the_command_that_searches(toy_backbone, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = toy_trainer(tmp_path / "runs" / "toys", [HitRate(), Report(), SearchIndex()], max_epochs=1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    shown = capsys.readouterr().out
    assert "hit_rate@10" in shown and "mrr@10" in shown and "7 passages searched" in shown
    assert "lit-embed search runs/toys" in shown and shown.count("before  1") == shown.count("after   1") == 3


def test_a_score_that_does_not_exist_is_null_in_the_file(toy_backbone, tmp_path):
    class Constant(ToyData):
        def rows(self, split):
            rows = super().rows(split)
            rows.labels[:] = 1
            return rows

    callbacks = [Spearman(data=Constant(scores=True)), Report()]
    toy_trainer(tmp_path, callbacks, max_epochs=1).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert result_of(tmp_path)["after"]["spearman_cosine"] is None and result_of(tmp_path)["corpus"] is None


def test_a_fast_dev_run_reports_nothing(toy_backbone, tmp_path, capsys):
    toy_trainer(tmp_path, [HitRate(), Report()], fast_dev_run=True).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert not (tmp_path / "result.json").exists() and "before" not in capsys.readouterr().out


def test_every_curve_starts_before_training(toy_backbone, tmp_path):
    logger = pl.loggers.CSVLogger(tmp_path, name="", version="")
    toy_trainer(tmp_path, [HitRate(), Report()], logger=logger, max_epochs=1).fit(toy_module(toy_backbone),
                                                                                  ToyData(batch_size=4))
    names, first, *_ = (line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines())
    row = dict(zip(names, first))
    assert row["step"] == "0" and float(row["mrr@10"]) == result_of(tmp_path)["before"]["mrr@10"]
