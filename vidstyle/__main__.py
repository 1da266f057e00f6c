"""The program: `python -m vidstyle`."""

import os
import signal
from typing import NoReturn


def _leave(_signal: int, _frame: object) -> NoReturn:
    os.write(2, b"vidstyle: interrupted\n")
    os._exit(130)


def main() -> NoReturn:
    """Run the command line, which can be interrupted even while it is being loaded."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from vidstyle import cli

    cli.main()


if __name__ == "__main__":
    main()
