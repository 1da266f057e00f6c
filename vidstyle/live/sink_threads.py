"""One sink behind a channel of its own, so that a slow one delays no other, with its figures."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from vidstyle.live.arranging import Colors
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import LiveSink, captioned
from vidstyle.pipeline import Channel, Stopped

HOLD_SECONDS = 0.2
"""Between two repetitions of the last picture while the camera is gone."""
KEPT_TIMES = 100_000
"""Frames of which times are kept for the figures: an hour."""
RECENT_FRAMES = 60


class SinkThread:
    """A sink, in a thread of its own once `start` has been called.

    Args:
        sink: what to write to.
        failures: where to put what goes wrong.
        notice: says what a viewer should know while nothing comes.
        colors: of the frames that come.
        clock: seconds, as in the times of frames.

    Attributes:
        shown: frames that the sink is done with.
        delays: seconds from capture until then.
        handing: seconds from the end of drawing until then.
    """

    def __init__(
        self,
        sink: LiveSink,
        failures: list[BaseException],
        notice: Callable[[], str],
        colors: Colors,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sink, self._failures, self._notice = sink, failures, notice
        self._colors, self._clock = colors, clock
        self.channel: Channel[tuple[Frame, float]] = Channel(sink.waiting, newest=True)
        self.shown = 0
        self.delays: deque[float] = deque(maxlen=KEPT_TIMES)
        self.handing: deque[float] = deque(maxlen=KEPT_TIMES)
        self.times: deque[float] = deque(maxlen=RECENT_FRAMES)
        self.first: float | None = None
        self.last = 0.0
        self.over = self.gone = False
        self.thread: threading.Thread | None = None

    def start(self) -> "SinkThread":
        """Write in a thread of its own."""
        self.thread = threading.Thread(target=self._work, name=f"vidstyle-{self.sink.name}", daemon=True)
        self.thread.start()
        return self

    def put(self, frame: Frame, drawn: float) -> None:
        """Take a frame that was drawn at a time, unless this has been stopped."""
        with contextlib.suppress(Stopped):
            self.channel.put((frame, drawn))

    def write(self, frame: Frame) -> None:
        """Write, and take note of a failure."""
        try:
            self.sink.write(frame if self.sink.planes else replace(frame, pixels=self._colors.rgb(frame.pixels)))
        except BrokenPipeError:
            # Whoever watched has gone, which is as good an end as any.
            self.gone = True
            self.channel.stop()
        except BaseException as error:  # handed to the caller of the session
            self._failures.append(error)
            self.channel.stop()

    def note(self, frame: Frame, drawn: float) -> None:
        """The sink is done with a frame."""
        now = self._clock()
        self.shown += 1
        self.first = now if self.first is None else self.first
        self.last = now
        self.times.append(now)
        self.delays.append(now - frame.time)
        self.handing.append(now - drawn)

    def finish(self) -> None:
        """Close the sink."""
        try:
            self.sink.close()
        except BaseException as error:
            self._failures.append(error)
        self.over = True

    @property
    def recent_fps(self) -> float:
        """Frames a second of late."""
        span = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        return (len(self.times) - 1) / span if span else 0.0

    def _work(self) -> None:
        try:
            last: Frame | None = None
            while True:
                try:
                    item = self.channel.get(HOLD_SECONDS)
                except TimeoutError:
                    if last is not None and self.sink.holds and self._notice():
                        self.write(self._held(last))
                    continue
                if item is None:
                    break
                last = item[0]
                self.write(last)
                self.note(*item)
        except Stopped:
            pass
        finally:
            self.finish()

    def _held(self, frame: Frame) -> Frame:
        """The last picture at this time, with the notice."""
        now = round(self._clock() / MICROSECOND)
        pixels = captioned(self._colors.rgb(frame.pixels), [self._notice()])
        return replace(frame, pixels=pixels, pts=now, time_base=MICROSECOND)
