"""What a command says to whoever watches: lines on standard error."""

import sys


def say(message: str) -> None:
    """One line, whatever the message holds."""
    print(f"vidstyle: {' '.join(message.splitlines())}", file=sys.stderr)
