"""Any engine, and the memory that keeps what it paints from flickering."""

import dataclasses
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from vidstyle.engines import Engine
from vidstyle.engines.memory import Memory, Motion, find_motion, small_picture
from vidstyle.media.frame import Frame


class SteadyEngine(Engine):
    """Paints with another engine, and carries the paint along with what moves; see vidstyle.engines.memory.

    Motion is looked for while the other engine paints.  Frames and paintings must not be written to while they are
    in here.

    Args:
        engine: paints each frame by itself.
    """

    def __init__(self, engine: Engine) -> None:
        self.name, self.device, self.depth = engine.name, engine.device, engine.depth
        self._engine = engine
        self._memory = Memory()
        self._searches = ThreadPoolExecutor(min(2, engine.depth), thread_name_prefix="vidstyle-motion")
        self._last: np.ndarray | None = None
        self._in_flight: deque[tuple[np.ndarray, Future[Motion | None] | None]] = deque()

    def submit(self, frame: Frame) -> None:
        self._engine.submit(frame)
        small = small_picture(frame.pixels)
        search = None
        if self._last is not None and not frame.discontinuity:
            search = self._searches.submit(find_motion, self._last, small)
        self._last = small
        self._in_flight.append((small, search))

    def result(self) -> Frame:
        small, search = self._in_flight.popleft()
        try:
            painted = self._engine.result()
        except Exception:
            # The next frame's motion is from this one, which nobody will have seen.
            self._memory = Memory()
            raise
        motion = search.result() if search else None
        return dataclasses.replace(painted, pixels=self._memory.remember(painted.pixels, small, motion))

    def close(self) -> None:
        self._searches.shutdown(wait=False, cancel_futures=True)
        self._engine.close()
