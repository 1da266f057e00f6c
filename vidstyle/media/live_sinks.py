"""Where live frames go to, beside a window: a virtual camera, a recording, a pipe, a network stream."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.color import planes_of_rgb
from vidstyle.media.frame import MATRIX_SMPTE170M, Color, Frame, VideoFormat, usual_matrix
from vidstyle.media.output_containers import check_video_name, file_takes_planes
from vidstyle.media.sounds import LiveSound, SoundTrack, takes_sound
from vidstyle.media.stream_connections import STREAM_FORMATS, TICK, StreamTarget, has_srt
from vidstyle.media.streaming import StreamSink
from vidstyle.media.suffixes import IMAGE_SUFFIXES
from vidstyle.output_files import check_output

PIPES = {"pipe:": "rgb24", "pipe:1": "rgb24", "pipe:rgb24": "rgb24", "pipe:yuv420p": "yuv420p"}
"""Pixel formats, as FFmpeg calls them, by target."""


class LiveSink(Protocol):
    """Takes frames whose pts is the time of their capture; see vidstyle.media.live_sources.

    Attributes:
        name: for messages and figures.
        waiting: frames that may wait for it; more are dropped, the oldest first.
        repeats: seconds after which it wants the last picture again while nothing new comes; None if it does not.
        planes: whether it takes planes of 4:2:0 as well as RGB.
        notice: what a viewer should know, such as that nobody is there any more, so that frames are lost; empty if all
            is well.
    """

    name: str
    waiting: int
    planes: bool
    notice: str

    @property
    def repeats(self) -> float | None: ...

    def write(self, frame: Frame) -> None:
        """Show, send or keep one frame."""

    def close(self) -> None:
        """Finish; in the thread that writes."""


def open_sink(
    target: str,
    width: int,
    height: int,
    rate: float,
    *,
    color: Color | None = None,
    sound: LiveSound | None = None,
    overwrite: bool = False,
) -> LiveSink:
    """The sink that `target` names, for frames of a size and about a rate; a window is made by itself.

    Args:
        target: `virtual`, `pipe:`, a URL, or a file to record to.
        width, height: pixels, even.
        rate: frames per second.
        color: what planes of 4:2:0 stand for, where frames come so; None where all are RGB.
        sound: what files and streams get along; None for none.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: if it cannot be opened.
    """
    if target == "virtual":
        return VirtualCamera(width, height, rate, color=color)
    if target in PIPES:
        return PipeSink(PIPES[target], color or Color(usual_matrix(height)))
    if "://" in target:
        return StreamSink(StreamTarget(target, width, height, rate, color, sound))
    return Recording(Path(target), width, height, rate, color=color, sound=sound, overwrite=overwrite)


def is_recording(target: str) -> bool:
    """Whether `target` is a file."""
    return target not in {"window", "virtual", *PIPES} and "://" not in target


def has_sound(target: str) -> bool:
    """Whether sound goes to `target` as well."""
    return "://" in target or is_recording(target)


def check_target(target: str, *, overwrite: bool = False) -> None:
    """Raises InputError for a `target` that cannot be, as far as that can be known before anything is opened."""
    scheme, separator, _ = target.partition("://")
    if separator and scheme.lower() == "srt" and not has_srt():
        raise InputError(f"{target}: this PyAV has been built without SRT; stream by udp://, rtsp:// or rtmp://")
    if separator and scheme.lower() not in STREAM_FORMATS:
        known = [name for name in STREAM_FORMATS if name != "srt" or has_srt()]
        raise InputError(f"{parameter('to', target)}: cannot stream there; use one of {', '.join(known)}")
    if target.startswith("pipe:") and target not in PIPES:
        raise InputError(f"{parameter('to', target)}: takes pipe:, pipe:rgb24 or pipe:yuv420p")
    if not is_recording(target):
        return
    path = Path(target)
    takes = f"{parameter('to', target)}: takes window, virtual, pipe:, a URL, or a video file such as out.mp4"
    if not path.suffix:
        raise InputError(takes)
    check_output(path, overwrite=overwrite)
    try:
        check_video_name(path, None, None)
    except InputError as error:
        raise (InputError(takes) if path.suffix.lower() in IMAGE_SUFFIXES else error) from None


class Recording:
    """A video file in which every frame keeps the time of its capture, counted from the first one.

    What has been recorded cannot be recorded again: all but the last seconds of it is there whatever happens.

    Args:
        path: the file; its suffix chooses the container.
        width, height: pixels, even.
        rate: frames per second, about.
        color: see open_sink.
        sound: what comes along, if the container has room for it.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: as FileSink does; and for a container without sound, if somebody has asked for that.
    """

    waiting, repeats, notice = 16, None, ""

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        rate: float,
        *,
        color: Color | None = None,
        sound: LiveSound | None = None,
        overwrite: bool = False,
    ) -> None:
        # Late, as all that is not needed for the first picture in a window.
        from vidstyle.media.sinks import FileSink

        self.name = str(path)
        self._sound: SoundTrack | None = None
        average = Fraction(rate).limit_denominator(1001)
        self._duration = round(1 / (average * TICK))
        video = VideoFormat(width, height, TICK, average, color or Color(usual_matrix(height)))
        self.planes = color is not None and file_takes_planes(path, video, None)
        tracks = None if sound is None else partial(self._add_sound, sound)
        self._file = FileSink(path, video, tracks=tracks, overwrite=overwrite, survives=True)
        self._first: float | None = None

    def _add_sound(self, sound: LiveSound, output: av.container.OutputContainer) -> SoundTrack | None:
        if sound.wanted or takes_sound(output):
            self._sound = SoundTrack(output, sound.listen())
        return self._sound

    def write(self, frame: Frame) -> None:
        """Encode one frame.  Raises as FileSink does."""
        if self._first is None:
            self._first = frame.time
            if self._sound is not None:
                self._sound.begin(frame.time)
        ticks = round((frame.time - self._first) / TICK)
        self._file.write(replace(frame, pts=ticks, time_base=TICK, duration=self._duration))

    def close(self) -> None:
        """Finish the file; without a frame there will be none."""
        if self._first is None:
            self._file.abort()
        else:
            self._file.close()


class PipeSink:
    """Raw frames on standard output: RGB with 8 bits a channel, row after row, or planes of 4:2:0.

    Args:
        pixel_format: `rgb24` or `yuv420p`.
        color: what planes stand for.
    """

    name, waiting, repeats, notice = "pipe:", 1, None, ""

    def __init__(self, pixel_format: str, color: Color) -> None:
        self.planes = pixel_format == "yuv420p"
        self._color, self._reformatter = color, VideoReformatter()

    def write(self, frame: Frame) -> None:
        """Write one frame.  Raises BrokenPipeError when the reader has gone."""
        pixels = frame.pixels
        if self.planes and pixels.ndim == 3:
            pixels = planes_of_rgb(pixels, self._color, self._reformatter)
        sys.stdout.buffer.write(np.ascontiguousarray(pixels).data)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Nothing to finish."""


