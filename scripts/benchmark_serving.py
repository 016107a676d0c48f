"""Requests a second, and how long one takes, with 1, 8 and 32 clients at once: batched together against one by one.

    python scripts/benchmark_serving.py --model FOLDER --file corpus.parquet --column text --clients 1 8 32 --json OUT.json

Two servers in processes of their own, in turn, the same texts: one as `lit-embed serve` runs it, one whose batches hold
a single text (--batch_tokens 1). Clients keep their connections and ask again as soon as they are answered, one text a
request. Medians over the turns after a first one that is not counted; all answers are compared with each other. Where
others share the machine, the ratio of the servers' processor time (Linux) says more than that of the clock.
"""

import argparse
import base64
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import datasets
import numpy as np
from side_by_side import about

SIDES = {"together": [], "one by one": ["--batch_tokens", "1"]}


def texts_of(options: argparse.Namespace) -> list[str]:
    kind = {"jsonl": "json"}.get(options.file.suffix[1:], options.file.suffix[1:])
    texts = datasets.load_dataset(kind, data_files=str(options.file), split="train")[options.column]
    texts = [text[: options.letters] for text in dict.fromkeys(texts)]
    return [texts[place] for place in np.random.default_rng(options.seed).permutation(len(texts))[: options.requests]]


def busy(process: int) -> float:
    """Seconds of processor time that a process has had (proc(5)); 0 where the system does not say."""
    file = Path(f"/proc/{process}/stat")
    fields = file.read_text().rsplit(")", 1)[1].split() if file.exists() else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(options: argparse.Namespace, more: list[str]):
    """The port and the process of a running server."""
    command = [sys.executable, "-m", "lit_embed.cli", "serve", options.model, "--port", "0", "--precision", options.precision]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            if "127.0.0.1:" not in line:
                raise SystemExit("the server has not started; its message is above")
            yield int(line.split("127.0.0.1:")[1].split("/")[0]), process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def load(port: int, process: int, texts: list[str], clients: int) -> dict:
    """One turn: every text asked for once, by so many clients.

    -> requests a second, milliseconds of the middle and of the slowest hundredth, the server's processor time a request,
       and the vectors (N, D)
    """
    vectors, seconds, left, lock = [None] * len(texts), [0.0] * len(texts), iter(range(len(texts))), threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        while True:
            with lock:
                place = next(left, None)
            if place is None:
                return connection.close()
            started = time.perf_counter()
            body = json.dumps({"input": texts[place], "encoding_format": "base64"})
            connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
            content = json.loads(connection.getresponse().read())
            seconds[place] = time.perf_counter() - started
            vectors[place] = np.frombuffer(base64.b64decode(content["data"][0]["embedding"]), dtype="<f4")

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started, before = time.perf_counter(), busy(process)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole, used = time.perf_counter() - started, busy(process) - before
    middle, slow = 1000 * np.percentile(seconds, [50, 99])
    return {"requests_per_s": len(texts) / whole, "p50_ms": float(middle), "p99_ms": float(slow),
            "processor_ms": 1000 * used / len(texts), "vectors": np.stack(vectors)}


def measure(sides: dict[str, tuple[int, int]], texts: list[str], clients: int, repeats: int) -> dict:
    """Both sides in turn: medians, ratio with its range over the turns, and how far apart their answers are."""
    turns, apart = {side: [] for side in sides}, 0.0
    for repeat in range(-1, repeats):
        found = {side: load(*sides[side], texts, clients) for side in (list(sides) if repeat % 2 else list(sides)[::-1])}
        first, second = (found[side].pop("vectors") for side in sides)
        apart = max(apart, float(np.abs(first - second).max()))
        if repeat >= 0:
            for side in sides:
                turns[side].append(found[side])
    ratios = [a["requests_per_s"] / b["requests_per_s"] for a, b in zip(*turns.values(), strict=True)]
    medians = {side: {name: statistics.median(turn[name] for turn in own) for name in own[0]} for side, own in turns.items()}
    ours, others = (own["processor_ms"] for own in medians.values())
    return {"medians": medians, "ratio": statistics.median(ratios), "ratio_lowest": min(ratios), "ratio_highest": max(ratios),
            "processor_ratio": others / max(ours, 1e-9), "largest_difference": apart, "turns": turns}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", required=True), made.add_argument("--file", type=Path, required=True)
    made.add_argument("--column", default="text"), made.add_argument("--letters", type=int, default=200, help="of a text, at most")
    made.add_argument("--requests", type=int, default=200, help="in a turn"), made.add_argument("--seed", type=int, default=42)
    made.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32]), made.add_argument("--repeats", type=int, default=5)
    made.add_argument("--precision", default="float32"), made.add_argument("--json", type=Path)
    return made


def main() -> None:
    options = parser().parse_args()
    options.device = "cpu"
    texts = texts_of(options)
    result = about(options) | {"texts": len(texts)}
    with server(options, SIDES["together"]) as together, server(options, SIDES["one by one"]) as alone:
        sides = {"together": together, "one by one": alone}
        for clients in options.clients:
            found = result[f"{clients} clients"] = measure(sides, texts, clients, options.repeats)
            for side, own in found["medians"].items():
                print(f"{clients} clients, {side}: {own['requests_per_s']:.1f} requests/s, p50 {own['p50_ms']:.0f} ms, "
                      f"p99 {own['p99_ms']:.0f} ms, processor {own['processor_ms']:.1f} ms a request")
            print(f"{clients} clients: ratio {found['ratio']:.2f} ({found['ratio_lowest']:.2f} to {found['ratio_highest']:.2f}), "
                  f"of processor time {found['processor_ratio']:.2f}, largest difference {found['largest_difference']:.1e}",
                  flush=True)
            if options.json:
                options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
