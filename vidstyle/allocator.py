"""What glibc's malloc does with memory that is done with; nothing happens where there is no glibc."""

import ctypes
import sys

# Parameters of mallopt, glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8
KEPT = 2**31 - 1
PAD = 64 << 20


def keep_freed_memory() -> None:
    """Hand out freed memory again rather than give it back to the system, for work whose every step asks for the same.

    Large tensors come from fresh pages otherwise, which the system clears one by one: a seventh of the time that
    painting by optimisation takes on two cores.
    """
    _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: KEPT, M_TOP_PAD: PAD})


def share_one_heap() -> None:
    """Let all threads take from one heap, for sessions that last: frames go from thread to thread.

    With a heap for each, what one thread frees in another's fills up slowly: 3 MB a minute of live painting.
    """
    _set({M_ARENA_MAX: 1})


def _set(options: dict[int, int]) -> None:
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in options.items():
            mallopt(option, value)
