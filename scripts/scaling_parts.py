"""The parts of benchmark_scaling.py: reading rows, five thousand steps, and the time to the first of them."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from benchmark_training import first_rows
from turns import peak_mb

from lit_embed.callbacks.replay import REPLAY

AROUND = (10, 100, 1_000, 5_000)


def write_rows(options: argparse.Namespace, rows: int, file: Path) -> None:
    from lit_embed.data import Sts

    real = Sts(path=options.data, name="stsb").rows("train")
    places = np.arange(rows) % len(real.queries)
    pq.write_table(pa.table({"first": [f"{real.queries[place]} {i}" for i, place in enumerate(places)],
                             "second": [f"{real.documents[0][place]} {i}" for i, place in enumerate(places)]}), file)


def read(job: dict) -> dict:
    """Read, tokenise and order, as the first process of a run does."""
    from lit_embed.data import Pairs
    from lit_embed.data.pair_dataset import pair_dataset
    from lit_embed.data.sampler import NoDuplicatesBatches
    from lit_embed.models.tokenizer import TextTokenizer

    tokenizer, before = TextTokenizer(job["backbone"], 128), peak_mb()
    seconds = {}
    for name in ("read and tokenise", "from the cache"):
        started = time.perf_counter()
        rows = Pairs(path=job["file"], query="first", document="second", validation=1e-4).rows("train")
        pairs = pair_dataset(rows, tokenizer, ("", ""), Path(job["cache"]), 0, 42)
        seconds[name] = time.perf_counter() - started
    started = time.perf_counter()
    batches = NoDuplicatesBatches(pairs.identities(), 32, 42).batches()
    seconds["order an epoch"] = time.perf_counter() - started
    return {"rows": len(pairs), "batches": len(batches), "seconds": seconds, "memory_mb": peak_mb() - before}


def steps(job: dict) -> dict:
    """The Trainer's loop with batches of 8, each step timed."""
    import pytorch_lightning as pl

    from lit_embed.data import Pairs
    from lit_embed.losses import InfoNCE
    from lit_embed.models import TextEncoder
    from lit_embed.modules import BiEncoder
    from lit_embed.run.allocator import keep_freed_memory
    from lit_embed.run.messages import quiet

    class Clock(pl.Callback):
        def __init__(self):
            self.at, self.memory = [], {}

        def on_train_batch_end(self, trainer, *_):
            self.at.append(time.perf_counter())
            if trainer.global_step in AROUND:
                self.memory[trainer.global_step] = peak_mb()

    quiet(), keep_freed_memory()
    pl.seed_everything(42, verbose=False)
    clock, last = Clock(), max(AROUND) + 50
    data = Pairs(path=job["file"], query="first", document="second", batch_size=8, validation=1e-3, cache=job["cache"])
    trainer = pl.Trainer(max_steps=last, precision="bf16-mixed", callbacks=[clock], logger=False, enable_checkpointing=False,
                         limit_val_batches=0, num_sanity_val_steps=0, enable_progress_bar=False, enable_model_summary=False,
                         accelerator="cpu", devices=1)
    trainer.fit(BiEncoder(TextEncoder(job["backbone"]), InfoNCE()), data)
    each = np.diff(clock.at)
    return {"milliseconds": {step: 1e3 * float(np.median(each[max(0, step - 50):step + 50])) for step in AROUND},
            "peak_mb": clock.memory}


def start_ours(job: dict, folder: Path) -> float:
    """From the command to the line that Replay writes at the end of a step."""
    run = folder / "run"
    content = {"model": {"class_path": "lit_embed.modules.BiEncoder", "init_args": {
                   "encoder": {"class_path": "lit_embed.models.TextEncoder", "init_args": {"backbone": job["backbone"]}},
                   "loss": {"class_path": "lit_embed.losses.InfoNCE"}}},
               "data": {"class_path": "lit_embed.data.Pairs", "init_args": {
                   "path": job["file"], "query": "first", "document": "second", "batch_size": 32, "cache": job["cache"]}},
               "trainer": {"max_steps": 3, "accelerator": "cpu", "callbacks": [{"class_path": "lit_embed.callbacks.Replay"}]}}
    (folder / "run.yaml").write_text(yaml.safe_dump(content))
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "lit_embed.cli", "fit", "--config", str(folder / "run.yaml"), "--checkpoints",
                              str(folder), "--run", "run", "--overwrite"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (run / REPLAY).exists() or (run / REPLAY).read_text().count("\n") < 2:
        if child.poll():
            raise SystemExit("lit-embed fit ended before its first step")
        time.sleep(0.01)
    seconds = time.perf_counter() - started
    child.kill()
    child.wait()
    (run / REPLAY).unlink()
    return seconds


def start_peer(job: dict, folder: Path) -> float:
    script = Path(__file__).with_name("benchmark_training.py")
    rows = first_rows(pq.read_table(job["file"], columns=["first", "second"]).slice(0, 100).append_column("label", pa.array([1.0] * 100)))
    training = {"backbone": job["backbone"], "pairs": job["file"], "folder": str(folder / "peer"), "batch": 32, "loss": "info_nce",
                "steps": 1, "seed": 42, "precision": "float32", "device": "cpu", "max_length": 128, "side": "peer", **rows}
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, str(script), "--child", json.dumps(training)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    child.stdin.write("go\n")
    child.stdin.flush()
    if not any(line.startswith("turn ") for line in child.stdout):
        raise SystemExit("the peer ended before its first step")
    seconds = time.perf_counter() - started
    child.kill()
    child.wait()
    return seconds
