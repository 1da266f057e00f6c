"""What a command says to whoever watches: lines on standard error."""

import sys

OPTIONS = {"masks": "mask", "recompute_activations": "checkpointing"}
"""Options that are called otherwise than the parameters that they set."""


def option(name: str, value: str) -> str:
    """A parameter as what is written to set it: `--camera-size 640x480`."""
    written = f"--{OPTIONS.get(name, name).replace('_', '-')}"
    return f"{written} {value}" if value else written


def say(message: str) -> None:
    """One line, whatever the message holds."""
    print(f"vidstyle: {' '.join(message.splitlines())}", file=sys.stderr)
