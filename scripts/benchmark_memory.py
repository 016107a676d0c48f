"""Memory and speed of very large batches: recomputation against sentence-transformers' cached loss, and chunked InfoNCE.

    pip install "sentence-transformers[train]>=6.2"
    python scripts/benchmark_memory.py --backbone FOLDER --data GLUE --name stsb --batch 4096 --json OUT.json

A turn is one training step of the whole batch. Peak: resident memory of the side's process on a CPU, what torch holds on
a GPU. Each side in a process of its own, in turn.
Then the loss alone on 65,536 rows of width 384, forward and backward, in a process of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import benchmark_training
from side_by_side import about
from turns import clear_peak, medians, peak_mb

ROWS, WIDTH = 65_536, 384


def chunked_loss(rows: int, width: int) -> dict:
    """Seconds and memory above the inputs of InfoNCE over rows x rows similarities."""
    import torch

    from lit_embed.batches import PairBatch, Tokens
    from lit_embed.losses import InfoNCE

    torch.manual_seed(0)
    queries, documents = (torch.randn(rows, width).requires_grad_() for _ in range(2))
    none = Tokens(torch.zeros(0, dtype=torch.long), torch.zeros(rows, dtype=torch.long))
    batch = PairBatch(none, none, None, torch.arange(rows), torch.arange(rows, 2 * rows).unsqueeze(1))
    clear_peak()
    before, started = peak_mb(), time.perf_counter()
    loss = InfoNCE(0.05)(queries, documents.unsqueeze(1), batch)
    loss.backward()
    return {"rows": rows, "width": width, "seconds": time.perf_counter() - started, "peak_mb": peak_mb(),
            "above_inputs_mb": peak_mb() - before, "loss": float(loss), "dense_mb": 4 * rows * rows / 2**20}


def main() -> None:
    parser = benchmark_training.parser()
    parser.description = __doc__
    parser.set_defaults(batch=4096, max_tokens=2_048, peer_mini_batch=32, steps=1, repeats=5, precisions=["bfloat16"])
    parser.add_argument("--rows", type=int, default=ROWS, help="of the loss alone; 0: leave it out")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(chunked_loss(int(options.child), WIDTH)))
        return
    if not options.backbone or not options.data:
        raise SystemExit("--backbone FOLDER and --data FOLDER (or names on the Hub) are needed")
    result = about(options)
    for precision in options.precisions:
        with tempfile.TemporaryDirectory() as folder:
            found = benchmark_training.compare(options, precision, Path(folder))
        memory = medians(found["turns"], "peak_mb")
        result[precision] = {**memory, "ratio": memory["peer"] / memory["ours"], "speed": {key: found[key] for key in (
            "ours", "peer", "ratio", "ratio_lowest", "ratio_highest")}, "loss_gap": found["loss_gap"], "turns": found["turns"]}
        print(f"{precision}, batch {options.batch}: peak {memory['ours']:,.0f} MB against {memory['peer']:,.0f} MB, "
              f"{found['ours']:.1f} against {found['peer']:.1f} pairs/s (ratio {found['ratio']:.2f})", flush=True)
    if options.rows:
        done = subprocess.run([sys.executable, __file__, "--child", str(options.rows)], text=True, capture_output=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        own = result["info_nce"] = json.loads(done.stdout.splitlines()[-1])
        print(f"InfoNCE {own['rows']} x {own['width']}: {own['above_inputs_mb']:,.0f} MB above its inputs, {own['seconds']:.0f} s "
              f"(its similarities alone would be {own['dense_mb']:,.0f} MB)", flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
