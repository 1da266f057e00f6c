"""Who is here, and what belongs to whom.

A visitor is known by a cookie that cannot be guessed.  Files are known by numbers that mean something to their owner
alone, so that no path ever comes from a browser.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vidstyle.errors import InputError

LINGER_SECONDS = 600.0
"""How long the files of a visitor who has left stay."""
MOST_FILES = {"video": 3, "picture": 3, "preview": 8, "result": 6, "style": 12}
"""Files that one visitor may have of each kind; the oldest one makes room."""
MOST_VISITORS = 1000


@dataclass(frozen=True)
class StoredFile:
    """A file of a visitor.

    Attributes:
        path: where it is, under a name of our own.
        name: what its owner calls it.
        kind: one of MOST_FILES.
    """

    path: Path
    name: str
    kind: str


@dataclass
class Visitor:
    """One browser.

    Attributes:
        folder: of its files; made with the first one.
        admitted: whether it has shown the password.
        open_requests: how many are being answered; a page that is open always has one.
        last_seen: when one was answered last, seconds of the monotonic clock.
        stop_painting: ends the painting of a file that is under way.
        is_busy: whether there is work that should not be lost, such as a training.
        leave: called once when it is forgotten.
    """

    folder: Path
    admitted: bool = False
    open_requests: int = 0
    last_seen: float = field(default_factory=time.monotonic)
    stop_painting: threading.Event = field(default_factory=threading.Event)
    is_busy: Callable[[], bool] = lambda: False
    leave: Callable[[], None] = lambda: None
    _files: dict[str, StoredFile] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_path(self, suffix: str) -> Path:
        """Where the next file may be written."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{secrets.token_urlsafe(12)}{suffix}"

    def keep(self, path: Path, name: str, kind: str) -> str:
        """Take note of a file; its identity for the browser."""
        identity = secrets.token_urlsafe(16)
        with self._lock:
            self._files[identity] = StoredFile(path, name, kind)
            alike = [identity for identity, file in self._files.items() if file.kind == kind]
            gone = [self._files.pop(identity) for identity in alike[: -MOST_FILES[kind]]]
        for file in gone:
            file.path.unlink(missing_ok=True)
        return identity

    def file(self, identity: str, *kinds: str) -> StoredFile:
        """The file of an identity that `keep` gave, of one of `kinds` if any are named.

        Raises:
            InputError: if this visitor has no such file.
        """
        with self._lock:
            found = self._files.get(identity)
        if found is None or (kinds and found.kind not in kinds):
            raise InputError("That file is no longer here; drop it once more.")
        return found

    def files(self, kind: str) -> dict[str, StoredFile]:
        """All files of a kind by identity, oldest first."""
        with self._lock:
            return {identity: file for identity, file in self._files.items() if file.kind == kind}


class Visitors:
    """All visitors, by cookie.

    Args:
        folder: where each gets a folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._visitors: dict[str, Visitor] = {}
        self._lock = threading.Lock()

    def find(self, cookie: str | None) -> Visitor | None:
        """The visitor with a cookie, if it is one of ours."""
        with self._lock:
            return self._visitors.get(cookie or "")

    def welcome(self) -> tuple[str, Visitor]:
        """A new visitor, and the cookie to know it by."""
        cookie = secrets.token_urlsafe(32)
        visitor = Visitor(self._folder / secrets.token_hex(12))
        with self._lock:
            self._visitors[cookie] = visitor
            crowded = len(self._visitors) > MOST_VISITORS
        if crowded:
            self.sweep(0)
        return cookie, visitor

    def sweep(self, linger: float = LINGER_SECONDS) -> None:
        """Forget visitors who left `linger` seconds ago or more, with their files."""
        now = time.monotonic()
        with self._lock:
            gone = [
                cookie
                for cookie, visitor in self._visitors.items()
                if not visitor.open_requests and not visitor.is_busy() and now - visitor.last_seen >= linger
            ]
            visitors = [self._visitors.pop(cookie) for cookie in gone]
        for visitor in visitors:
            _forget(visitor)

    def close(self) -> None:
        """Forget everybody."""
        with self._lock:
            visitors = list(self._visitors.values())
            self._visitors.clear()
        for visitor in visitors:
            _forget(visitor)


def _forget(visitor: Visitor) -> None:
    visitor.stop_painting.set()
    visitor.leave()
    shutil.rmtree(visitor.folder, ignore_errors=True)
