"""Does the cost stay in proportion? Rows from ten thousand to a million, steps from the tenth to the five-thousandth.

    python scripts/benchmark_scaling.py --backbone FOLDER --data GLUE --json OUT.json
    python scripts/benchmark_scaling.py --backbone FOLDER --data GLUE --parts start --repeats 5

parts   rows    seconds to read and tokenise a parquet file of pairs, to open it again from the cache of tokens, and to
                order an epoch without repeated texts in a batch; resident memory at most
        steps   seconds of a step around the 10th, 100th, 1,000th and 5,000th, and memory, in one run
        start   seconds from the command to the end of the first step: `lit-embed fit`, its tokens cached or not, against
                a script with SentenceTransformerTrainer, in turn

Rows are STS-B's sentences, numbered so that none repeats.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from scaling_parts import read, start_ours, start_peer, steps, write_rows
from side_by_side import machine

ROWS = (10_000, 100_000, 1_000_000)


def in_own_process(part: str, job: dict) -> dict:
    done = subprocess.run([sys.executable, __file__, "--child", part, json.dumps(job)], capture_output=True, text=True,
                          env={**os.environ, "TOKENIZERS_PARALLELISM": "true"})
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone"), parser.add_argument("--data"), parser.add_argument("--json", type=Path)
    parser.add_argument("--parts", nargs="+", choices=["rows", "steps", "start"], default=["rows", "steps", "start"])
    parser.add_argument("--repeats", type=int, default=5, help="of the start"), parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        part, job = options.child
        print(json.dumps({"rows": read, "steps": steps}[part](json.loads(job))))
        return
    if not options.backbone or not options.data:
        raise SystemExit("--backbone FOLDER and --data FOLDER are needed")
    result = {"machine": machine("cpu")}
    with tempfile.TemporaryDirectory() as name:
        for part in options.parts:
            result[part] = globals()[f"measure_{part}"](options, Path(name))
            if options.json:
                options.json.write_text(json.dumps(result, indent=2) + "\n")


def measure_rows(options: argparse.Namespace, folder: Path) -> list[dict]:
    found = []
    for rows in ROWS:
        write_rows(options, rows, folder / "rows.parquet")
        found.append(in_own_process("rows", {"backbone": options.backbone, "file": str(folder / "rows.parquet"),
                                             "cache": str(folder / f"cache{rows}")}))
        per_row = {name: f"{1e6 * seconds / rows:.2f} us a row" for name, seconds in found[-1]["seconds"].items()}
        print(f"{rows:9,} rows: {per_row}, {found[-1]['memory_mb']:,.0f} MB", flush=True)
    return found


def measure_steps(options: argparse.Namespace, folder: Path) -> dict:
    write_rows(options, 20_000, folder / "rows.parquet")
    found = in_own_process("steps", {"backbone": options.backbone, "file": str(folder / "rows.parquet"), "cache": str(folder / "cache")})
    print(f"milliseconds of a step: {found['milliseconds']}; MB at most: {found['peak_mb']}", flush=True)
    return found


def measure_start(options: argparse.Namespace, folder: Path) -> dict:
    write_rows(options, 10_000, folder / "rows.parquet")
    job = {"backbone": options.backbone, "file": str(folder / "rows.parquet")}
    found: dict[str, list[float]] = {"ours": [], "ours, tokens cached": [], "peer": []}
    for repeat in range(options.repeats):
        cache = {"cache": str(folder / f"start{repeat}")}
        found["ours"].append(start_ours(job | cache, folder))
        found["ours, tokens cached"].append(start_ours(job | cache, folder))
        found["peer"].append(start_peer(job, folder))
    medians = {side: statistics.median(seconds) for side, seconds in found.items()}
    print("seconds from the command to the first step:", {side: round(value, 1) for side, value in medians.items()}, flush=True)
    return {"seconds": found, "median": medians, "ratio": medians["peer"] / medians["ours"]}


if __name__ == "__main__":
    main()
