"""What comes from a live source: the newest frame, and what is counted of all of them."""

import time
from collections.abc import Callable

from vidstyle.media.frame import Frame
from vidstyle.media.live_sources import LiveSource
from vidstyle.pipeline import Channel

GAP_SECONDS = 0.5
"""Between two frames of a source, from which on they have nothing to do with each other."""


class Capture:
    """Takes frames from a source, of which only the newest one waits.

    Args:
        source: where they come from.
        is_early: whether a frame that comes now is not to be shown, and does not count.
        clock: seconds, as in the times of frames.

    Attributes:
        frames: each with whether it is early.
        captured: how many count so far.
        begun: when the first of those came; None before.
        breaks: how many frames have had nothing to do with the ones before them; each of those may have given way.
    """

    def __init__(
        self, source: LiveSource, is_early: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source, self._is_early, self._clock = source, is_early, clock
        self.frames: Channel[tuple[Frame, bool]] = Channel(1, newest=True)
        self.captured = self.breaks = self._early_drops = 0
        self.begun: float | None = None

    def run(self) -> None:
        """Take frames until the source ends.  Raises Stopped."""
        last: float | None = None
        for frame in self._source.frames():
            if frame.discontinuity or (last is not None and frame.time - last > GAP_SECONDS):
                self.breaks += 1
            last = frame.time
            early, dropped = self._is_early(), self.frames.dropped
            first = self.captured == 0
            if not early:
                self.count()
            self.frames.put((frame, early))
            if early or first:
                # What gave way was early, too.
                self._early_drops += self.frames.dropped - dropped
        self.frames.end()

    def count(self) -> float:
        """One more frame counts; gives when the first one did."""
        self.captured += 1
        if self.begun is None:
            self.begun = self._clock()
        return self.begun

    @property
    def dropped(self) -> int:
        """Frames that count and gave way to newer ones."""
        return self.frames.dropped - self._early_drops
