"""Frames that show nothing new cost nothing: screen recordings, slides, and pictures held for a while."""

import dataclasses
from collections import deque

import numpy as np

from vidstyle.engines import Engine
from vidstyle.media.frame import Frame


class IdleEngine(Engine):
    """Gives a frame whose pixels equal those of the frame before the painting of that one.

    Frames and paintings must not be written to while they are in here.

    Args:
        engine: paints all other frames.
    """

    def __init__(self, engine: Engine) -> None:
        self.name, self.device, self.depth = engine.name, engine.device, engine.depth
        self._engine = engine
        self._previous: Frame | None = None
        self._painted: np.ndarray | Exception | None = None
        self._in_flight: deque[tuple[Frame, bool]] = deque()

    def submit(self, frame: Frame) -> None:
        idle = self._is_idle(frame)
        if not idle:
            self._previous = None
            self._engine.submit(frame)
        self._previous = frame
        self._in_flight.append((frame, idle))

    def result(self) -> Frame:
        frame, idle = self._in_flight.popleft()
        if idle:
            if isinstance(self._painted, Exception):
                raise self._painted
            assert self._painted is not None
            return dataclasses.replace(frame, pixels=self._painted)
        try:
            painted = self._engine.result()
        except Exception as error:
            # Whoever tries once more shall not get the failure again.
            self._previous, self._painted = None, error
            raise
        self._painted = painted.pixels
        return painted

    def close(self) -> None:
        self._engine.close()

    def _is_idle(self, frame: Frame) -> bool:
        previous = self._previous
        return previous is not None and not frame.discontinuity and np.array_equal(frame.pixels, previous.pixels)
