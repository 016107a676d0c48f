"""A run that can be started, watched and compared: what kill_and_resume.py and two_nodes.py do it with."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

from lit_embed.callbacks.replay import read_replay


def config(options: argparse.Namespace) -> dict:
    """Checkpoints every few steps and evaluations in between, so that a kill meets them."""
    encoder = {"class_path": "lit_embed.models.TextEncoder",
               "init_args": {"backbone": str(Path(options.backbone).resolve()), "max_length": 64, "max_tokens": 600}}
    callbacks = [{"class_path": "lit_embed.callbacks.Replay"},
                 {"class_path": "lit_embed.callbacks.Spearman"},
                 {"class_path": "pytorch_lightning.callbacks.ModelCheckpoint",
                  "init_args": {"every_n_train_steps": options.every, "save_last": True, "save_top_k": 1}}]
    # torchrun takes an option of the command line called --run for an abbreviation of one of its own.
    return {"seed_everything": options.seed, "run": "run",
            "model": {"class_path": "lit_embed.modules.BiEncoder",
                      "init_args": {"encoder": encoder, "loss": {"class_path": "lit_embed.losses.InfoNCE"}, "learning_rate": 2e-5}},
            "data": {"class_path": "lit_embed.data.Sts", "init_args": {
                "path": str(Path(options.data).resolve()), "name": "stsb", "batch_size": options.batch, "limit": options.rows,
                "num_workers": options.workers}},
            "trainer": {"max_steps": options.steps, "accelerator": "cpu", "devices": options.processes, "precision": options.precision,
                        "strategy": "ddp" if options.processes > 1 else "auto", "gradient_clip_val": 1.0,
                        "val_check_interval": options.every + 3, "check_val_every_n_epoch": None, "enable_progress_bar": False,
                        "callbacks": callbacks}}


class Run:
    def __init__(self, folder: Path, file: Path, processes: int):
        self.folder, self.file, self.processes = folder, file, processes

    def command(self) -> list[str]:
        start = [sys.executable, "-m"]
        if self.processes > 1:
            start += ["torch.distributed.run", "--nproc-per-node", str(self.processes), "--max-restarts", "0", "--standalone", "-m"]
        return [*start, "lit_embed.cli", "fit", "--config", str(self.file), "--checkpoints", str(self.folder), "--ckpt_path", "auto"]

    def start(self, log: Path) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        with open(log, "a") as out:
            return subprocess.Popen(self.command(), stdout=out, stderr=out, env=environment, start_new_session=True)

    def checkpoint(self) -> Path:
        return self.folder / "run" / "checkpoints" / "last.ckpt"

    def steps_done(self) -> int:
        replay = self.folder / "run" / "replay.csv"
        return replay.read_text().count("\n") - 1 if replay.exists() else 0


def step_of(file: Path) -> int:
    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)["global_step"] if file.exists() else 0


def until_a_step(run: Run, started: subprocess.Popen, after: int) -> bool:
    """Wait for the first step of this start; whether the run ended instead."""
    while started.poll() is None:
        if run.steps_done() == after + 1:                   # what a killed start did beyond the checkpoint is taken back first
            return False
        time.sleep(0.02)
    return True


def compare(whole: Run, broken: Run) -> dict:
    one, other = (torch.load(run.checkpoint(), map_location="cpu", weights_only=True) for run in (whole, broken))
    equal = one["state_dict"].keys() == other["state_dict"].keys() and all(
        torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())
    steps = [read_replay(run.folder / "run") for run in (whole, broken)]
    return {"weights_equal": equal, "steps_equal": steps[0] == steps[1], "last_step": [one["global_step"], other["global_step"]]}
