"""Workers do not outlive a torchrun that was killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

WORKER = "import os, time; from lit_embed.run.orphans import end_with_torchrun; end_with_torchrun(); print(os.getpid(), flush=True); time.sleep(60)"
STARTER = ("import subprocess, sys, time; "
           f"subprocess.Popen([sys.executable, '-c', {WORKER!r}], start_new_session=True); time.sleep(60)")


def running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal on a parent's death is Linux's")
@pytest.mark.parametrize("environment, outlives", [({"TORCHELASTIC_RUN_ID": "here"}, False), ({}, True)])
def test_a_worker_ends_with_a_torchrun_that_was_killed(environment, outlives):
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True, env={
        **{name: value for name, value in os.environ.items() if name != "TORCHELASTIC_RUN_ID"}, **environment})
    worker = int(starter.stdout.readline())
    assert running(worker)
    starter.kill()
    starter.wait()
    until = time.monotonic() + (0.5 if outlives else 10)
    while running(worker) and time.monotonic() < until:
        time.sleep(0.02)
    assert running(worker) == outlives
    if outlives:
        os.kill(worker, signal.SIGKILL)
    starter.stdout.close()
