"""Live pictures and sound over the network, for as long as a session takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

import av

from vidstyle.errors import InputError, reason
from vidstyle.media.frame import Frame
from vidstyle.media.stream_connections import StreamConnection, StreamTarget
from vidstyle.media.stream_process import StreamProcess

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts to reach whoever has gone: each pause is twice the one before."""
STEADY_SECONDS = 10.0
"""For which a connection has to hold so that the pauses begin anew."""


class Connects(Protocol):
    """What frames go over: StreamConnection, or one in a process of its own."""

    def write(self, frame: Frame) -> None:
        """Send one frame.  Raises OSError or FFmpegError when the other side has gone."""

    def close(self) -> None:
        """Say goodbye, if anyone still listens."""


class StreamSink:
    """A stream that comes back by itself: where it breaks off, it is tried again, with growing pauses.

    Args:
        target: where to, and of what.
        clock: seconds.

    Attributes:
        notice: that it is away, and why; empty if all is well.

    Raises:
        InputError: if nobody answers there to begin with.
    """

    waiting, repeats = 2, 0.2

    def __init__(self, target: StreamTarget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.planes = target.color is not None
        self.name, self.notice = target.url, ""
        self._clock = clock
        self._target = target
        self._connection: Connects | None = connected(target)
        self._since = clock()
        self._pause = FIRST_PAUSE
        self._again = 0.0

    def write(self, frame: Frame) -> None:
        """Encode and send one frame; while nobody is there, now and then look for somebody."""
        if self._connection is None and not self._reconnected():
            return
        assert self._connection is not None
        try:
            self._connection.write(frame)
        except (av.error.FFmpegError, OSError) as error:
            self._break_off(error)

    def close(self) -> None:
        """Say goodbye, if anyone still listens."""
        if self._connection is not None:
            self._connection.close()

    def _reconnected(self) -> bool:
        if self._clock() < self._again:
            return False
        try:
            self._connection = connected(self._target)
        except InputError:
            self._wait()
            return False
        self._since, self.notice = self._clock(), ""
        log.warning("vidstyle: %s: goes on", place(self.name))
        return True

    def _break_off(self, error: Exception) -> None:
        assert self._connection is not None
        self._connection.close()
        self._connection = None
        if self._clock() - self._since > STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        self.notice = f"{place(self.name)} is gone; trying again"
        log.warning("vidstyle: %s: broke off (%s); trying again", place(self.name), reason(error))
        self._wait()

    def _wait(self) -> None:
        self._again = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


def place(url: str) -> str:
    """A URL without its path, in which keys of streams are."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.hostname or ''}"


def connected(target: StreamTarget) -> Connects:
    """A connection.  Datagrams wait for nobody, and need no process of their own."""
    return StreamConnection(target) if target.url.lower().startswith("udp:") else StreamProcess(target)
