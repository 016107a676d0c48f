"""A run that loses one of its processes ends with an error, whichever it is; it never waits for a dead one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
from tiny_run import config, write_config, write_pairs

from lit_embed.distributed import rank


class DieInTheMiddle(pl.Callback):
    """Ends a process as the kernel does when memory runs out: without a word."""

    def __init__(self, of_rank: int):
        self.of_rank = of_rank

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        if trainer.global_step == 2 and rank() == self.of_rank:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("dies", [0, 1])
def test_a_run_that_loses_a_process_ends_with_an_error(dies, toy_backbone, tmp_path):
    content = config(toy_backbone, write_pairs(tmp_path / "pairs.csv"))
    callback = {"class_path": "test_lost_process.DieInTheMiddle", "init_args": {"of_rank": dies}}
    content["trainer"] |= {"devices": 2, "strategy": "ddp", "callbacks": [callback], "limit_val_batches": 0}
    content["data"]["init_args"]["batch_size"] = 4
    file = write_config(tmp_path / "two.yaml", content)
    # Output is read to its end, which comes when the last of both processes has ended; most of the time is for starting
    # on a busy machine.
    ended = subprocess.run([sys.executable, "-m", "lit_embed.cli", "fit", "--config", str(file)], cwd=tmp_path, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                           env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)})
    assert ended.returncode == (-signal.SIGKILL if dies == 0 else 2), ended.stdout
    assert "another process of this run has ended" in ended.stdout.splitlines()[-1]