class VirtualCamera:
    """A camera that other programs can choose: v4l2loopback on Linux, OBS on Windows and macOS.

    Those programs want it to go on at its rate, whatever the camera does.

    Args:
        width, height: pixels, even.
        rate: frames per second.
        color: see open_sink; planes of video as small as most webcams' go through as they are.

    Raises:
        InputError: if pyvirtualcam or the device is missing.
    """

    name, waiting, notice = "virtual", 1, ""

    def __init__(self, width: int, height: int, rate: float, *, color: Color | None = None) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise InputError(
                f"{parameter('to', 'virtual')}: needs pyvirtualcam, which is not installed; "
                "pip install 'vidstyle[virtual]'"
            ) from error
        # Which is what it would make of RGB itself.
        self.planes = color is not None and color.matrix == MATRIX_SMPTE170M and not color.full_range
        self.repeats = 1 / rate
        self._color, self._reformatter = color, VideoReformatter()
        form = pyvirtualcam.PixelFormat.I420 if self.planes else pyvirtualcam.PixelFormat.RGB
        try:
            self._camera: Any = pyvirtualcam.Camera(width=width, height=height, fps=rate, fmt=form)
        except RuntimeError as error:
            device = "sudo modprobe v4l2loopback" if sys.platform.startswith("linux") else "install OBS Studio"
            raise InputError(
                f"{parameter('to', 'virtual')}: there is no virtual camera here ({device}): {reason(error)}"
            ) from error

    def write(self, frame: Frame) -> None:
        """Hand one frame to whoever watches."""
        pixels = frame.pixels
        if self.planes and pixels.ndim == 3:
            assert self._color is not None
            pixels = planes_of_rgb(pixels, self._color, self._reformatter)
        self._camera.send(pixels.reshape(-1) if self.planes else pixels)

    def close(self) -> None:
        """Take the camera away."""
        self._camera.close()
