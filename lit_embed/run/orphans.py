"""A worker of torchrun ends when torchrun does: left alone, it would train on, into the folder of the run that is started next."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1         # linux/prctl.h: the signal that a process gets when the one that started it ends


def end_with_torchrun() -> None:
    """Killed by SIGKILL, torchrun cannot end its workers, which are in sessions of their own; so the kernel is asked to. Only on Linux.

    To be killed is safe at any moment: files are moved into place whole, and the run goes on from its last checkpoint.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or sys.platform != "linux":
        return
    starter = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != starter:                     # it was gone before the kernel was asked
        sys.exit(1)
