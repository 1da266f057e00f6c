"""One engine for everyone who has frames to paint: the loop that keeps it busy."""

import threading
from collections import deque
from concurrent.futures import Future
from fractions import Fraction

import numpy as np

from vidstyle.engines import Engine
from vidstyle.media.frame import Frame


class PaintingQueue:
    """Paints the pixels that it is given, from any thread, and keeps as many in flight as the engine can have.

    Args:
        engine: what paints; closed together with the queue.

    Attributes:
        name, device, depth: of the engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.name, self.device, self.depth = engine.name, engine.device, engine.depth
        self._engine = engine
        self._in_flight: deque[tuple[Future[np.ndarray], tuple[int, ...]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._collector: threading.Thread | None = None

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        """Begin to paint pixels (see vidstyle.media.frame.Frame), which must not be written to until that is done.

        Waits while the engine has as many frames in flight as it can have, or any of another shape.

        Raises:
            RuntimeError: once the queue is closed.
            Exception: what the engine raises when it takes a frame; what it raises later is in the future.
        """
        painting: Future[np.ndarray] = Future()
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._takes(pixels.shape))
            if self._closed:
                raise RuntimeError("the painter has been closed")
            self._engine.submit(Frame(pixels, 0, Fraction(1)))
            self._in_flight.append((painting, pixels.shape))
            if self._collector is None:
                self._collector = threading.Thread(target=self._collect, name="vidstyle-painter", daemon=True)
                self._collector.start()
            self._changed.notify_all()
        return painting

    def close(self) -> None:
        """Let go of the engine, once what is in flight has been painted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._collector is not None:
            self._collector.join()
        self._engine.close()

    def _takes(self, shape: tuple[int, ...]) -> bool:
        return not self._in_flight or (len(self._in_flight) < self.depth and self._in_flight[-1][1] == shape)

    def _collect(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._in_flight))
                if not self._in_flight:
                    return
                painting = self._in_flight[0][0]
            try:
                painted = self._engine.result().pixels
            except BaseException as error:  # handed to whoever waits for it
                outcome = error
            else:
                outcome = None
            with self._changed:
                self._in_flight.popleft()
                self._changed.notify_all()
            if outcome is None:
                painting.set_result(painted)
            else:
                painting.set_exception(outcome)
