"""metrics.csv: a row a call, columns that may come later, and a resumed run that goes on in the same file."""

import csv

from lit_embed.run.start import MetricsFile


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
