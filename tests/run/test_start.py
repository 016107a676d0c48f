"""metrics.csv: a row a call, columns that may come later, and a resumed run that goes on in the same file."""

import csv
from types import SimpleNamespace

import pytest

from lit_embed.run.start import MetricsFile, StartRun


def test_new_columns_and_a_second_logger_keep_every_row(tmp_path):
    first = MetricsFile(tmp_path)
    first.log_metrics({"loss": 1.0}, step=0)
    first.save()
    first.log_metrics({"loss": 0.5, "mrr@10": 0.25}, step=1)
    first.save()
    again = MetricsFile(tmp_path)                                  # the run goes on in another process
    again.log_metrics({"pairs/s": 7.0}, step=2)
    again.finalize("success")
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["loss"] == "1.0" and rows[0]["mrr@10"] == "" and rows[1]["mrr@10"] == "0.25" and rows[2]["pairs/s"] == "7.0"


def test_nothing_is_written_before_something_is_logged(tmp_path):
    logger = MetricsFile(tmp_path / "run")
    logger.save()
    logger.log_hyperparams({"a": 1})
    assert not (tmp_path / "run").exists() and logger.save_dir == str(tmp_path / "run")


@pytest.mark.parametrize("steps, first, kept", [(2, True, ["0", "1"]), (0, True, ["0", "1", "2"]),
                                                (2, False, ["0", "1", "2"])])
def test_a_resumed_run_drops_what_was_logged_beyond_its_checkpoint_and_half_a_line(steps, first, kept, tmp_path):
    logger = MetricsFile(tmp_path)
    for step in range(3):
        logger.log_metrics({"loss": 1.0}, step)
    logger.save()
    trainer = SimpleNamespace(default_root_dir=tmp_path, global_step=steps, is_global_zero=first)
    if len(kept) < 3:
        logger.file.write_text(logger.file.read_text() + "3,0.")
    StartRun.on_train_start(None, trainer, None)
    rows = list(csv.DictReader(logger.file.read_text().splitlines()))
    assert [row["step"] for row in rows] == kept
    logger.file.unlink()
    StartRun.on_train_start(None, trainer, None)
    assert not logger.file.exists()
