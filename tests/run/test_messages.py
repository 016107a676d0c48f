"""What a run says: our sentences stay, advertisements do not, and progress is lines where there is no terminal."""

import logging
import re
import warnings

import pytorch_lightning as pl
from pytorch_lightning.demos.boring_classes import BoringModel
from pytorch_lightning.utilities.rank_zero import rank_zero_info

from lit_embed.data import notice
from lit_embed.run.messages import ProgressLines, progress, quiet


def test_lightning_is_quiet_and_we_are_not(caplog):
    quiet()
    caplog.set_level(logging.INFO, logger="pytorch_lightning.utilities.rank_zero")
    rank_zero_info("a tip from somewhere else")
    notice.notice.cache_clear()
    notice.notice("12 texts are cut")
    assert [record.message for record in caplog.records] == ["12 texts are cut"]


def test_a_warning_is_one_line():
    quiet()
    assert warnings.formatwarning("two\n  lines", UserWarning, "file.py", 1) == "lit-embed: warning: two lines\n"


def test_progress_is_lines_in_a_log_file(capsys, tmp_path):
    quiet()
    assert isinstance(progress(), ProgressLines)                  # pytest's output is no terminal
    pl.Trainer(max_epochs=2, limit_train_batches=3, limit_val_batches=0, logger=False, enable_checkpointing=False,
               enable_model_summary=False, accelerator="cpu", default_root_dir=tmp_path,
               callbacks=[ProgressLines()]).fit(BoringModel())
    first, last = capsys.readouterr().out.splitlines()              # nothing between: the epoch takes less than ten seconds
    assert re.fullmatch(r"epoch 0, batch 3/3  about \d+ s left", first) and last == "epoch 1, batch 3/3"
