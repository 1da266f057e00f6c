"""One sink behind a channel of its own, so that a slow one delays no other, with its figures."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from vidstyle.live.arranging import Colors
from vidstyle.media.captions import captioned
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import LiveSink
from vidstyle.pipeline import Channel, Stopped

LATE = 1.5
"""Times its usual step after which a frame is taken not to come, and the last one is repeated."""
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
        lost: frames that came while nobody was there.
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
        self.shown = self.lost = 0
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
        if self.sink.notice:
            self.lost += 1
            return
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
    def dropped(self) -> int:
        """Frames that have not been shown."""
        return self.channel.dropped + self.lost

    @property
    def recent_fps(self) -> float:
        """Frames a second of late."""
        span = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        return (len(self.times) - 1) / span if span else 0.0

    def _work(self) -> None:
        step = self.sink.repeats
        try:
            last: Frame | None = None
            patience = step
            while True:
                try:
                    item = self.channel.get(patience)
                except TimeoutError:
                    if last is not None:
                        self.write(self._again(last))
                    patience = step
                    continue
                if item is None:
                    break
                last = item[0]
                self.write(last)
                self.note(*item)
                patience = None if step is None else LATE * step
        except Stopped:
            pass
        finally:
            self.finish()

    def _again(self, frame: Frame) -> Frame:
        """The last picture at this time, with what a viewer should know."""
        now = round(self._clock() / MICROSECOND)
        notice = self._notice()
        pixels = captioned(self._colors.rgb(frame.pixels), [notice]) if notice else frame.pixels
        return replace(frame, pixels=pixels, pts=now, time_base=MICROSECOND)
