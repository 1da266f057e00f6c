"""One engine for everyone who has frames to paint: the loop that keeps it busy."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

from vidstyle.engines import Engine, never
from vidstyle.media.frame import Frame

CLOSING_SECONDS = 0.3
"""How long a queue that is closed waits for what is in flight, before it is left to itself."""


class PaintingQueue:
    """Paints the pixels that it is given, from any thread, and keeps as many in flight as the engine can have.

    Args:
        make: makes the engine, when it is needed first; it is closed together with the queue.
    """

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._made: Engine | None = None
        self._in_flight: deque[tuple[Future[Any], tuple[int, ...]]] = deque()
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        self._collector: threading.Thread | None = None

    @property
    def engine(self) -> Engine:
        """What paints."""
        with self._changed:
            if self._made is None:
                self._made = self._make()
            return self._made

    def start(self, pixels: Any, begin: Callable[[Any], Any] | None = None) -> "Future[Any]":
        """Begin to paint pixels (see vidstyle.media.frame.Frame), which must not be written to until that is done.

        Waits while the engine has as many frames in flight as it can have, or any of another shape.

        Raises:
            RuntimeError: once the queue is closed.
            Exception: what the engine raises when it takes a frame; what it raises later is in the future.
        """
        painting: Future[Any] = Future()
        engine = self.engine
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._takes(engine, pixels.shape))
            if self._closed:
                raise RuntimeError("the painter has been closed")
            frame = Frame(pixels, 0, Fraction(1))
            engine.submit(frame) if begin is None else engine.submit_from(frame, begin)
            self._in_flight.append((painting, pixels.shape))
            if self._collector is None:
                self._collector = threading.Thread(
                    target=self._collect, args=(engine,), name="vidstyle-painter", daemon=True
                )
                self._collector.start()
            self._changed.notify_all()
        return painting

    def start_from(
        self, pixels: Any, begin: Callable[[Any], Any], hurried: Callable[[], bool] = never
    ) -> "Future[Any]":
        """The same from what `begin` makes of the network's painting, by an engine with `warm_starts`."""
        del hurried  # whoever is served by a queue waits
        return self.start(pixels, begin)

    @property
    def warm_starts(self) -> bool:
        """Whether paintings may begin from what is there already."""
        return self.engine.warm_starts

    def is_free(self) -> bool:
        """Whether nothing is in flight."""
        return not self._in_flight

    @property
    def compiling(self) -> bool:
        """Whether frames wait for the network to be compiled."""
        # Whoever waits for that has the lock.
        return self._made is not None and self._made.compiling

    def close(self) -> None:
        """Let go of the engine, once what is in flight has been painted; of one that takes long, not at all."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._made is not None:
            self._made.hurry()
        if self._collector is not None:
            self._collector.join(CLOSING_SECONDS)
        if self._made is not None and not self._in_flight:
            self._made.close()

    def _takes(self, engine: Engine, shape: tuple[int, ...]) -> bool:
        return not self._in_flight or (len(self._in_flight) < engine.depth and self._in_flight[-1][1] == shape)

    def _collect(self, engine: Engine) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._in_flight))
                if not self._in_flight:
                    return
                painting = self._in_flight[0][0]
            failure: BaseException | None = None
            try:
                painted = engine.result().pixels
            except BaseException as error:  # handed to whoever waits for it
                failure = error
            with self._changed:
                self._in_flight.popleft()
                self._changed.notify_all()
            if failure is None:
                painting.set_result(painted)
            else:
                painting.set_exception(failure)
