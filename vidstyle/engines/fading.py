"""Several engines, one after the other, and slowly from each to the next."""

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from vidstyle.engines import Engine
from vidstyle.media.frame import Frame


class FadingEngine(Engine):
    """Paints with one engine at its time, and between two times with both, mixed by how near each is.

    An engine is made when it is needed first, and closed when it is no longer.

    Args:
        stations: seconds from the first frame on, ascending, and what makes the engine of that time; of one kind.
    """

    depth = 1

    def __init__(self, stations: Sequence[tuple[float, Callable[[], Engine]]]) -> None:
        self._times = [time for time, _ in stations]
        self._make = [make for _, make in stations]
        self._engines = {0: self._make[0]()}
        self.name, self.device = self._engines[0].name, self._engines[0].device
        self._begin: float | None = None
        self._frame: Frame | None = None

    def submit(self, frame: Frame) -> None:
        self._frame = frame

    def result(self) -> Frame:
        frame, self._frame = self._frame, None
        assert frame is not None
        if self._begin is None:
            self._begin = frame.time
        station, share = self._place(frame.time - self._begin)
        painted = self._paint(station, frame)
        if share:
            pixels = cv2.addWeighted(painted.pixels, 1 - share, self._paint(station + 1, frame).pixels, share, 0)
            painted = dataclasses.replace(painted, pixels=np.ascontiguousarray(pixels.reshape(painted.pixels.shape)))
        for gone in [index for index in self._engines if index < station]:
            self._engines.pop(gone).close()
        return painted

    def _place(self, time: float) -> tuple[int, float]:
        """The last station before `time`, and how far it is on the way to the next, 0 to 1."""
        later = [index for index, at in enumerate(self._times) if at > time]
        if not later:
            return len(self._times) - 1, 0.0
        following = later[0]
        if following == 0:
            return 0, 0.0
        begin, end = self._times[following - 1 : following + 1]
        return following - 1, (time - begin) / (end - begin)

    def _paint(self, index: int, frame: Frame) -> Frame:
        if index not in self._engines:
            self._engines[index] = self._make[index]()
            # It remembers nothing of what came before.
            frame = dataclasses.replace(frame, discontinuity=True)
        self._engines[index].submit(frame)
        return self._engines[index].result()

    def close(self) -> None:
        for engine in self._engines.values():
            engine.close()
