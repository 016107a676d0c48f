"""Training in lit_embed and in sentence-transformers, in turn: pairs a second, ratio, share of the machine's limit.

    pip install "sentence-transformers[train]>=6.2"
    python scripts/benchmark_training.py --backbone FOLDER --data GLUE --name stsb --batch 32 --json OUT.json
    python scripts/benchmark_training.py --backbone FOLDER --data GLUE --name stsb --batch 4096 --max-tokens 2048 \\
        --peer-mini-batch 32 --steps 1 --precisions bfloat16              # recomputation against the cached loss

Each side is its own trainer (Lightning's, and SentenceTransformerTrainer) in a process of its own; every few steps one
stops and the other goes on, so that both see the same machine. Same backbone, mean pooling, rows, batch, loss, learning
rate, clipping and fused AdamW; float32, and bfloat16 as autocast on both sides. Medians over the turns after a first one
that is not counted.

loss_gap     difference of both sides' loss of the same 16 rows before training, without dropout: the same mathematics
gemm_share   what the products of lit_embed's step would take at the speed of one large product on this machine, over
             what the step took
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import training_sides
from side_by_side import about
from turns import medians, take_turns

from lit_embed.data import KlueMrc, KlueSts, Mnli, Sts

ROWS = 16                                             # of which both sides' losses are compared
DATA = {"stsb": Sts, "mnli": Mnli, "sts": KlueSts, "mrc": KlueMrc}
PRECISIONS = ["float32", "bfloat16", "float16"]


def pairs_of(options: argparse.Namespace) -> pa.Table:
    """Columns first, second, label (0 to 1), repeated until there are rows enough for a few batches."""
    rows = DATA[options.name](path=options.data, name=options.name, limit=options.limit).rows("train")
    labels = rows.labels if rows.labels is not None and rows.labels.dtype.kind == "f" else [1.0] * len(rows.queries)
    table = pa.table({"first": rows.queries, "second": rows.documents[0], "label": pa.array(labels, pa.float32())})
    return pa.concat_tables([table] * max(1, -(-4 * options.batch // len(table))))


def first_rows(table: pa.Table) -> dict:
    """Rows without a repeated text, which lit_embed's InfoNCE would mask and the peer's would not."""
    seen, rows = set(), []
    for row in table.slice(0, 2_000).to_pylist():
        if row["first"] != row["second"] and not {row["first"], row["second"]} & seen:
            seen |= {row["first"], row["second"]}
            rows.append(row)
    rows = rows[:ROWS]
    return {"rows": [[row["first"] for row in rows], [row["second"] for row in rows]], "labels": [row["label"] for row in rows]}


def gemm_speed(precision: str, device: str) -> float:
    """Floating-point operations a second of a product of feed-forward size, by the fastest way there is here."""
    from lit_embed.models.cpu_linear import onednn_is_faster, product

    size = 2_048 if device == "cpu" else 8_192
    x, weight = (torch.randn(size, size, dtype=getattr(torch, precision), device=device) for _ in range(2))
    by_onednn = device == "cpu" and precision == "float32" and onednn_is_faster()
    best = float("inf")
    with torch.no_grad():
        for _ in range(20):
            started = time.perf_counter()
            product(x, weight) if by_onednn else x @ weight.t()
            if device == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


def compare(options: argparse.Namespace, precision: str, folder: Path) -> dict:
    table = pairs_of(options)
    pq.write_table(table, folder / "pairs.parquet")
    common = {"backbone": options.backbone, "pairs": str(folder / "pairs.parquet"), "folder": str(folder), "batch": options.batch,
              "loss": options.loss, "steps": options.steps, "seed": options.seed, "precision": precision, "device": options.device,
              "max_length": options.max_length, **first_rows(table)}
    jobs = {"ours": {**common, "max_tokens": options.max_tokens}, "peer": {**common, "mini_batch": options.peer_mini_batch}}
    limit = gemm_speed(precision, options.device)                             # before and after: others may be at work
    turns = take_turns(__file__, jobs, options.repeats, show, options.warm_up)
    limit = max(limit, gemm_speed(precision, options.device))
    speed, memory = medians(turns, "pairs_per_s"), medians(turns, "peak_mb")
    first = turns["ours"][0]
    operations = 6 * first["parameters"] * first["tokens_per_pair"] * speed["ours"]      # forward 2, backward 4 a weight
    each = [a["pairs_per_s"] / b["pairs_per_s"] for a, b in zip(turns["ours"], turns["peer"], strict=True)]
    return {**speed, "ratio": speed["ours"] / speed["peer"], "ratio_lowest": min(each), "ratio_highest": max(each),
            "loss_gap": abs(first["first_loss"] - turns["peer"][0]["first_loss"]), "first_loss": first["first_loss"],
            "tokens_per_s": speed["ours"] * first["tokens_per_pair"], "gemm_share": operations / limit, "gemm_gflops": limit / 1e9,
            "peak_mb": memory, "turns": turns}


def show(side: str, turn: dict) -> None:
    print(f"  {side:5} {turn['pairs_per_s']:8.1f} pairs/s   {turn['seconds']:7.2f} s   peak {turn['peak_mb']:,.0f} MB", flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--backbone"), made.add_argument("--data"), made.add_argument("--json", type=Path)
    made.add_argument("--name", choices=list(DATA), default="stsb", help="which data set is in the folder")
    made.add_argument("--loss", choices=["info_nce", "cosine"], default="info_nce")
    made.add_argument("--batch", type=int, default=32)
    made.add_argument("--steps", type=int, default=20, help="of a turn")
    made.add_argument("--repeats", type=int, default=5, help="turns of each side")
    made.add_argument("--warm-up", type=int, default=1, help="turns before those that count")
    made.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[:2])
    made.add_argument("--max-length", type=int, default=128)
    made.add_argument("--max-tokens", type=int, help="of one pass of lit_embed; a larger batch is recomputed in parts")
    made.add_argument("--peer-mini-batch", type=int, help="the peer's cached loss, so many texts at a time")
    made.add_argument("--limit", type=int, help="rows of the data set")
    made.add_argument("--seed", type=int, default=42)
    made.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    made.add_argument("--child", help=argparse.SUPPRESS)
    return made


def main() -> None:
    options = parser().parse_args()
    if options.child:
        job = json.loads(options.child)
        return getattr(training_sides, job["side"])(job)
    if not options.backbone or not options.data:
        raise SystemExit("--backbone FOLDER and --data FOLDER (or names on the Hub) are needed")
    result = about(options)
    for precision in options.precisions:
        print(f"{precision}, batch {options.batch}, {options.steps} steps a turn, {options.repeats} turns", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found = result[precision] = compare(options, precision, Path(folder))
        print(f"{precision}: lit_embed {found['ours']:.1f} pairs/s, sentence-transformers {found['peer']:.1f}, ratio "
              f"{found['ratio']:.2f} ({found['ratio_lowest']:.2f} to {found['ratio_highest']:.2f}); {found['tokens_per_s']:,.0f} "
              f"tokens/s, {found['gemm_share']:.0%} of the limit; loss gap {found['loss_gap']:.1e}", flush=True)
        if options.json:                              # after each precision: what was measured is kept
            options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
