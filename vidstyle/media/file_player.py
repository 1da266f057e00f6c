"""A video file as if it were a camera."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.audio.resampler import AudioResampler

from vidstyle.media.arrival import Thinning
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.fitting_bars import even_size, square_size
from vidstyle.media.frame import MATRIX_WEIGHTS, Frame
from vidstyle.media.sounds import LAYOUT, RATE, LiveSound
from vidstyle.media.sources import FileSource

LATEST = 0.5
"""Seconds by which a file may be decoded late before its clock is put back; delay must not grow."""
STANDING_SECONDS = 0.1
"""Between two times that the first frame is given while a file stands."""


class FilePlayer:
    """A video file as if it were a camera: every frame comes when its own timestamp says.

    Args:
        path: the file.
        size: (width, height) of the frames to give; the file's own by default.
        loop: begin again at the end.
        planes: give planes of 4:2:0 where the file has them.
        begin: until it is set, the first frame is given again and again.

    Raises:
        InputError: if it cannot be read.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] | None = None,
        loop: bool = False,
        planes: bool = False,
        begin: threading.Event | None = None,
    ) -> None:
        self.name, self.notice = path.name, ""
        self._closed = threading.Event()
        self._path, self._loop, self._begin = path, loop, begin
        file = FileSource(path, size=size)
        width, height, shape = file.format.width, file.format.height, file.format.sample_aspect_ratio
        if size is None and (wanted := even_size(*square_size(width, height, shape))) != (width, height):
            file.close()
            file = FileSource(path, size=wanted)
        self._file = file
        planes = planes and file.has_planes and file.color.matrix in MATRIX_WEIGHTS
        self.color = file.color if planes else None
        self.width, self.height, self._announced = file.format.width, file.format.height, float(file.format.rate)
        self.rate = self._announced / Thinning(self._announced).every
        self.sound = FileSound(path) if _has_sound(path) else None

    def frames(self) -> Iterator[Frame]:
        """The frames; see LiveSource."""
        self._start = time.monotonic()
        while True:
            self._start = yield from self._play()
            if not self._loop or self._closed.is_set():
                return
            self._file = FileSource(self._path, size=(self.width, self.height))

    def _play(self) -> Generator[Frame, None, float]:
        """The frames of the file once, the first at `_start`; returns when the last one ends."""
        first: float | None = None
        end, over, thinning = self._start, threading.Event(), Thinning(self._announced)
        self._file.planes = self.color is not None
        try:
            for frame in self._file:
                if first is None:
                    first = frame.time
                    frame = yield from self._standing(frame)
                    if self.sound is not None:
                        self.sound.play(self._file.origin + Fraction(first), lambda: self._start, over)
                due = self._start + frame.time - first
                late = time.monotonic() - due
                if late > LATEST:
                    self._start, due = self._start + late, due + late
                if self._closed.wait(max(0.0, -late)):
                    break
                end = due + (float(frame.duration * frame.time_base) or 1 / self._announced)
                if thinning.takes(due):
                    yield replace(frame, pts=round(due / MICROSECOND), time_base=MICROSECOND, duration=0)
        finally:
            over.set()
            self._file.close()
        return end

    def _standing(self, frame: Frame) -> Generator[Frame, None, Frame]:
        """The first frame until the file may begin; returns it as it is to be given then."""
        if self._begin is None or self._begin.is_set():
            return frame
        while not self._begin.is_set() and not self._closed.is_set():
            yield replace(frame, pts=round(time.monotonic() / MICROSECOND), time_base=MICROSECOND, duration=0)
            # What is given again goes on from what was.
            frame = replace(frame, discontinuity=False)
            self._begin.wait(STANDING_SECONDS)
        self._start = time.monotonic()
        return frame

    def close(self) -> None:
        """Make `frames` end at once."""
        self._closed.set()
        if self._begin is not None:
            self._begin.set()


class FileSound(LiveSound):
    """The sound of a file that plays at its own pace.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def play(self, origin: Fraction, start: Callable[[], float], over: threading.Event) -> None:
        """Let it be heard once, in a thread of its own.

        Args:
            origin: the file's timestamp of its first picture, seconds.
            start: when that is shown, seconds of `time.monotonic`; asked again for every piece.
            over: set when nothing is to be heard any more.
        """
        threading.Thread(
            target=self._play, args=(float(origin), start, over), name="vidstyle-sound", daemon=True
        ).start()

    def _play(self, origin: float, start: Callable[[], float], over: threading.Event) -> None:
        resampler = AudioResampler("fltp", LAYOUT, RATE)
        with contextlib.suppress(av.error.FFmpegError, OSError), av.open(str(self._path)) as container:
            for frame in container.decode(audio=0):
                if frame.time is None:
                    continue
                end = frame.time - origin + frame.samples / frame.sample_rate
                if over.wait(max(0.0, start() + end - time.monotonic())):
                    return
                for part in resampler.resample(frame):
                    self.hear((start() + end - part.samples / RATE, part.to_ndarray()))


def _has_sound(path: Path) -> bool:
    with contextlib.suppress(av.error.FFmpegError, OSError), av.open(str(path)) as container:
        return bool(container.streams.audio)
    return False
