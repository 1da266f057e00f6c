"""Libraries that help themselves to the processor, kept in their place."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def usual_scheduling() -> Iterator[None]:
    """Threads started in here, and the calling one, are scheduled afterwards as the calling one was before.

    Run as root, SVT-AV1 gives its threads and the one that opens it the highest real-time priority (SCHED_FIFO 99).
    From then on they, what they start and every child process keep all others off the processor, which stops the
    rest of the pipeline, and the machine.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = set(os.listdir("/proc/self/task"))
    try:
        yield
    finally:
        # 0 is the calling thread.
        for thread in ["0", *(set(os.listdir("/proc/self/task")) - before)]:
            # Some end meanwhile, and a container may forbid it all.
            with contextlib.suppress(OSError):
                if os.sched_getscheduler(int(thread)) != policy:
                    os.sched_setscheduler(int(thread), policy, parameters)
