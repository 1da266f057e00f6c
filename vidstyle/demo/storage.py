"""How much all visitors together may keep."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vidstyle.demo.settings import MEGABYTE
from vidstyle.errors import VidstyleError

MOST_BYTES_OF_ALL = 10_000 * MEGABYTE
MOST_FILES_OF_ALL = 5_000
LEAST_FREE = 1_000 * MEGABYTE
"""Bytes of the disk that are left to others, or a tenth of a small one."""


class NoRoomError(VidstyleError):
    """Nothing more can be kept at the moment."""

    def __init__(self) -> None:
        super().__init__("There is no room for more files here at the moment; try again in a while.")


class Storage:
    """Counts what lies in a folder.

    Args:
        folder: on the disk whose free space matters.
        most_bytes, most_files: that may be there.
        make_room: called when there is no room, to let go of what nobody waits for; says whether there was anything.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int = MOST_BYTES_OF_ALL,
        most_files: int = MOST_FILES_OF_ALL,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder, self._most_bytes, self._most_files, self._make_room = folder, most_bytes, most_files, make_room
        self._bytes = self._files = 0
        self._lock = threading.Lock()
        self._making_room = threading.Lock()

    def check(self, coming: int = 0) -> None:
        """Raises NoRoomError unless there is room for a file of so many bytes."""
        while not self._has_room(coming):
            if not self._make_room():
                raise NoRoomError

    def _has_room(self, coming: int) -> bool:
        return self._disk_has_room(coming) and self._may_keep(coming)

    def _disk_has_room(self, coming: int) -> bool:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = shutil.disk_usage(self._folder)
        return disk.free - coming >= min(LEAST_FREE, disk.total // 10)

    def _may_keep(self, coming: int) -> bool:
        return self._bytes + coming <= self._most_bytes and self._files < self._most_files

    def _take(self, coming: int) -> bool:
        """Count bytes that are coming, if there is room for them; whether there is."""
        if not self._disk_has_room(coming):
            return False
        # Of two that come at a time only one may find the last room.
        with self._lock:
            takes = self._may_keep(coming)
            if takes:
                self._bytes += coming
        return takes

    def add(self, size: int) -> None:
        """A file has come."""
        with self._lock:
            self._bytes, self._files = self._bytes + size, self._files + 1

    def remove(self, size: int) -> None:
        """A file has gone."""
        with self._lock:
            self._bytes, self._files = self._bytes - size, self._files - 1

    @contextmanager
    def arriving(self, declared: int = 0) -> Iterator[Callable[[int], None]]:
        """For a file that arrives in parts: called with the bytes of each, raises NoRoomError where there is no room.

        Both may take seconds, since others' files may have to be removed; whoever else a file arrives for waits for the
        room that is being made.

        Args:
            declared: bytes that are said to come, if that is said.
        """
        self._find_room(lambda: self._has_room(declared))
        arrived = 0

        def take(count: int) -> None:
            nonlocal arrived
            self._find_room(lambda: self._take(count))
            arrived += count

        try:
            yield take
        finally:
            # Whoever keeps the file counts it.
            with self._lock:
                self._bytes -= arrived

    def _find_room(self, has_found: Callable[[], bool]) -> None:
        """Make room until it has been found.  Raises NoRoomError if none can be made."""
        while not has_found():
            with self._making_room:
                # Somebody else may have made it meanwhile.
                if has_found():
                    return
                if not self._make_room():
                    raise NoRoomError
