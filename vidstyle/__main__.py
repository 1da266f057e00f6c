"""The program: `python -m vidstyle`."""

import gc
import os
import sys
from typing import NoReturn

from vidstyle.interruption import end_at_once

ALLOCATIONS = 10_000
"""Objects that are made, and not freed, before unreachable ones are looked for."""


def main() -> NoReturn:
    """Run the command line, which can be interrupted even while it is being loaded."""
    _open_standard_files()
    end_at_once()
    # Half a million objects are made while libraries are loaded, and hardly one is garbage: looking for some every 700
    # objects takes a tenth of the time until a first picture.
    gc.set_threshold(ALLOCATIONS)
    from vidstyle import cli

    cli.main()


def _open_standard_files() -> None:
    """Let what is closed of standard input, output and error lead nowhere.

    The next file to be opened would take its place, and what libraries say be written into a video.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free: this one.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
