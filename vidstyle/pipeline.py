"""source -> stream -> sink: three threads, two bounded queues."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from vidstyle.media.frame import Frame

QUEUED_FRAMES = 2
"""Frames that wait in front of the painter and of the sink."""
LOOK_AHEAD, LEAST_AHEAD = 8, 3
"""Frames of a video that are on the way at a time, so that one is being painted while those before it are shown."""
AHEAD_BYTES = 40_000_000
"""That they may take all together: large frames take long, and fewer of them are on the way."""
POLL_SECONDS = 0.05
"""How long the caller's thread sleeps between looks, and so the time until Ctrl-C is noticed."""
STOP_SECONDS = 0.25
"""How long a stopped run waits for its threads; one may be in the middle of a very large frame."""

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The pipeline has been stopped; raised in its threads."""


class Channel(Generic[T]):
    """A bounded queue between two threads that can be stopped from a third.

    Args:
        capacity: items that wait at most.
        newest: what to do when it is full.  A queue of a file blocks, so that nothing is lost; a live one drops its
            oldest item for the new one, so that nobody is ever late.

    Attributes:
        dropped: items that gave way to newer ones.
    """

    def __init__(self, capacity: int, *, newest: bool = False) -> None:
        self._items: deque[T] = deque()
        self._capacity, self._newest = capacity, newest
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Append, as soon as there is room, which a live channel makes.  Raises Stopped."""
        with self._changed:
            if self._newest and len(self._items) >= self._capacity:
                self._items.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._capacity)
            if self._stopped:
                raise Stopped
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """No more items will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Make every `put` and `get`, running or to come, raise Stopped."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> T | None:
        """The oldest item as soon as there is one; None after the last.

        Raises:
            Stopped: once the channel has been.
            TimeoutError: if nothing has come for `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._stopped or self._items or self._ended, timeout):
                raise TimeoutError
            if self._stopped:
                raise Stopped
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item


class Painting(Protocol):
    """Takes frames and gives back paintings of them, in order; see vidstyle.stream.Stream.

    As many as `depth` may be inside at a time.
    """

    depth: int

    def submit(self, frame: Frame[Any]) -> None:
        """Take the next frame."""

    def result(self) -> Frame[Any]:
        """The painting of the oldest frame inside."""
        ...


class Sink(Protocol):
    """Takes frames, one after the other; see vidstyle.media.sinks."""

    def write(self, frame: Frame[Any]) -> None:
        """Take the next frame."""


def look_ahead(size: tuple[int, int], *, planes: bool) -> int:
    """How many frames of a video of (width, height) are on the way at a time, as planes of 4:2:0 or in RGB."""
    pixels = size[0] * size[1]
    return max(LEAST_AHEAD, min(LOOK_AHEAD, AHEAD_BYTES // (pixels * 3 // 2 if planes else pixels * 3)))


@dataclass
class Progress:
    """How far a run has come.  Written by the pipeline's threads, read by anyone.

    Attributes:
        frames: that the sink has taken.
        seconds: since the beginning of the run.
        busy: seconds that each stage has worked rather than waited.
        compiling: whether a network is being compiled, for which frames wait.
    """

    frames: int = 0
    seconds: float = 0.0
    busy: dict[str, float] = field(default_factory=lambda: {"decode": 0.0, "network": 0.0, "encode": 0.0})
    compiling: bool = False

    @property
    def fps(self) -> float:
        """Frames a second so far."""
        return self.frames / self.seconds if self.seconds else 0.0

    def timed(self, stage: str, call: Callable[[], T]) -> T:
        """Do `call`, and count the time it takes as work of `stage`."""
        begin = time.perf_counter()
        try:
            return call()
        finally:
            self.busy[stage] += time.perf_counter() - begin


def run(
    source: Iterable[Frame[Any]],
    painter: Painting,
    sink: Sink,
    on_progress: Callable[[Progress], None] = lambda _: None,
    finish: Callable[[], None] = lambda: None,
) -> Progress:
    """Paint every frame of `source` into `sink`; files lose nothing, so every queue blocks.

    `on_progress` is called in the caller's thread, several times a second; what it raises stops the run.
    `finish` is called after the last frame, in the thread that encodes, so that a run can be interrupted while
    it takes its time.  Whatever else source, painter and sink need is the caller's business.

    Raises:
        Exception: the first failure of any of the three threads, with its own traceback.
        KeyboardInterrupt: as it came to the caller's thread, unless `finish` had returned already; the three
            threads are stopped first, and left to themselves if they do not stop within STOP_SECONDS.
    """
    unpainted: Channel[Frame[Any]] = Channel(QUEUED_FRAMES)
    painted: Channel[Frame[Any]] = Channel(QUEUED_FRAMES)
    progress = Progress()
    failures: list[BaseException] = []
    finished = threading.Event()
    started = time.perf_counter()

    def stop() -> None:
        unpainted.stop()
        painted.stop()

    def guarded(stage: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            try:
                stage()
            except Stopped:
                pass
            except BaseException as error:  # handed to the caller below
                failures.append(error)
                stop()

        return body

    def decode() -> None:
        frames = iter(source)
        while (frame := progress.timed("decode", lambda: next(frames, None))) is not None:
            unpainted.put(frame)
        unpainted.end()

    def paint() -> None:
        inside = 0
        while (frame := unpainted.get()) is not None:
            progress.timed("network", partial(painter.submit, frame))
            inside += 1
            if inside >= painter.depth:
                painted.put(progress.timed("network", painter.result))
                inside -= 1
        for _ in range(inside):
            painted.put(progress.timed("network", painter.result))
        painted.end()

    def encode() -> None:
        while (frame := painted.get()) is not None:
            progress.timed("encode", partial(sink.write, frame))
            progress.frames += 1
            progress.seconds = time.perf_counter() - started
        progress.timed("encode", finish)
        progress.seconds = time.perf_counter() - started
        finished.set()

    threads = [
        threading.Thread(target=guarded(stage), name=f"vidstyle-{stage.__name__}", daemon=True)
        for stage in (decode, paint, encode)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                on_progress(progress)
    except BaseException as error:
        stop()
        _join(threads, STOP_SECONDS)
        if not (finished.is_set() and isinstance(error, KeyboardInterrupt)):
            raise
    if failures:
        raise failures[0]
    return progress


def _join(threads: list[threading.Thread], seconds: float) -> None:
    """Wait for `threads` to end, `seconds` altogether."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
