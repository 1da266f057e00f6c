"""Who is here, and what belongs to whom.

A visitor is known by a cookie that cannot be guessed.  Files are known by numbers that mean something to their owner
alone, so that no path ever comes from a browser.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vidstyle.demo.storage import MOST_BYTES_OF_ALL, MOST_FILES_OF_ALL, Storage
from vidstyle.errors import InputError

LINGER_SECONDS = 600.0
"""How long the files of a visitor who has left stay."""
MOST_FILES_OF_ONE_VISITOR = {
    "video": 3,
    "picture": 4,
    "preview": 32,
    "result": 6,
    "style": 12,
    "original": 12,
    "mix": 12,
    "key": 32,
    "keys": 3,
}
"""Files that one visitor may have of each kind; the oldest one makes room."""
MOST_VISITORS = 1000
MOST_PAGES = 16
"""Of one visitor that the server remembers the state of."""
MOST_LOOKS = 2 * MOST_PAGES
"""Of one visitor; two tabs have previews."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a visitor.

    Attributes:
        path: where it is, under a name of our own.
        name: what its owner calls it.
        kind: one of MOST_FILES_OF_ONE_VISITOR.
        bytes: its size.
    """

    path: Path
    name: str
    kind: str
    bytes: int = 0


@dataclass
class Visitor:
    """One browser.

    Attributes:
        folder: of its files; made with the first one.
        storage: counts them with those of everybody else.
        is_known: whether there is a cookie to find it by; what a stranger brought nobody would ever take away.
        admitted: whether it has shown the password.
        open_requests: how many are being answered; a page that is open always has one, see `here` in files.py.
        last_seen: when one was answered last, seconds of the monotonic clock.
        enough: ends one that is better the longer it takes, and keeps what there is.
        is_busy: whether there is work that should not be lost, such as a training.
        leave: called once when it is forgotten.
        pages: names by which Gradio knows the pages that it has used, the last one at the end.
        looks: what each of its pages shows a preview of, by page and tab, or is about to.
    """

    folder: Path
    storage: Storage
    is_known: bool = True
    admitted: bool = False
    open_requests: int = 0
    last_seen: float = field(default_factory=time.monotonic)
    enough: threading.Event = field(default_factory=threading.Event)
    is_busy: Callable[[], bool] = lambda: False
    leave: Callable[[], None] = lambda: None
    pages: list[str] = field(default_factory=list)
    looks: dict[str, object] = field(default_factory=dict)
    _files: dict[str, StoredFile] = field(default_factory=dict)
    _paintings: list[threading.Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_path(self, suffix: str) -> Path:
        """Where the next file may be written.

        Raises:
            InputError: for a stranger.
            NoRoomError: if all visitors together keep as much as they may already.
        """
        if not self.is_known:
            raise InputError("This takes a cookie; allow them for this page, and load it again.")
        self.storage.check()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{secrets.token_urlsafe(12)}{suffix}"

    def keep(self, path: Path, name: str, kind: str) -> str:
        """Take note of a file; its identity for the browser."""
        identity = secrets.token_urlsafe(16)
        size = path.stat().st_size
        with self._lock:
            self._files[identity] = StoredFile(path, name, kind, size)
            alike = [identity for identity, file in self._files.items() if file.kind == kind]
            gone = [self._files.pop(identity) for identity in alike[: -MOST_FILES_OF_ONE_VISITOR[kind]]]
        self.storage.add(size)
        for file in gone:
            file.path.unlink(missing_ok=True)
            self.storage.remove(file.bytes)
        return identity

    def use_page(self, name: str) -> list[str]:
        """Take note of a page; the names of those that make room.

        A stranger is somebody else with every request, so that nothing of its pages is of use.
        """
        if not self.is_known:
            return [name]
        with self._lock:
            self.pages = [*(page for page in self.pages if page != name), name]
            gone, self.pages = self.pages[:-MOST_PAGES], self.pages[-MOST_PAGES:]
        return gone

    def look_at(self, what: object, where: str) -> None:
        """Take note of what a preview is wanted of, in a tab of a page: any other that is painted for it is over."""
        with self._lock:
            self.looks.pop(where, None)
            self.looks[where] = what
            for oldest in list(self.looks)[:-MOST_LOOKS]:
                del self.looks[oldest]

    def looks_at(self, what: object, where: str) -> bool:
        """Whether it is still that."""
        with self._lock:
            return self.looks.get(where) == what

    @contextmanager
    def painting(self) -> Iterator[threading.Event]:
        """What a painting of a file looks at: it is set once this painting is to stop, and stays so."""
        stop = threading.Event()
        with self._lock:
            self._paintings.append(stop)
        try:
            yield stop
        finally:
            with self._lock:
                self._paintings.remove(stop)

    def stop_painting(self) -> None:
        """End all paintings of files that are under way."""
        with self._lock:
            for stop in self._paintings:
                stop.set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept for it."""
        with self._lock:
            return not self._files

    def forget(self) -> None:
        """Stop what is under way, and remove all files."""
        self.stop_painting()
        self.leave()
        with self._lock:
            files = list(self._files.values())
            self._files.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        for file in files:
            self.storage.remove(file.bytes)

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
        most_bytes, most_files: of all of them together.
        close_pages: called with the names of pages that nobody uses any more.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int = MOST_BYTES_OF_ALL,
        most_files: int = MOST_FILES_OF_ALL,
        close_pages: Callable[[list[str]], None] = lambda _: None,
    ) -> None:
        self._folder, self._close_pages = folder, close_pages
        self._storage = Storage(folder, most_bytes, most_files, self._make_room)
        self._visitors: dict[str, Visitor] = {}
        self._lock = threading.Lock()
        self._forgetting = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-forgetting")

    def find(self, cookie: str | None) -> Visitor | None:
        """The visitor with a cookie, if it is one of ours."""
        with self._lock:
            return self._visitors.get(cookie or "")

    def stranger(self) -> Visitor:
        """Somebody who is not remembered, and can keep nothing."""
        return self._somebody(is_known=False)

    def _somebody(self, *, is_known: bool) -> Visitor:
        return Visitor(self._folder / secrets.token_hex(12), self._storage, is_known)

    def welcome(self) -> tuple[str, Visitor]:
        """A new visitor, and the cookie to know it by."""
        cookie, visitor = secrets.token_urlsafe(32), self._somebody(is_known=True)
        with self._lock:
            # Who comes is not among those who may go, with nothing to keep yet.
            crowd = len(self._visitors) + 1 - MOST_VISITORS
            gone = self._pop(self._dispensable(0)[:crowd]) if crowd > 0 else []
            self._visitors[cookie] = visitor
        if gone:
            # Whoever comes is not to wait, nor anybody else, until their files have been removed.
            self._forgetting.submit(self._forget, gone)
        return cookie, visitor

    def sweep(self, linger: float = LINGER_SECONDS) -> None:
        """Forget visitors who left `linger` seconds ago or more, with their files."""
        with self._lock:
            gone = self._pop(self._dispensable(linger))
        self._forget(gone)

    def close(self) -> None:
        """Forget everybody."""
        with self._lock:
            gone = self._pop(list(self._visitors))
        self._forget(gone)
        self._forgetting.shutdown()

    def _make_room(self) -> bool:
        """Forget whoever left longest ago and has files."""
        with self._lock:
            gone = self._pop([cookie for cookie in self._dispensable(0) if not self._visitors[cookie].is_empty][:1])
        self._forget(gone)
        return bool(gone)

    def _dispensable(self, linger: float) -> list[str]:
        """Cookies of visitors who left so long ago: those without files first, and then whoever left first."""
        now = time.monotonic()
        left = [
            (not visitor.is_empty, visitor.last_seen, cookie)
            for cookie, visitor in self._visitors.items()
            if not visitor.open_requests and not visitor.is_busy() and now - visitor.last_seen >= linger
        ]
        return [cookie for *_, cookie in sorted(left)]

    def _pop(self, cookies: list[str]) -> list[Visitor]:
        return [self._visitors.pop(cookie) for cookie in cookies]

    def _forget(self, visitors: list[Visitor]) -> None:
        for visitor in visitors:
            visitor.forget()
            self._close_pages(visitor.pages)
