"""Encoding a corpus in lit_embed and in sentence-transformers, in turn: texts a second, ratio, agreement.

    pip install "sentence-transformers>=6.2"
    python scripts/benchmark_encoding.py --model FOLDER --data GLUE --name stsb --json OUT.json
    python scripts/benchmark_encoding.py --model FOLDER --file corpus.parquet --column text --limit 1000

Each side in a process of its own, the same texts each turn, medians over the turns after a first one that is not
counted. Tokenising counts, loading does not. sentence-transformers sorts by length and pads to the longest of a batch
(--peer-batch, its default of 32); in bfloat16 its weights are converted, which is faster than autocast.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from benchmark_training import DATA
from side_by_side import about, difference, lowest, unit
from turns import clear_peak, medians, peak_mb, take_turns, tell, wait

PRECISIONS = ["float32", "bfloat16", "float16"]


def texts_of(options: argparse.Namespace) -> list[str]:
    """The distinct texts, shuffled once, so that a limit is a fair sample."""
    if options.file:
        import datasets

        kind = {"jsonl": "json"}.get(options.file.suffix[1:], options.file.suffix[1:])
        texts = datasets.load_dataset(kind, data_files=str(options.file), split="train")[options.column]
    else:
        rows = DATA[options.name](path=options.data, name=options.name).rows("train")
        texts = [*rows.queries, *rows.documents[0]]
    texts = list(dict.fromkeys(texts))
    order = np.random.default_rng(options.seed).permutation(len(texts))
    return [texts[place] for place in order[: options.limit]]


def side(job: dict) -> None:
    texts = json.loads(Path(job["texts"]).read_text())
    encode = (ours if job["side"] == "ours" else peer)(job)
    while True:
        wait()
        clear_peak()
        started = time.perf_counter()
        embeddings = encode(texts)
        seconds = time.perf_counter() - started
        np.save(Path(job["folder"]) / f"{job['side']}.npy", embeddings)
        tell({"seconds": seconds, "texts_per_s": len(texts) / seconds, "peak_mb": peak_mb()})


def ours(job: dict):
    from lit_embed.models import TextEncoder
    from lit_embed.run.allocator import keep_freed_memory

    keep_freed_memory()                               # as `lit-embed encode` does
    encoder = TextEncoder.from_folder(job["model"], max_length=job["max_length"]).to(job["device"])
    encoder.precision = job["precision"]
    return lambda texts: encoder.encode(texts)


def peer(job: dict):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(job["model"], device=job["device"]).to(getattr(torch, job["precision"]))
    model.max_seq_length = job["max_length"]
    return lambda texts: model.encode(texts, batch_size=job["peer_batch"]).astype(np.float32)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", "--backbone", dest="model"), made.add_argument("--data"), made.add_argument("--file", type=Path)
    made.add_argument("--name", choices=list(DATA), default="stsb"), made.add_argument("--column", default="text")
    made.add_argument("--limit", type=int, help="so many of the texts"), made.add_argument("--json", type=Path)
    made.add_argument("--repeats", type=int, default=5), made.add_argument("--warm-up", type=int, default=1)
    made.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[:2])
    made.add_argument("--max-length", type=int, default=256), made.add_argument("--peer-batch", type=int, default=32)
    made.add_argument("--seed", type=int, default=42)
    made.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    made.add_argument("--child", help=argparse.SUPPRESS)
    return made


def main() -> None:
    options = parser().parse_args()
    if options.child:
        return side(json.loads(options.child))
    if not options.model or not (options.data or options.file):
        raise SystemExit("--model FOLDER, and --data FOLDER or --file FILE, are needed")
    texts = texts_of(options)
    result = about(options) | {"texts": len(texts)}
    for precision in options.precisions:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "texts.json"
            file.write_text(json.dumps(texts))
            job = {"texts": str(file), "folder": folder, "model": options.model, "precision": precision, "device": options.device,
                   "max_length": options.max_length, "peer_batch": options.peer_batch}
            turns = take_turns(__file__, {"ours": job, "peer": job}, options.repeats, warm_up=options.warm_up)
            vectors = [unit(np.load(Path(folder) / f"{name}.npy")) for name in ("ours", "peer")]
        speed = medians(turns, "texts_per_s")
        each = [a["texts_per_s"] / b["texts_per_s"] for a, b in zip(turns["ours"], turns["peer"], strict=True)]
        result[precision] = {**speed, "ratio": speed["ours"] / speed["peer"], "ratio_lowest": min(each), "ratio_highest": max(each),
                             "largest_difference": difference(*vectors), "lowest_cosine": lowest(*vectors),
                             "peak_mb": medians(turns, "peak_mb"), "turns": turns}
        print(f"{precision}: {len(texts)} texts, lit_embed {speed['ours']:.1f} texts/s, sentence-transformers {speed['peer']:.1f}, ratio "
              f"{result[precision]['ratio']:.2f} ({min(each):.2f} to {max(each):.2f}), largest difference "
              f"{result[precision]['largest_difference']:.1e}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
