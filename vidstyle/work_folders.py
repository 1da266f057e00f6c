"""Folders of what a long run has painted so far, each with a note of what it depends on."""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from vidstyle.errors import InputError, parameter, reason
from vidstyle.output_files import hold_folder

NOTE = "settings.json"
"""What the pictures of a folder depend on."""
NUMBERED = re.compile(r"[0-9]{6,}\.png")


class WorkFolder:
    """A folder of numbered pictures that a run has painted, and a later one goes on from; one run at a time has it.

    Whatever else is in it is never touched.

    Args:
        path: the folder; made if it is not there.
        depends: what the pictures depend on, in JSON.
        what: the pictures are called.
        overwrite: begin anew where pictures depend on something else.

    Attributes:
        path: the folder.
        note: that a run before has left, which depended on the same, perhaps with more in it; `depends` if there is
            none.

    Raises:
        InputError: for a folder that holds something else or what depends on something else, that another run has, or
            that cannot be made.
    """

    def __init__(self, path: Path, depends: Mapping[str, object], *, what: str, overwrite: bool) -> None:
        self.path, self.note = path, dict(depends)
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file; {what} that are painted are kept in a folder of that name")
        self._handle: int | None = None
        try:
            self._handle = hold_folder(path, InputError(f"{path}: another run is painting {what} there"))
            self._begin(depends, what, overwrite=overwrite)
        except OSError as error:
            self.close()
            raise InputError(f"{path}: cannot be written: {reason(error)}") from error
        except BaseException:
            self.close()
            raise

    def _begin(self, depends: Mapping[str, object], what: str, *, overwrite: bool) -> None:
        there = {path.name for path in self.path.iterdir()}
        before = self._read()
        if before is not None and all(before.get(name) == value for name, value in depends.items()):
            self.note = before
            return
        if there - {NOTE} and before is None:
            raise InputError(f"{self.path}: holds something else than {what} painted here; choose another name")
        # Where nothing has been painted yet, what has been mended begins anew.
        if not overwrite and any(NUMBERED.fullmatch(name) for name in there):
            raise InputError(
                f"{self.path}: has {what} of another film or other settings; {parameter('overwrite', True)} begins anew"
            )
        self._clear()
        self.write(depends)

    def _read(self) -> dict[str, object] | None:
        try:
            note = json.loads((self.path / NOTE).read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return note if isinstance(note, dict) else None

    def write(self, note: Mapping[str, object]) -> None:
        """Replace the note by one that has what pictures depend on, and perhaps more."""
        self.note = dict(note)
        (self.path / NOTE).write_text(json.dumps(self.note))

    def picture(self, number: int) -> Path:
        """Where the picture with a number is, or is to be."""
        return self.path / f"{number:06}.png"

    def remove(self) -> None:
        """Nothing of it is needed any more; the folder stays if somebody has put something else there."""
        self._clear()
        (self.path / NOTE).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()
        self.close()

    def _clear(self) -> None:
        for path in self.path.iterdir():
            if NUMBERED.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let other runs have it; more than once does no harm."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
