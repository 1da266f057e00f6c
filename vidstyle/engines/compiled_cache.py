"""Compiled networks on disk, so that a style is compiled once for each frame size and processor."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path

from vidstyle.output_files import is_hidden, written_beside

LARGEST_CACHE = 512 << 20
"""Bytes; the entries that have been unused for longest make room."""
LARGEST_NOTE = 4096
"""Bytes of what is remembered beside networks, such as which precision is the fastest; networks are larger."""
DIGEST_SIZE = hashlib.sha256().digest_size
SUFFIX = ".compiled"

T = TypeVar("T")


def cache_folder() -> Path:
    """Where this platform keeps what programs can make again: `$XDG_CACHE_HOME/vidstyle` if that is set."""
    return user_cache_path("vidstyle", appauthor=False)


def compiled_sizes() -> list[int]:
    """Bytes of each network that is kept."""
    sizes = (path.stat().st_size for path in cache_folder().rglob(f"*{SUFFIX}"))
    return [size for size in sizes if size > LARGEST_NOTE]


class CompiledCache:
    """A folder of compiled networks.  It only ever saves time: whatever is wrong with it, things are built anew.

    Args:
        name: of the folder within cache_folder.
        largest: bytes that all entries together may take.
    """

    def __init__(self, name: str, largest: int = LARGEST_CACHE) -> None:
        self._name, self._largest = name, largest

    def get(self, key: str, load: Callable[[bytes], T], build: Callable[[], tuple[T, Callable[[], bytes]]]) -> T:
        """What is kept under `key`, or else what `build` makes.

        Args:
            key: a file name.
            load: makes it from bytes; may raise anything.
            build: makes it from nothing, with a function that gives its bytes.
        """
        with contextlib.suppress(Exception):
            return load(self._read(key))
        built, to_bytes = build()
        with contextlib.suppress(Exception):
            self._write(key, to_bytes())
        return built

    def has(self, key: str) -> bool:
        """Whether something is kept under `key`, and whole."""
        with contextlib.suppress(Exception):
            self._read(key)
            return True
        return False

    def _path(self, key: str) -> Path:
        return cache_folder() / self._name / f"{key}{SUFFIX}"

    def _read(self, key: str) -> bytes:
        path = self._path(key)
        data = path.read_bytes()
        digest, blob = data[:DIGEST_SIZE], data[DIGEST_SIZE:]
        # A library may crash on bytes that are not its own.
        if hashlib.sha256(blob).digest() != digest:
            raise ValueError(f"{path}: damaged")
        os.utime(path)
        return blob

    def _write(self, key: str, blob: bytes) -> None:
        path = self._path(key)
        if len(blob) > self._largest:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(path) as part:
            part.write_bytes(hashlib.sha256(blob).digest() + blob)
        self._make_room(path.parent)

    def _make_room(self, folder: Path) -> None:
        # What others are writing has a hidden name.
        whole = (path for path in folder.glob(f"*{SUFFIX}") if not is_hidden(path))
        entries = sorted(((path.stat().st_mtime_ns, path) for path in whole), reverse=True)
        total = 0
        for _, path in entries:
            total += path.stat().st_size
            if total > self._largest:
                path.unlink(missing_ok=True)
