"""Time in containers: filling in what is missing, and going on where it jumps."""

from __future__ import annotations

import math
import statistics
from collections import deque
from fractions import Fraction
from typing import Any

import av
from av.video.frame import VideoFrame

TIMESTAMPS_JUMP = 0x0200
"""FFmpeg's AVFMT_TS_DISCONT."""
JUMP_BACK, JUMP_AHEAD = Fraction(1, 5), Fraction(10)
"""Seconds; timestamps that jump further mean that two recordings have been joined."""
SHORTEST_DELAY, USUAL_DELAY = 1, 10
"""Hundredths of a second, of GIF."""
RECENT_STEPS = 99
"""Frames that tell how long one usually lasts."""


def counts_from_anywhere(container: av.container.InputContainer) -> bool:
    """Whether timestamps start at an arbitrary time and may jump (MPEG-TS); all others mean what they say."""
    return bool(container.format.flags & TIMESTAMPS_JUMP)


def timed_streams(container: av.container.InputContainer) -> list[av.stream.Stream]:
    """The tracks that a Clock goes by."""
    return [s for s in container.streams if s.type in {"audio", "video"}]


class Clock:
    """Lets the timestamps of a container that counts from anywhere go on where they jump.

    Everybody who reads a file must show it the same packets, to have the same time.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._next: dict[int, Fraction] = {}
        self._correction = Fraction(0)
        self._jumps = counts_from_anywhere(container)

    def correct(self, packet: av.Packet[Any]) -> None:
        """Change the packet's timestamps in place."""
        if not self._jumps or packet.dts is None or packet.time_base is None:
            return
        if packet.stream.type in {"audio", "video"}:
            self._look_for_jump(packet)
        ticks = round(self._correction / packet.time_base)
        packet.dts += ticks
        if packet.pts is not None:
            packet.pts += ticks

    def _look_for_jump(self, packet: av.Packet[Any]) -> None:
        assert packet.dts is not None
        time, track = packet.dts * packet.time_base + self._correction, packet.stream.index
        if track in self._next:
            # A track may fall silent for long, so that only the others tell how far time has come.
            latest = max(self._next.values())
            if time < self._next[track] - JUMP_BACK or time > latest + JUMP_AHEAD:
                self._correction += latest - time
                self._next.clear()
                time = latest
        self._next[track] = time + (packet.duration or 0) * packet.time_base


class GifClock:
    """Shows pictures of a GIF as browsers do: those that say that they are shown for no time, for USUAL_DELAY."""

    def __init__(self) -> None:
        self._later = 0

    def correct(self, packet: av.Packet[Any]) -> None:
        """Change the packet's timestamps in place."""
        if packet.pts is None or packet.dts is None:
            return
        packet.pts, packet.dts = packet.pts + self._later, packet.dts + self._later
        if (packet.duration or 0) <= SHORTEST_DELAY:
            self._later += USUAL_DELAY - (packet.duration or 0)
            packet.duration = USUAL_DELAY


class Timestamps:
    """Gives every frame a pts; what the file lacks is filled in so that time always moves on.

    Args:
        tick: seconds per tick of the stream.
        rate: frames per second, as far as it is known.
        decoding_order: pts are not to be trusted, since the container (AVI) has none, and FFmpeg takes its times of
            decoding for them; frames then come at those times, from that of the first packet on.

    Attributes:
        end: ticks at which the last frame ends by its own duration.
    """

    def __init__(self, tick: Fraction, rate: Fraction, *, decoding_order: bool = False) -> None:
        self._tick = tick
        self._frame_ticks = max(1, round(1 / (rate * tick)))
        self._decoding_order = decoding_order
        self._first: int | None = None
        self._last: int | None = None
        self._last_pts = self._last_dts = -math.inf
        self._faulty_pts = self._faulty_dts = 0
        self._first_packet: int | None = None
        self._lag = 0
        self._steps: deque[int] = deque(maxlen=RECENT_STEPS)
        self.end = 0

    def note_packet(self, dts: int | None) -> None:
        """Has to be told when each packet is to be decoded, ticks, before its frames come by."""
        if self._first_packet is None:
            self._first_packet = dts

    def seen_before(self, time: Fraction | None) -> bool:
        """Whether a frame at `time`, seconds, or earlier has come by."""
        return time is None or (self._first is not None and self._first * self._tick <= time)

    @property
    def usual_step(self) -> int:
        """Ticks from a frame to the next one, as a rule."""
        return round(statistics.median(self._steps)) if self._steps else self._frame_ticks

    def of(self, frame: VideoFrame) -> int:
        """pts of the next frame, ticks."""
        # Filters count in time bases of their own.
        ticks = (frame.time_base or self._tick) / self._tick
        pts = self._choose(frame.pts, frame.dts)
        pts = self.end if pts is None else round(pts * ticks) - self._lag
        if self._last is not None:
            pts = max(pts, self._last + 1)
            self._steps.append(pts - self._last)
        if self._first is None:
            self._first = pts
        self._last, self.end = pts, pts + (round(frame.duration * ticks) or self.usual_step)
        return pts

    def _choose(self, pts: int | None, dts: int | None) -> int | None:
        """Whichever has gone backwards less often: FFmpeg's guess_correct_pts (libavcodec/decode.c)."""
        if self._decoding_order:
            if self._first is None and dts is not None and self._first_packet is not None:
                self._lag = dts - self._first_packet
            return dts
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        trusted = self._faulty_pts <= self._faulty_dts or dts is None
        return pts if pts is not None and trusted else dts
