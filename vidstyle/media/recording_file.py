"""Files that are worth something however their writing ends: a full disk, a kill, a power cut.

They have a name that can be seen while they grow, and are in a form that plays from any beginning of it.
"""

import itertools
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import av

from vidstyle.errors import InputError, reason
from vidstyle.output_files import keep, move_into_place

log = logging.getLogger(__name__)

FRAGMENTS = MappingProxyType({"movflags": "+hybrid_fragmented+delay_moov", "frag_duration": "1000000"})
"""A fragment each second, and one index for the whole file once it is complete."""
CLUSTERS = MappingProxyType({"cluster_time_limit": "1000", "flush_packets": "1"})
SURVIVING = MappingProxyType(
    {"mp4": FRAGMENTS, "mov": FRAGMENTS, "ipod": FRAGMENTS, "matroska": CLUSTERS, "webm": CLUSTERS}
)
"""Options of a container with which all but the last second of it can be played at any time; by FFmpeg's name."""


class RecordingFile:
    """A file for PyAV to write to, under the target's name with `.recording` in it.

    Once it could not be written, it stays as it was: an index that FFmpeg goes on to write would be of no use any more,
    but what it writes over the beginning to point to that index would do harm.

    What a run that was killed has left there is kept under another name, and that is said.

    Args:
        target: what the file is to be called in the end.

    Attributes:
        path: where it is until then.
        name: the same, for FFmpeg.
        failure: why it could not be written any more, None if it could.

    Raises:
        InputError: if nothing can be written there.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.failure: OSError | None = None
        self._over = False
        try:
            self.path, self._file = _opened(target)
        except OSError as error:
            raise InputError(f"{target}: cannot write there: {reason(error)}") from error
        self.name = str(self.path)

    def write(self, data: bytes) -> int:
        """Write all of `data`, or nothing once that has failed or the file was closed."""
        if not self._over:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self.failure, self._over = error, True
                raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        return 0 if self._over else self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of any file."""
        return 0 if self._over else self._file.tell()

    def publish(self, *, overwrite: bool) -> None:
        """Give it its name.

        Raises:
            InputError: if the target has come into being meanwhile and must not be overwritten.
        """
        self.close()
        try:
            move_into_place(self.path, self._target, overwrite=overwrite)
        except InputError as error:
            raise InputError(f"{error}; what was recorded is in {self.path}") from error

    def discard(self) -> None:
        """Remove it, unless it has its name; more than once does no harm."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; FFmpeg may go on to write, and this may be called again."""
        self._over = True
        self._file.close()


def plays(path: Path) -> bool:
    """Whether there is a frame in a file."""
    with suppress(av.error.FFmpegError, OSError, StopIteration), av.open(str(path)) as container:
        return next(container.decode(video=0)) is not None
    return False


def _opened(target: Path) -> tuple[Path, BinaryIO]:
    """A new file beside `target`, which nobody else takes as long as it is open."""
    for path in _names(target, "recording"):
        if path.exists() and not _tidied(path, target):
            continue  # somebody is recording there
        with suppress(FileExistsError):
            file = path.open("xb", buffering=0)
            if keep(file.fileno(), path):
                return path, file
            file.close()
    raise AssertionError("names go on for ever")


def _tidied(path: Path, target: Path) -> bool:
    """Whether what lies at `path` was left by a run that is over; it is kept under a name of its own if it plays."""
    try:
        with path.open("r+b") as file:
            if not keep(file.fileno(), path):
                return False
            if sys.platform == "win32":
                file.close()  # nobody can rename there what is open
            if not plays(path):
                path.unlink()
                return True
            kept = next(name for name in _names(target, "rescued") if not name.exists())
            path.rename(kept)
    except OSError:  # not ours; or Windows, where nobody can rename what somebody writes
        return False
    log.warning("vidstyle: %s was left by a run that was ended; kept as %s", path, kept)
    return True


def _names(target: Path, what: str) -> Iterator[Path]:
    """out.recording.mp4, out.recording-2.mp4, ..."""
    return (
        target.with_name(f"{target.stem}.{what}{'' if n == 1 else f'-{n}'}{target.suffix}") for n in itertools.count(1)
    )
