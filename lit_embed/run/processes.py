"""A few processes on this machine that work together and report; one that dies or falls silent ends them all."""

import os
import queue
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import torch
import torch.multiprocessing as mp

from lit_embed.distributed import group_on_this_machine
from lit_embed.errors import UserError, first_line


class Processes:
    """`world` processes of one gloo group, each running work(rank, report, *arguments); report(x) in any sends x here.

    timeout   seconds within which each next report must come; the first, three times as long
    imports   modules that all of them need, imported once instead of in each

    A context manager: whatever happens inside, no process is left behind.
    """

    def __init__(self, world: int, work: Callable, arguments: tuple, timeout: float = 60.0,
                 imports: tuple[str, ...] = ()):
        self.timeout, self.patience = timeout, 3 * timeout
        self.folder = tempfile.TemporaryDirectory(prefix="lit-embed-")
        # Forked from a server that has imported and not yet computed: a fork of this process would inherit the locks of
        # its threads, without the threads.
        context = mp.get_context("forkserver" if "forkserver" in mp.get_all_start_methods() else "spawn")
        if context.get_start_method() == "forkserver":
            context.set_forkserver_preload([__name__, *imports])
        self.reports = context.Queue(maxsize=world)
        meeting_point = Path(self.folder.name, "meeting_point")
        self.processes = [context.Process(target=_member, daemon=True,
                                          args=(rank, world, meeting_point, timeout, self.reports, work, arguments))
                          for rank in range(world)]

    def __enter__(self) -> "Processes":
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, failed: type | None, *_: object) -> None:
        for process in self.processes:
            if failed is None:
                process.join(self.timeout)              # they say good-bye to each other
            process.kill()
            process.join()
        self.folder.cleanup()

    def next_report(self) -> object:
        """Raises UserError if a process failed, died, or nothing was said for `timeout` seconds."""
        until = time.monotonic() + self.patience
        while True:
            try:
                report = self.reports.get(timeout=0.2)
            except queue.Empty:
                self._refuse_the_dead()
                if time.monotonic() > until:
                    silent = f"no word from {len(self.processes)} processes for {self.patience:g} seconds"
                    raise UserError(silent) from None
                continue
            if not isinstance(report, _Failure):
                self.patience = self.timeout
                return report
            for process in self.processes:
                process.join(1)                         # a killed one is the cause of what the others complain of
            self._refuse_the_dead()
            raise UserError(f"process {report.rank} of {len(self.processes)} failed: {report.error}")

    def _refuse_the_dead(self) -> None:
        for rank, process in enumerate(self.processes):
            if process.exitcode is not None and process.exitcode < 0:
                signal = -process.exitcode
                raise UserError(f"process {rank} of {len(self.processes)} was killed by signal {signal}")


class _Failure:
    def __init__(self, rank: int, error: Exception):
        self.rank, self.error = rank, f"{type(error).__name__}: {first_line(error)}"


def _end_with_the_parent() -> None:
    wait([mp.parent_process().sentinel])                # killed, it could not end its processes itself
    os._exit(1)


def _member(rank: int, world: int, meeting_point: Path, timeout: float, reports: mp.Queue, work: Callable,
            arguments: tuple) -> None:
    torch.set_num_threads(1)                            # as many processes as cores leave none for threads
    Thread(target=_end_with_the_parent, daemon=True).start()

    def say(report: object) -> None:
        try:
            reports.put(report, timeout=timeout)
        except queue.Full:                              # nobody takes them any more
            os._exit(1)

    @contextmanager
    def failures_are_said() -> Iterator[None]:
        try:
            yield
        except Exception as error:
            say(_Failure(rank, error))
            reports.close()
            reports.join_thread()                       # on its way before the others miss this process and fail too
            raise SystemExit(1) from None

    with failures_are_said(), group_on_this_machine(rank, world, meeting_point, timeout), failures_are_said():
        work(rank, say, *arguments)
