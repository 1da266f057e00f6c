"""Where live frames come from: cameras, streams, screens, and files at their own pace.

Every frame's pts is the time at which it was captured, in microseconds of `time.monotonic`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.arrival import JUMP, ArrivalClock, Thinning
from vidstyle.media.cameras import AS_IT_IS, OPEN_SECONDS, READ_SECONDS, Address, Request, find_address
from vidstyle.media.color import over_white, settle_color, to_planes, to_rgb
from vidstyle.media.containers import DEFAULT_RATE, MICROSECOND
from vidstyle.media.fitting_bars import even_size, fitted_size, square_size, with_bars
from vidstyle.media.frame import Color, Frame, usual_matrix
from vidstyle.media.sounds import LAYOUT, RATE, LiveSound

RETRY_SECONDS = 0.5
"""Between two attempts to find a camera again."""


class LiveSource(Protocol):
    """Frames that come whether or not anyone is ready for them.

    Attributes:
        name: for messages.
        width, height: of every frame, pixels; even.
        rate: frames per second, as far as the source knows; no more than 60 or so are given.
        color: what the planes of 4:2:0 stand for that it gives; None where it gives RGB.
        sound: what it sounds like meanwhile; None if it has no sound.
        notice: what a viewer should know, such as that the camera is gone; empty if all is well.
    """

    name: str
    width: int
    height: int
    rate: float
    color: Color | None
    notice: str

    @property
    def sound(self) -> LiveSound | None: ...

    def frames(self) -> Iterator[Frame]:
        """The frames, each as soon as it has been captured."""

    def close(self) -> None:
        """Make `frames` end soon; from any thread."""


def open_source(
    camera: str,
    *,
    request: Request = AS_IT_IS,
    size: tuple[int, int] | None = None,
    loop: bool = False,
    planes: bool = False,
    begin: threading.Event | None = None,
) -> LiveSource:
    """The source that `camera` names.

    Args:
        camera: index or name of a camera, a device, `screen` or `screen:N`, a URL, or a video file.
        request: what to ask a camera or a screen for.
        size: (width, height) of the frames to give; the source's own by default.
        loop: begin a file again at its end.
        planes: give planes of 4:2:0 where that is no detour, see LiveSource.
        begin: until it is set, a file stands at its first frame; a camera waits for nobody.

    Raises:
        InputError: if it is not there or cannot be read; for a camera, with the list of what there is.
    """
    path = Path(camera)
    if path.is_file():
        from vidstyle.media.file_player import FilePlayer

        return FilePlayer(path, size=size, loop=loop, planes=planes, begin=begin)
    if loop:
        raise InputError(f"{parameter('loop')}: is for video files, and {parameter('camera', camera)} is none")
    return CameraSource(find_address(camera, request), size=size, planes=planes)


class CameraSource:
    """A camera, a stream or a screen, read as fast as it comes; when it goes away, it is waited for.

    Args:
        address: what to open.
        size: (width, height) of the frames to give; its own by default.  What comes in another shape gets bars.
        planes: give planes of 4:2:0 rather than RGB.

    Raises:
        InputError: if it cannot be opened now.
    """

    def __init__(self, address: Address, *, size: tuple[int, int] | None = None, planes: bool = False) -> None:
        self.name, self.notice = address.name, ""
        self._address = address
        self._closed = threading.Event()
        self._reformatter = VideoReformatter()
        try:
            self._container, self._decoded, first = self._open()
        except (av.error.FFmpegError, OSError, IndexError, StopIteration) as error:
            raise InputError(f"{parameter('camera', address.name)}: cannot be opened ({_reason(error)})") from error
        self.width, self.height = size or even_size(*square_size(first.width, first.height, self._shape))
        self.color = Color(usual_matrix(self.height)) if planes else None
        rate = float(self._container.streams.video[0].average_rate or DEFAULT_RATE)
        self._announced = rate if 1 <= rate <= 1000 else float(DEFAULT_RATE)
        self.rate = self._announced / Thinning(self._announced).every
        self.sound = StreamSound() if self._container.streams.audio else None

    def _open(self) -> tuple[av.container.InputContainer, Iterator[VideoFrame | AudioFrame], VideoFrame]:
        """The open container, its frames after the first one, with their sound, and the first one."""
        address = self._address
        timeout = (OPEN_SECONDS, READ_SECONDS)
        container = av.open(address.file, format=address.format, options=dict(address.options), timeout=timeout)
        try:
            stream = container.streams.video[0]
            # Threads that decode a frame each would add a frame of delay each.
            stream.thread_type = "SLICE"
            self._shape = stream.sample_aspect_ratio or Fraction(1)
            decoded = _decoded(container, [stream, *container.streams.audio[:1]])
            return container, decoded, next(frame for frame in decoded if isinstance(frame, VideoFrame))
        except BaseException:
            container.close()
            raise

    def frames(self) -> Iterator[Frame]:
        """The frames; see LiveSource.  A frame after an interruption is marked as a discontinuity."""
        while not self._closed.is_set():
            yield from self._until_it_is_gone()
            self.notice = f"{self.name} is gone; waiting for it"
            while not self._closed.wait(RETRY_SECONDS):
                try:
                    self._container, self._decoded, _ = self._open()
                except (av.error.FFmpegError, OSError, IndexError, StopIteration):
                    continue
                self.notice = ""
                break

    def _until_it_is_gone(self) -> Iterator[Frame]:
        clock, thinning, fresh = ArrivalClock(), Thinning(self._announced), True
        asked = time.monotonic()
        try:
            for decoded in self._decoded:
                arrived = time.monotonic()
                if isinstance(decoded, AudioFrame):
                    if self.sound is not None:
                        self.sound.take(decoded, clock)
                    continue
                # What a decoder has kept until the stream went on or was over, which nobody wants to see so late.
                held = arrived - asked > JUMP and clock.lateness(decoded.time, arrived) > JUMP
                captured = clock.captured(decoded.time, arrived)
                # By its own clock: what has been under way comes all at once.
                if thinning.takes(captured if decoded.time is None else decoded.time) and not held:
                    pixels = self._pixels(decoded)
                    yield Frame(pixels, round(captured / MICROSECOND), MICROSECOND, discontinuity=fresh)
                    fresh = False
                if self._closed.is_set():
                    return
                asked = time.monotonic()
        except (av.error.FFmpegError, OSError):
            # Unplugged, or silent for too long.
            return
        finally:
            self._container.close()

    def _pixels(self, decoded: VideoFrame) -> np.ndarray:
        color, size = settle_color(decoded), (self.width, self.height)
        inner = fitted_size(square_size(decoded.width, decoded.height, self._shape), size)
        if self.color is None:
            pixels = to_rgb(decoded, color, *inner, self._reformatter)
            return with_bars(over_white(pixels) if pixels.shape[2] == 4 else pixels, size)
        planes = to_planes(decoded, color, self.color, *inner, self._reformatter)
        return with_bars(planes, size, full_range=self.color.full_range)

    def close(self) -> None:
        """Make `frames` end with the next frame, or when READ_SECONDS are over."""
        self._closed.set()


class StreamSound(LiveSound):
    """The sound that comes along with the pictures of a stream."""

    def __init__(self) -> None:
        super().__init__()
        self._resampler, self._clock = AudioResampler("fltp", LAYOUT, RATE), ArrivalClock()

    def take(self, frame: AudioFrame, clock: ArrivalClock) -> None:
        """Let a decoded piece of it be heard, at its place on the clock of the pictures."""
        began = None if frame.time is None else clock.place(frame.time)
        if began is None or not self.queues:
            return
        if clock is not self._clock:
            # Another connection may have another rate.
            self._resampler, self._clock = AudioResampler("fltp", LAYOUT, RATE), clock
        end = began + frame.samples / frame.sample_rate
        for part in self._resampler.resample(frame):
            self.hear((end - part.samples / RATE, part.to_ndarray()))


def _decoded(container: av.container.InputContainer, streams: list[Any]) -> Iterator[VideoFrame | AudioFrame]:
    """The frames of some streams; packets that were damaged on their way are left out."""
    for packet in container.demux(streams):
        try:
            for frame in packet.decode():
                if isinstance(frame, VideoFrame | AudioFrame):
                    yield frame
        except av.error.InvalidDataError:
            continue


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):
        return f"no answer within {OPEN_SECONDS:g} s"
    if isinstance(error, IndexError | StopIteration):
        return "it has no picture"
    return reason(error)
