"""Is a run that was killed at any moment, and went on, the run that was never stopped? To the bit, in weights and steps.

    python scripts/kill_and_resume.py --backbone FOLDER --data GLUE --kills 20 --json OUT.json
    python scripts/kill_and_resume.py --backbone FOLDER --data GLUE --kills 20 --processes 2

One run of STS pairs with InfoNCE to its end. Then the same command again and again with `--ckpt_path auto` in another
folder, each time ended by SIGKILL after a random time, sometimes between two steps, sometimes in one, in an evaluation
or while a checkpoint is written; with --processes 2 over gloo, where a random one of them is killed, and the other has
to end by itself. At last it may finish. Compared: every weight of the last checkpoint, and each step's texts, loss and
gradient norm. For bit-equal sums the number of threads must not change: OMP_NUM_THREADS is set to 1.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from side_by_side import machine
from watched_run import Run, compare, config, step_of, until_a_step

LOADING = 0.15              # share of the kills that meet a start before its first step


@dataclass
class Pace:
    """Seconds: before the first step, and of each step with its share of evaluations and checkpoints."""

    loading: float
    step: float


def workers_of(torchrun: int) -> list[int]:
    """The processes that train; each is in a session of its own."""
    found = subprocess.run(["pgrep", "-P", str(torchrun), "-f", "lit_embed.cli"], capture_output=True, text=True).stdout.split()
    return sorted(map(int, found))


def end(run: subprocess.Popen, processes: int, chance: random.Random) -> tuple[str, float]:
    """Kill one process of the run, and see that the rest of it ends too; who was killed, and seconds until all were gone."""
    started = time.perf_counter()
    victim = chance.choice([run.pid, *workers_of(run.pid)]) if processes > 1 else run.pid
    os.kill(victim, signal.SIGKILL)
    try:
        run.wait(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        raise SystemExit("the other processes did not end within two minutes") from None
    try:
        os.killpg(run.pid, signal.SIGKILL)                  # nothing of this start shall write when the next one begins
    except ProcessLookupError:
        pass
    return ("a worker" if victim != run.pid else "the run"), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", required=True), parser.add_argument("--data", required=True)
    parser.add_argument("--kills", type=int, default=20), parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200), parser.add_argument("--every", type=int, default=4, help="steps between checkpoints")
    parser.add_argument("--batch", type=int, default=8), parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--workers", type=int, default=0), parser.add_argument("--precision", default="32-true")
    parser.add_argument("--seed", type=int, default=42), parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.steps % options.every:
        parser.error(f"--steps {options.steps} is no multiple of --every {options.every}: the last checkpoints would not be of the last step")
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.yaml"
        file.write_text(yaml.safe_dump(config(options)))
        whole, broken = (Run(Path(folder) / name, file, options.processes) for name in ("whole", "broken"))
        begun, log = time.perf_counter(), Path(folder) / "log"
        started = whole.start(log)
        until_a_step(whole, started, 0)
        first = time.perf_counter()
        if started.wait():
            raise SystemExit(log.read_text()[-3000:])
        pace = Pace(first - begun, (time.perf_counter() - first) / options.steps)
        print(f"never stopped: {options.steps} steps, {pace.loading:.0f} s to the first, {pace.step:.2f} s each", flush=True)
        kills = kill(broken, pace, options, chance, log)
        result = compare(whole, broken) | {"kills": kills, "steps": options.steps, "processes": options.processes, "machine": machine("cpu")}
    print(f"{len(kills)} kills: weights {'equal to the bit' if result['weights_equal'] else 'DIFFER'}, "
          f"steps {'equal to the bit' if result['steps_equal'] else 'DIFFER'}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(not (result["weights_equal"] and result["steps_equal"]))


def kill(run: Run, pace: Pace, options: argparse.Namespace, chance: random.Random, log: Path) -> list[dict]:
    """Start and kill as often as asked, most times while steps are done, now and then while the run still loads."""
    kills: list[dict] = []
    while len(kills) < options.kills:
        before = step_of(run.checkpoint())
        started = run.start(log)
        if chance.random() < LOADING:
            ended = _ended(started, chance.uniform(0, pace.loading))
        else:
            ended = until_a_step(run, started, before) or _ended(
                started, chance.uniform(0, 2 * pace.step * (options.every / 2 + options.steps / (options.kills + 2))))
        if ended:
            break                                           # it came to its end before it was killed
        who, seconds = end(started, options.processes, chance)
        kills.append({"killed": who, "seconds_until_all_ended": seconds, "checkpoint_before": before,
                      "checkpoint_after": step_of(run.checkpoint()), "step_reached": run.steps_done()})
        print(f"kill {len(kills)}: {who}, at step {kills[-1]['step_reached']}, checkpoint of step {kills[-1]['checkpoint_after']}, "
              f"all ended after {seconds:.1f} s", flush=True)
    if run.start(log).wait():
        raise SystemExit(log.read_text()[-3000:])
    return kills


def _ended(started: subprocess.Popen, seconds: float) -> bool:
    try:
        started.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


if __name__ == "__main__":
    main()
