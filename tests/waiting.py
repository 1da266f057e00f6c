"""How long tests wait for what happens by itself, and what they hold against the clock of a busy machine."""

import os
import subprocess
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds for what takes a moment where nothing else is going on; less than a test may take at all."""


def at_leisure(seconds: float) -> float:
    """What so many seconds of an idle machine are now, while others use its cores, too."""
    busy = os.getloadavg()[0]
    try:
        with open("/proc/loadavg") as file:
            # How many are running at this moment: the mean follows slowly.
            busy = max(busy, float(file.read().split()[3].split("/")[0]))
    except OSError:
        pass
    return seconds * max(1.0, 2 * busy / (os.cpu_count() or 1))


def wait_for(condition: Callable[[], object], what: object = "it") -> None:
    """Return as soon as `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.005)


def wait_until(process: "subprocess.Popen[str]", condition: Callable[[], object]) -> None:
    """Return as soon as `condition` holds of a running process."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
