"""Processes report in order; one that fails, dies or hangs ends them all with one line, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lit_embed.distributed import gather
from lit_embed.errors import UserError
from lit_embed.run.processes import Processes


def add_up(rank, report, start):
    for step in range(3):
        total = int(gather(torch.tensor([start + rank + step])).sum())
        if rank == 0:
            report(total)


def test_reports_come_in_order_from_processes_that_see_each_other():
    with Processes(2, add_up, (10,)) as processes:
        assert [processes.next_report() for _ in range(3)] == [21, 23, 25]
    assert [process.exitcode for process in processes.processes] == [0, 0]


def fail(rank, report):
    if rank == 1:
        raise ValueError("no such number")
    gather(torch.zeros(1))


def die(rank, report):
    if rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    gather(torch.zeros(1))


def hang(rank, report):
    if rank == 1:
        time.sleep(600)
    gather(torch.zeros(1))


@pytest.mark.parametrize("work, timeout, says", [
    (fail, 60, "process 1 of 2 failed: ValueError: no such number"),
    (die, 60, "process 1 of 2 was killed by signal 9"),
    (hang, 10, "process . of 2 failed: .*|no word from 2 processes"),                  # whoever loses patience first
])
def test_one_that_fails_dies_or_hangs_ends_them_all(work, timeout, says):
    with pytest.raises(UserError, match=says), Processes(2, work, (), timeout) as processes:
        processes.next_report()
    assert all(process.exitcode is not None for process in processes.processes)


def speak_and_hang(rank, report):
    report(rank)
    time.sleep(600)


def die_among_processes():
    with Processes(2, speak_and_hang, ()) as processes:
        processes.next_report()
        os.kill(os.getpid(), signal.SIGKILL)


def test_processes_end_with_their_parent_however_it_ends():
    # Output is read to its end, which comes when the last process that could write has ended.
    ended = subprocess.run([sys.executable, "-c", "import test_processes; test_processes.die_among_processes()"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, cwd=Path(__file__).parent)
    assert ended.returncode == -signal.SIGKILL
