"""What a command says to whoever watches: lines on standard error."""

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OPTIONS = {"masks": "mask", "recompute_activations": "checkpointing", "style_scale": "stroke-size"}
"""Options that are called otherwise than the parameters that they set."""


def option(name: str, value: str) -> str:
    """A parameter as what is written to set it: `--camera-size 640x480`."""
    written = f"--{OPTIONS.get(name, name).replace('_', '-')}"
    return f"{written} {value}" if value else written


def say(message: str) -> None:
    """One line, whatever the message holds."""
    print(f"vidstyle: {' '.join(message.splitlines())}", file=sys.stderr)


class _Heard(io.FileIO):
    """A file that is written to for whoever reads it; that nobody can is no reason to stop."""

    def write(self, data: "ReadableBuffer") -> int:
        """Write, or not."""
        try:
            return super().write(data) or 0
        except OSError:
            return len(memoryview(data))


def speak_to_whoever_hears() -> None:
    """Let nothing that is said on standard error fail: the terminal may be gone, and the disk of a log be full."""
    with_lines = io.BufferedWriter(_Heard(2, "w", closefd=False))
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = io.TextIOWrapper(with_lines, encoding=encoding, errors="backslashreplace", line_buffering=True)
