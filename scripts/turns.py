"""Two sides of a benchmark, each in a process of its own, take turns: while one works the other waits for its word.

A side is a function of its job that calls `tell` with a figure for each turn and `wait` before the next, from wherever
it is, the callback of a training loop for example. It is killed when enough turns are done.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SIDES = ("ours", "peer")
CLEAR_PEAK = Path("/proc/self/clear_refs")            # writing 5 starts the peak of resident memory anew (proc(5))


def wait() -> None:
    """In a side: until it is this side's turn."""
    if not sys.stdin.readline():
        os._exit(0)                                   # the parent is done


def tell(turn: dict) -> None:
    """In a side: what a turn gave."""
    sys.stdout.write("turn " + json.dumps(turn) + "\n")
    sys.stdout.flush()


def take_turns(script: str, jobs: dict[str, dict], repeats: int, show: Callable[[str, dict], None] | None = None,
               warm_up: int = 1) -> dict[str, list[dict]]:
    """The turns of each side, those of the warm-up left out; who begins changes with every round."""
    children = {side: _start(script, {**job, "side": side}) for side, job in jobs.items()}
    turns = {side: [] for side in jobs}
    try:
        for repeat in range(-warm_up, repeats):
            for side in list(jobs) if repeat % 2 == 0 else list(jobs)[::-1]:
                turn = _next(side, children[side])
                if repeat >= 0:
                    turns[side].append(turn)
                    if show:
                        show(side, turn)
    finally:
        for child in children.values():
            child.kill()
            child.wait()
    return turns


def _start(script: str, job: dict) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, script, "--child", json.dumps(job)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, env={**os.environ, "TOKENIZERS_PARALLELISM": "false"})


def _next(side: str, child: subprocess.Popen) -> dict:
    try:
        child.stdin.write("go\n")
        child.stdin.flush()
    except BrokenPipeError:
        raise SystemExit(f"{side} has ended; its message is above") from None
    for line in child.stdout:                         # whatever else a library prints is passed over
        if line.startswith("turn "):
            return json.loads(line[5:])
    raise SystemExit(f"{side} has ended; its message is above")


def clear_peak() -> None:
    """In a side, at the start of a turn: only memory held from here on counts for its peak."""
    if CLEAR_PEAK.exists():
        CLEAR_PEAK.write_text("5")


def peak_mb() -> float:
    """In a side: the most memory that was resident since `clear_peak`, in MB (of the process where it has no such file)."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def medians(turns: dict[str, list[dict]], key: str) -> dict[str, float]:
    return {side: statistics.median(turn[key] for turn in own) for side, own in turns.items()}
