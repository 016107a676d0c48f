"""What each kind of index costs and finds: seconds and memory to build, recall@10 against exact search, ms a query.

    python scripts/benchmark_index.py --vectors 1000000 --width 384 --queries 1000 --embeddings REAL.npy --json OUT.json
    python scripts/benchmark_index.py --vectors 20000 --kinds flat hnsw

REAL.npy: embeddings of real texts, such as `lit-embed encode` writes. A vector is a mixture of three of them, weighted
by a Dirichlet distribution of 0.3 (one is most of it, as a rule), and noise of a fifth of its length; those of another
width are projected at random first. So a million vectors keep the directions and the crowding of real ones. Without
--embeddings 10,000 random directions stand for them, which is harder than any real corpus. Queries are drawn in the
same way, and are not among the vectors.

Each kind is built in one process and searched, mapped into memory, in another; threads are as many as OMP_NUM_THREADS
or the machine says. Memory is what the process needed at most above what it had when the libraries were loaded, mapped
pages included; the vectors themselves are read from a file in blocks. Linux, for the sake of /proc.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
from side_by_side import machine

from lit_embed.search.build_index import Plan, assemble
from lit_embed.search.kinds import KINDS, parameters
from lit_embed.search.recall import measured_recall
from lit_embed.search.vector_file import read_vectors
from lit_embed.search.vectors import Vectors, prepared

BLOCK, ALONE = 10_000, 200           # vectors in memory at a time; queries asked one by one


class Rows:
    """Vectors in a raw file, read in blocks; what building and measuring recall ask of shards."""

    def __init__(self, file: Path, width: int):
        self.file, self.width = file, width

    def __len__(self) -> int:
        return self.file.stat().st_size // (4 * self.width)

    def embeddings(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self), BLOCK):                  # read, not mapped: mapped pages would count as memory
            yield np.fromfile(self.file, np.float32, min(BLOCK, len(self) - start) * self.width,
                              offset=4 * start * self.width).reshape(-1, self.width)

    def rows(self, rows: np.ndarray) -> np.ndarray:
        return np.array(np.memmap(self.file, np.float32, "r").reshape(-1, self.width)[rows])


def real_ones(file: Path | None, width: int) -> np.ndarray:
    """Unit vectors to mix.  -> (R, D)"""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(10_000, width)) if file is None else np.load(file)
    if real.shape[1] != width:
        real = real @ rng.normal(size=(real.shape[1], width))
    return prepared(real, "cosine")


def mixtures(real: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks of unit vectors.  -> (n, D) each"""
    rng = np.random.default_rng(seed)
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        weights = rng.dirichlet([0.3] * 3, size=size).astype(np.float32)                              # (n, 3)
        mixed = np.einsum("nk,nkd->nd", weights, real[rng.integers(len(real), size=(size, 3))])
        noise = rng.normal(size=mixed.shape).astype(np.float32) / np.sqrt(mixed.shape[1])
        yield prepared(mixed + 0.2 * np.linalg.norm(mixed, axis=1, keepdims=True) * noise, "cosine")


def status_mb(field: str) -> float:
    """VmRSS, memory now, or VmHWM, the most there was."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def forget_peak() -> float:
    """Count the most memory from here on; what there is now."""
    Path("/proc/self/clear_refs").write_text("5")
    return status_mb("VmRSS")


def build(folder: Path, kind: str, width: int) -> dict:
    before, started, busy = forget_peak(), time.perf_counter(), time.process_time()
    assemble(Rows(folder / "vectors.f32", width), kind, Plan(device="cpu"), folder / f"{kind}.faiss")
    return {"build_seconds": time.perf_counter() - started, "build_processor_seconds": time.process_time() - busy,
            "build_memory_mb": status_mb("VmHWM") - before, "file_mb": (folder / f"{kind}.faiss").stat().st_size / 1e6}


def search(folder: Path, kind: str, width: int) -> dict:
    queries, before = np.load(folder / "queries.npy"), forget_peak()
    vectors = Vectors(read_vectors(folder / f"{kind}.faiss"), kind, "cosine", device="cpu")
    vectors.search(queries[:10], 10)                                                # the file comes into memory
    alone = []
    for query in queries[:ALONE]:
        started = time.perf_counter()
        vectors.search(query[None], 10)
        alone.append(1e3 * (time.perf_counter() - started))
    started = time.perf_counter()
    vectors.search(queries, 10)
    together = 1e3 * (time.perf_counter() - started) / len(queries)
    memory = status_mb("VmHWM") - before
    recall = measured_recall(vectors, Rows(folder / "vectors.f32", width), queries)
    return {"ms_alone": statistics.median(alone), "ms_in_batch": together, "search_memory_mb": memory,
            "recall@10": recall, "parameters": parameters(vectors.index, kind), "threads": faiss.omp_get_max_threads()}


def in_own_process(step: str, folder: Path, kind: str, width: int) -> dict:
    command = [sys.executable, __file__, "--child", step, str(folder), kind, "--width", str(width)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{step} {kind} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--embeddings", type=Path, help="real embeddings to mix, (R, D) in a .npy file")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", help="for the files in between: 4 bytes a number, for the vectors and each kind")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        step, folder, kind = options.child
        print(json.dumps({"build": build, "search": search}[step](Path(folder), kind, options.width)))
        return
    about = {"vectors": options.vectors, "width": options.width, "queries": options.queries,
             "real": bool(options.embeddings), **machine("cpu")}             # with the load before the first one
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        results = measure(options, Path(name))
    if options.json:
        options.json.write_text(json.dumps(about | {"kinds": results}, indent=2) + "\n")


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict]:
    real = real_ones(options.embeddings, options.width)
    with open(folder / "vectors.f32", "wb") as stream:
        for block in mixtures(real, options.vectors, seed=1):
            stream.write(block.data)
    np.save(folder / "queries.npy", np.concatenate(list(mixtures(real, options.queries, seed=2))))
    results = {}
    print(f"{'kind':8}{'build s':>9}{'build MB':>9}{'file MB':>9}{'search MB':>10}{'recall@10':>11}{'ms alone':>10}"
          f"{'ms in batch':>13}")
    for kind in options.kinds:
        found = in_own_process("build", folder, kind, options.width)
        found |= in_own_process("search", folder, kind, options.width)
        (folder / f"{kind}.faiss").unlink()
        results[kind] = found
        print(f"{kind:8}{found['build_seconds']:9.1f}{found['build_memory_mb']:9.0f}{found['file_mb']:9.0f}"
              f"{found['search_memory_mb']:10.0f}{found['recall@10']:11.3f}{found['ms_alone']:10.2f}"
              f"{found['ms_in_batch']:13.3f}   {found['parameters']}", flush=True)
    return results


if __name__ == "__main__":
    main()
