"""Freed memory stays with the process: glibc gives large blocks back at once, and the next step has to have every page
of them zeroed again by the system, which took up to a quarter of a training step on a CPU."""

import ctypes
import sys

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4      # names of mallopt(3)
MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Whether the allocator could be told; only glibc knows how, elsewhere nothing changes."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(MMAP_MAX, 0), mallopt(TRIM_THRESHOLD, MOST), mallopt(TOP_PAD, 64 << 20)])
