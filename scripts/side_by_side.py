"""Two sides do the same work in one process: seconds of both, in turn, and how far apart their results are."""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

SIDES = ("lit_embed", "sentence_transformers")
TIMES = ("seconds", "processor_seconds", "median", "ratio", "ratio_lowest", "ratio_highest", "processor_ratio")
PACKAGES = ("torch", "transformers", "sentence-transformers", "lit-embed", "faiss-cpu", "numpy")


def in_turn(ours: Callable[[], object], peer: Callable[[], object], repeats: int) -> tuple[dict, object, object]:
    """Seconds of both sides, and what each of them gave.

    processor_seconds   of all threads together: where others share the machine, their ratio says more than the clock's
    """
    sides, results = dict(zip(SIDES, (ours, peer))), {}
    seconds, processor = {side: [] for side in SIDES}, {side: [] for side in SIDES}
    for repeat in range(repeats):
        for side in SIDES if repeat % 2 == 0 else SIDES[::-1]:
            started, busy = time.perf_counter(), time.process_time()
            results[side] = sides[side]()
            seconds[side].append(time.perf_counter() - started)
            processor[side].append(time.process_time() - busy)
    turns = [b / a for a, b in zip(seconds[SIDES[0]], seconds[SIDES[1]], strict=True)]
    return {"seconds": seconds, "processor_seconds": processor, "median": _medians(seconds), "ratio": _ratio(seconds),
            "ratio_lowest": min(turns), "ratio_highest": max(turns), "processor_ratio": _ratio(processor),
            }, results[SIDES[0]], results[SIDES[1]]


def _medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {side: statistics.median(each) for side, each in seconds.items()}


def _ratio(seconds: dict[str, list[float]]) -> float:
    medians = _medians(seconds)
    return medians[SIDES[1]] / medians[SIDES[0]]


def unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)).max())


def lowest(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float((ours * theirs).sum(axis=1).min())


def share_equal(ours: list, theirs: list) -> float:
    return float(np.mean([a == b for a, b in zip(ours, theirs, strict=True)]))


def machine(device: str) -> dict:
    """What a ratio was measured on; a load above 0 before the start means that others were at work."""
    file = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in (file.read_text().splitlines() if file.exists() else [])
             if line.startswith("model name")]
    return {"processor": names[0] if names else platform.processor(), "cores": len(os.sched_getaffinity(0)),
            "threads": torch.get_num_threads(), "gpu": torch.cuda.get_device_name() if "cuda" in device else None,
            "load_before": os.getloadavg()[0], "python": platform.python_version(),
            "versions": {name: version(name) for name in PACKAGES}}


def about(options: argparse.Namespace) -> dict:
    """What was asked, and of which machine: how every result begins."""
    here = machine(options.device)
    asked = {name: str(value) for name, value in vars(options).items() if value is not None}
    return {"options": asked, "hardware": {key: here[key] for key in here if key != "versions"}, "versions": here["versions"]}
