"""Two nodes of torchrun, one lost in the middle of a run and brought back: is the result that of the undisturbed run?

    sudo python scripts/two_nodes.py --backbone FOLDER --data GLUE --json OUT.json

The nodes are two network namespaces of this machine with an address each (10.77.0.1 and 10.77.0.2), connected by a pair
of virtual Ethernet devices; that takes Linux and root. They share a disk, as nodes of a cluster do, and talk over gloo.
First both run undisturbed. Then once more in another folder, and in the middle: a worker is killed, which torchrun starts
again on both nodes; later everything on the second node is killed, and the job is started again as a scheduler does it. `--ckpt_path auto` goes on
from the last checkpoint each time. Compared: every weight of the last checkpoint, every step's texts, loss and gradient norm.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from side_by_side import machine
from watched_run import Run, compare, config

NODES = {"lit_embed_a": ("10.77.0.1", "lit_embed_va"), "lit_embed_b": ("10.77.0.2", "lit_embed_vb")}
PORT = 29_577
GONE = 10            # seconds until the scheduler notices that a node is lost


def system(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()} (network namespaces take Linux and root)")


def connect() -> None:
    (one, (_, first)), (other, (_, second)) = NODES.items()
    system("ip", "link", "add", first, "type", "veth", "peer", "name", second)
    for node, (address, device) in NODES.items():
        system("ip", "netns", "add", node)
        system("ip", "link", "set", device, "netns", node)
        for command in (("addr", "add", f"{address}/24", "dev", device), ("link", "set", device, "up"), ("link", "set", "lo", "up")):
            system("ip", "-n", node, *command)


def disconnect() -> None:
    for node in NODES:
        subprocess.run(["ip", "netns", "del", node], capture_output=True)


def start(node: str, run: Run, log: Path) -> subprocess.Popen:
    address, device = NODES[node]
    command = ["ip", "netns", "exec", node, sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
               "--rdzv-backend", "c10d", "--rdzv-id", "lit_embed", "--rdzv-endpoint", f"{NODES['lit_embed_a'][0]}:{PORT}",
               "--rdzv-conf", f"is_host={int(node == next(iter(NODES)))}", "--local-addr", address, "--max-restarts", "5", "-m", "lit_embed.cli", "fit", "--config", str(run.file),
               "--checkpoints", str(run.folder), "--ckpt_path", "auto", "--trainer.num_nodes", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1",
                   "GLOO_SOCKET_IFNAME": device, "TP_SOCKET_IFNAME": device}
    with open(log, "a") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)


def processes_on(node: str) -> list[int]:
    found = subprocess.run(["ip", "netns", "pids", node], capture_output=True, text=True).stdout.split()
    return [int(pid) for pid in found]


def worker_on(node: str) -> int | None:
    """The process that trains: the one whose command is not torchrun's."""
    for pid in processes_on(node):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        if b"lit_embed.cli" in command and b"torch.distributed.run" not in command:
            return pid
    return None


def kill_node(node: str) -> None:
    for pid in processes_on(node):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_for_step(run: Run, step: int, nodes: list[subprocess.Popen], log: Path, limit: float = 600) -> None:
    end = time.monotonic() + limit
    while run.steps_done() < step:
        if time.monotonic() > end or all(node.poll() is not None for node in nodes):
            raise SystemExit(f"step {step} was never reached:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)


def finish(nodes: list[subprocess.Popen], log: Path) -> None:
    for node in nodes:
        if node.wait(timeout=900):
            raise SystemExit(log.read_text()[-3000:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", required=True), parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=60), parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--batch", type=int, default=8), parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--precision", default="32-true"), parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.processes, options.workers = 2, 0
    content = config(options)
    content["trainer"]["devices"] = 1
    disconnect()
    connect()
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(Path(folder), content, options)
    finally:
        for node in NODES:
            kill_node(node)
        disconnect()
    print(f"weights {'equal to the bit' if result['weights_equal'] else 'DIFFER'}, "
          f"steps {'equal to the bit' if result['steps_equal'] else 'DIFFER'}")
    if options.json:
        options.json.write_text(json.dumps(result | {"machine": machine("cpu")}, indent=2) + "\n")
    sys.exit(not (result["weights_equal"] and result["steps_equal"]))


def measure(folder: Path, content: dict, options: argparse.Namespace) -> dict:
    file, log = folder / "run.yaml", folder / "log"
    file.write_text(yaml.safe_dump(content))
    whole, broken = (Run(folder / name, file, 2) for name in ("whole", "broken"))
    finish([start(node, whole, log) for node in NODES], log)
    print(f"undisturbed: {whole.steps_done()} steps on two nodes", flush=True)
    nodes = [start(node, broken, log) for node in NODES]
    second = list(NODES)[1]
    wait_for_step(broken, options.steps // 3, nodes, log)
    at = [broken.steps_done()]
    os.kill(worker_on(second), signal.SIGKILL)
    print(f"step {at[0]}: the worker of the second node is killed; torchrun starts both again", flush=True)
    while broken.steps_done() >= at[0]:                     # until the log is taken back to the checkpoint
        time.sleep(0.02)
    wait_for_step(broken, 2 * options.steps // 3, nodes, log)
    at.append(broken.steps_done())
    # torchrun 2.13 hands the lost node's place to nobody else; a scheduler ends such a job and starts it again.
    kill_node(second)
    time.sleep(GONE)
    kill_node(next(iter(NODES)))
    [node.wait() for node in nodes]
    print(f"step {at[1]}: everything on the second node is killed; {GONE} s later the job is ended and started again", flush=True)
    finish([start(node, broken, log) for node in NODES], log)
    return compare(whole, broken) | {"killed_at_steps": at, "steps": options.steps}


if __name__ == "__main__":
    main()
