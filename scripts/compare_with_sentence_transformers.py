"""The same training in lit_embed and in sentence-transformers: quality over seeds, speed as a ratio, both sides in turn.

    pip install "sentence-transformers[train]"
    python scripts/compare_with_sentence_transformers.py --backbone FOLDER --data GLUE --task stsb --json OUT

Same backbone, rows, batch, steps, learning rate, warm-up, weight decay, precision and fused AdamW; each run in a process
of its own, one side after the other for each seed. Both models are then scored by the same lines: Spearman of the cosine
on STS-B validation. Timed: the training loop alone, without loading, tokenising ahead (the peer tokenises inside) or
evaluation.

tasks   stsb   cosine regression on STS-B train          mnli   InfoNCE on MNLI's entailed pairs, no duplicates in a batch
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIDES = ["lit_embed", "sentence_transformers"]
RECIPE = {"learning_rate": 2e-5, "weight_decay": 0.01, "warmup_steps": 100, "max_length": 128}


def train_ours(job: dict) -> dict:
    import pytorch_lightning as pl

    from lit_embed.data import Mnli, Sts
    from lit_embed.losses import CosineRegression, InfoNCE
    from lit_embed.models import TextEncoder
    from lit_embed.modules import BiEncoder

    class Clock(pl.Callback):
        def on_train_start(self, trainer, module):
            self.started = time.perf_counter()

        def on_train_end(self, trainer, module):
            self.seconds = time.perf_counter() - self.started

    pl.seed_everything(job["seed"], verbose=False)
    common = {"path": job["data"], "batch_size": job["batch"]}
    if job["task"] == "stsb":
        data, loss = Sts(name="stsb", **common), CosineRegression()
    else:
        data, loss = Mnli(name="mnli", task="triplets", random_negatives=0, no_duplicates=True, **common), InfoNCE(0.05)
    encoder = TextEncoder(job["backbone"], max_length=RECIPE["max_length"])
    module = BiEncoder(encoder, loss, RECIPE["learning_rate"], RECIPE["weight_decay"], RECIPE["warmup_steps"])
    clock = Clock()
    trainer = pl.Trainer(max_epochs=1, precision="bf16-mixed" if job["bf16"] else "32-true", callbacks=[clock], logger=False,
                         gradient_clip_val=1.0, enable_checkpointing=False, limit_val_batches=0, num_sanity_val_steps=0,
                         enable_progress_bar=False, enable_model_summary=False, accelerator=job["accelerator"], devices=1)
    trainer.fit(module, data)
    encoder.save_folder(job["out"])
    return {"seconds": clock.seconds, "steps": trainer.global_step, "pairs": trainer.global_step * job["batch"]}


def train_peer(job: dict) -> dict:
    from datasets import load_dataset
    from sentence_transformers import (SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments,
                                       losses, models)
    from sentence_transformers.training_args import BatchSamplers

    transformer = models.Transformer(job["backbone"], max_seq_length=RECIPE["max_length"])
    model = SentenceTransformer(modules=[transformer, models.Pooling(transformer.get_embedding_dimension(), "mean")],
                                device="cpu" if job["accelerator"] == "cpu" else None)
    if job["task"] == "stsb":
        rows = load_dataset(job["data"], "stsb", split="train").select_columns(["sentence1", "sentence2", "label"])
        rows = rows.map(lambda row: {"label": row["label"] / 5})
        loss, sampler = losses.CosineSimilarityLoss(model), BatchSamplers.BATCH_SAMPLER
    else:
        rows = load_dataset(job["data"], "mnli", split="train").filter(lambda row: row["label"] == 0)
        rows = rows.select_columns(["premise", "hypothesis"])
        loss, sampler = losses.MultipleNegativesRankingLoss(model, scale=20), BatchSamplers.NO_DUPLICATES
    arguments = SentenceTransformerTrainingArguments(
        output_dir=job["out"] + "-peer", num_train_epochs=1, per_device_train_batch_size=job["batch"], seed=job["seed"],
        learning_rate=RECIPE["learning_rate"], weight_decay=RECIPE["weight_decay"], warmup_steps=RECIPE["warmup_steps"],
        bf16=job["bf16"], use_cpu=job["accelerator"] == "cpu", optim="adamw_torch_fused", max_grad_norm=1.0,
        batch_sampler=sampler, dataloader_drop_last=True, save_strategy="no", report_to="none", disable_tqdm=True)
    trainer = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=rows, loss=loss)
    answer = trainer.train()
    model.save(job["out"])
    steps = trainer.state.global_step
    return {"seconds": answer.metrics["train_runtime"], "steps": steps, "pairs": steps * job["batch"]}


def spearman(folder: str, data: str) -> float:
    from lit_embed.data import Sts
    from lit_embed.metrics import similarity_correlations
    from lit_embed.models import TextEncoder

    rows, encoder = Sts(path=data, name="stsb").rows("validation"), TextEncoder.from_folder(folder)
    scores = similarity_correlations(encoder.encode(rows.queries), encoder.encode(rows.documents[0]), rows.labels)
    return float(scores["spearman_cosine"])


def one_run(side: str, job: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        job = {**job, "out": str(Path(folder) / "model"), "side": side}
        command = [sys.executable, __file__, "--child", json.dumps(job)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TOKENIZERS_PARALLELISM": "false"})
        if done.returncode:
            sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")
        return json.loads(done.stdout.splitlines()[-1])


def child(job: dict) -> None:
    result = (train_ours if job["side"] == "lit_embed" else train_peer)(job)
    print(json.dumps({**result, "spearman": spearman(job["out"], job["data"])}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone"), parser.add_argument("--data"), parser.add_argument("--json", type=Path)
    parser.add_argument("--task", choices=["stsb", "mnli"], default="stsb")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--fp32", action="store_true", help="float32 on both sides instead of bf16")
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(json.loads(options.child))
    job = {"backbone": options.backbone, "data": options.data, "task": options.task, "batch": options.batch,
           "bf16": not options.fp32, "accelerator": options.accelerator}
    runs = {side: [] for side in SIDES}
    for seed in options.seeds:
        for side in SIDES:
            runs[side].append(one_run(side, {**job, "seed": seed}))
            last = runs[side][-1]
            print(f"seed {seed}  {side:22} Spearman {last['spearman']:.4f}   {last['pairs'] / last['seconds']:6.1f} pairs/s", flush=True)
    report(job, runs, options.json)


def report(job: dict, runs: dict[str, list[dict]], out: Path | None) -> None:
    speed = {side: [run["pairs"] / run["seconds"] for run in runs[side]] for side in SIDES}
    quality = {side: [run["spearman"] for run in runs[side]] for side in SIDES}
    ratio = statistics.median(a / b for a, b in zip(speed[SIDES[0]], speed[SIDES[1]], strict=True))
    for side in SIDES:
        print(f"{side:22} Spearman {statistics.mean(quality[side]):.4f} (from {min(quality[side]):.4f} to "
              f"{max(quality[side]):.4f})   median {statistics.median(speed[side]):.1f} pairs/s")
    print(f"speed ratio, median over seeds: {ratio:.2f}")
    if out:
        from importlib.metadata import version

        versions = {name: version(name) for name in ("torch", "transformers", "pytorch-lightning", "sentence-transformers")}
        out.write_text(json.dumps({"job": job, "runs": runs, "ratio": ratio, "hardware": platform.processor() or platform.machine(),
                                   "cores": os.cpu_count(), "versions": versions}, indent=2) + "\n")


if __name__ == "__main__":
    main()
