"""On few cores OpenCV works on one thread while there are streams.

What a stream has it do is small, and the stages of a pipeline keep the cores busy: its threads would wait for each
other in loops, which takes a tenth of the time that looking for motion and carrying paint take.
"""

import threading

import cv2

from vidstyle.processor import usable_cores

FEW = 4
"""Cores up to which it does."""


class OpenCvThreads:
    """How many threads OpenCV has: one while anybody holds them, on few cores."""

    def __init__(self) -> None:
        # Of a stream that nobody has closed it is let go of wherever garbage is collected, in here as well.
        self._lock = threading.RLock()
        self._holders = 0
        self._before: int | None = None

    def hold(self) -> None:
        """One from now on."""
        with self._lock:
            if self._holders == 0 and usable_cores() <= FEW:
                self._before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._holders += 1

    def let_go(self) -> None:
        """As many as there were, once nobody holds them, unless somebody has asked for others meanwhile."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._before is not None:
                if cv2.getNumThreads() == 1:
                    cv2.setNumThreads(self._before)
                self._before = None


opencv_threads = OpenCvThreads()
"""Those of this process."""
