"""When live frames were captured, and which of too many are taken."""

from collections import deque

JUMP = 1.0
"""Seconds; timestamps that are further from the time of arrival count from somewhere else."""
DRIFT = 1e-4
"""Seconds a second by which a camera's clock may run behind this machine's."""
EYE_FPS = 60
"""Frames a second of which more are of no use to an eye."""
NEARLY = 0.1
"""Share of that rate by which a multiple of it may be missed: 119.88 is twice 60."""
RATE_FRAMES = 32
"""Frames of which the rate is taken."""


class ArrivalClock:
    """Places a source's timestamps on this machine's clock: no frame is captured after it has arrived.

    Of all frames the one that came fastest tells how the two clocks stand; what others came later, they were under
    way.  So frames keep the distances at which they were taken, whatever a network or a bus does to them.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last = 0.0

    def captured(self, time: float | None, arrived: float) -> float:
        """When a frame was captured.

        Args:
            time: its own timestamp, seconds; None if it has none.
            arrived: seconds of `time.monotonic`.
        """
        if time is None:
            return arrived
        offset = arrived - time
        if self._offset is None or offset - self._offset > JUMP:
            self._offset = offset
        else:
            self._offset = min(self._offset + DRIFT * max(0.0, arrived - self._last), offset)
        self._last = arrived
        return time + self._offset

    def place(self, time: float) -> float | None:
        """When something else of the same source was captured, by its own timestamp; None before the first frame."""
        return None if self._offset is None else time + self._offset

    def lateness(self, time: float | None, arrived: float) -> float:
        """Seconds for which a frame has been on its way; 0 where that cannot be known."""
        return 0.0 if time is None or self._offset is None else arrived - time - self._offset


class Thinning:
    """Takes every second frame of 120 a second, every fourth of 240: as many as an eye sees, evenly.

    Args:
        rate: frames a second that are announced.

    Attributes:
        every: of so many frames one is taken.
    """

    def __init__(self, rate: float) -> None:
        self.every = _every(rate)
        self._times: deque[float] = deque(maxlen=RATE_FRAMES)
        self._skip = 0

    def takes(self, time: float) -> bool:
        """Whether to take the next frame, of a time in seconds; the rate is that of the last ones."""
        if self._times and not 0 < time - self._times[-1] < JUMP:
            self._times.clear()
        self._times.append(time)
        if len(self._times) == RATE_FRAMES:
            self.every = _every((RATE_FRAMES - 1) / (time - self._times[0]))
        if self._skip > 0:
            self._skip -= 1
            return False
        self._skip = self.every - 1
        return True


def _every(rate: float) -> int:
    return max(1, int(rate / EYE_FPS + NEARLY))
