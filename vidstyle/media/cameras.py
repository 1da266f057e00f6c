"""Where live frames come from: cameras, streams, screens, and files at their own pace.

Every frame's pts is the time at which it was captured, in microseconds of `time.monotonic`.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import av.device
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.color import over_white, settle_color, to_planes, to_rgb
from vidstyle.media.containers import DEFAULT_RATE, MICROSECOND
from vidstyle.media.frame import MATRIX_WEIGHTS, SMALLEST_SIDE, Color, Frame, usual_matrix
from vidstyle.media.sources import FileSource

OPEN_SECONDS, READ_SECONDS = 10.0, 3.0
"""How long a source may take to answer, and to be silent before it counts as gone."""
RETRY_SECONDS = 0.5
"""Between two attempts to find a camera again."""
LATEST = 0.5
"""Seconds by which a file may be decoded late before its clock is put back; delay must not grow."""
JUMP = 1.0
"""Seconds; timestamps that are further from the time of arrival count from somewhere else."""
DRIFT = 1e-4
"""Seconds a second by which a camera's clock may run behind this machine's."""
USB2_BYTES = 35_000_000
"""A second, uncompressed; cameras on USB 2 lower their rate beyond it unless they are asked for MJPEG."""
DEFAULT_FPS = 30
PROBE = {"fflags": "nobuffer", "probesize": "200000", "analyzeduration": "500000"}
"""For streams: FFmpeg would look at five seconds of one before it gives the first frame."""
DEVICE_FORMATS = {"linux": "video4linux2,v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name for cameras, by platform."""


class LiveSource(Protocol):
    """Frames that come whether or not anyone is ready for them.

    Attributes:
        name: for messages.
        width, height: of every frame, pixels; even.
        rate: frames per second, as far as the source knows.
        color: what the planes of 4:2:0 stand for that it gives; None where it gives RGB.
        notice: what a viewer should know, such as that the camera is gone; empty if all is well.
    """

    name: str
    width: int
    height: int
    rate: float
    color: Color | None
    notice: str

    def frames(self) -> Iterator[Frame]:
        """The frames, each as soon as it has been captured."""

    def close(self) -> None:
        """Make `frames` end soon; from any thread."""


@dataclass(frozen=True, order=True)
class Mode:
    """One way in which a camera can be read.

    Attributes:
        width, height: pixels.
        fps: the highest rate, None if the system does not say.
        compressed: MJPEG, H.264 or the like rather than plain pixels.
    """

    width: int
    height: int
    fps: float | None = None
    compressed: bool = False

    def __str__(self) -> str:
        rate = "" if self.fps is None else f" {self.fps:g} fps"
        return f"{self.width}x{self.height}{rate}{' compressed' if self.compressed else ''}"


@dataclass(frozen=True)
class Camera:
    """A camera of this machine.

    Attributes:
        index: what `camera` takes.
        device: FFmpeg's name of it.
        title: what its maker calls it.
        modes: what it offers, as far as the system says.
    """

    index: int
    device: str
    title: str
    modes: tuple[Mode, ...] = ()


@dataclass(frozen=True)
class Request:
    """What to ask a camera for: (width, height), and frames per second; None leaves it to the camera."""

    size: tuple[int, int] | None = None
    fps: float | None = None


@dataclass(frozen=True)
class Address:
    """What FFmpeg opens: a name for messages, the address, the format (None: by itself), its options."""

    name: str
    file: str
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)


# --- what there is


def list_cameras(*, modes: bool = True) -> list[Camera]:
    """The cameras of this machine, with their modes where those are wanted, which opens each for a moment."""
    try:
        devices = av.device.enumerate_input_devices(_device_format())
    except (ValueError, av.error.FFmpegError, OSError):
        return []
    video = [d for d in devices if not d.media_types or "video" in d.media_types]
    # macOS counts its screens among the cameras.
    video = [d for d in video if not d.description.startswith("Capture screen")]
    return [
        Camera(index, d.name, d.description, tuple(_ask_for_modes(d.name)) if modes else ())
        for index, d in enumerate(video)
    ]


def _device_format() -> str:
    return DEVICE_FORMATS.get(sys.platform, DEVICE_FORMATS["linux"])


def _ask_for_modes(device: str) -> list[Mode]:
    """FFmpeg tells modes in its log only, and ends with an error."""
    questions = {
        "linux": {"list_formats": "all"},
        "win32": {"list_options": "true"},
        # No camera has it, so all that it has are listed.
        "darwin": {"video_size": "1x1"},
    }
    file = f"video={device}" if sys.platform == "win32" else device
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as lines, contextlib.suppress(av.error.FFmpegError, OSError):
            av.open(file, format=_device_format(), options=questions.get(sys.platform, {})).close()
    finally:
        av.logging.set_level(level)
    return parse_modes("".join(message for _, _, message in lines))


def parse_modes(log: str) -> list[Mode]:
    """The modes in what FFmpeg logs of a camera on Linux (v4l2), macOS (avfoundation) or Windows (dshow)."""
    found: set[Mode] = set()
    for line in log.splitlines():
        compressed = line.strip().startswith("Compressed") or "vcodec=" in line
        if limits := re.search(r"max s=(\d+)x(\d+) fps=([\d.]+)", line):
            found.add(Mode(int(limits[1]), int(limits[2]), round(float(limits[3]), 2), compressed))
        elif rates := re.search(r"(\d+)x(\d+)@\[[\d.]+ ([\d.]+)\]fps", line):
            found.add(Mode(int(rates[1]), int(rates[2]), round(float(rates[3]), 2)))
        elif re.match(r"\s*(Raw|Compressed)\s*:", line):
            sizes = re.findall(r"\b(\d+)x(\d+)\b", line)
            found |= {Mode(int(width), int(height), None, compressed) for width, height in sizes}
    return sorted(found, key=lambda mode: (mode.width, mode.height, mode.compressed, mode.fps or 0))


def needs_mjpeg(modes: tuple[Mode, ...], request: Request) -> bool:
    """Whether a camera with `modes` gives what is asked for only when it compresses its pictures."""
    if request.size is None:
        return False
    fitting = [mode for mode in modes if (mode.width, mode.height) == request.size]
    plain = any(not mode.compressed for mode in fitting)
    width, height = request.size
    too_much = 2 * width * height * (request.fps or DEFAULT_FPS) > USB2_BYTES
    return any(mode.compressed for mode in fitting) and (too_much or not plain)


# --- opening


def open_source(
    camera: str,
    *,
    request: Request = Request(),
    size: tuple[int, int] | None = None,
    loop: bool = False,
    planes: bool = False,
) -> LiveSource:
    """The source that `camera` names.

    Args:
        camera: index or name of a camera, a device, `screen` or `screen:N`, a URL, or a video file.
        request: what to ask a camera or a screen for.
        size: (width, height) of the frames to give; the source's own by default.
        loop: begin a file again at its end.
        planes: give planes of 4:2:0 where that is no detour, see LiveSource.

    Raises:
        InputError: if it is not there or cannot be read; for a camera, with the list of what there is.
    """
    path = Path(camera)
    if path.is_file():
        return FilePlayer(path, size=size, loop=loop, planes=planes)
    if loop:
        raise InputError(f"{parameter('loop')}: is for video files, and {parameter('camera', camera)} is none")
    return CameraSource(find_address(camera, request), size=size, planes=planes)


def find_address(camera: str, request: Request) -> Address:
    """What FFmpeg has to open for `camera`; see open_source."""
    if "://" in camera:
        scheme = camera.partition("://")[0].lower()
        return Address(camera, camera, None, PROBE | ({"rtsp_transport": "tcp"} if scheme == "rtsp" else {}))
    if screen := re.fullmatch(r"screen(?::(\d+))?", camera):
        return _screen(camera, int(screen[1] or 0), request)
    if Path(camera).suffix and not camera.startswith("/dev/"):
        raise InputError(f"{parameter('camera', camera)}: no such file")
    cameras = list_cameras(modes=False)
    for found in cameras:
        if camera in (str(found.index), found.device, found.title):
            return _device(camera, found.device, request)
    if camera.startswith("/dev/") and Path(camera).exists():
        # Links below /dev/v4l name the same cameras for good.
        return _device(camera, camera, request)
    raise InputError(f"{parameter('camera', camera)}: no such camera; {_what_there_is(cameras)}")


def _what_there_is(cameras: list[Camera]) -> str:
    if not cameras:
        return "there is none here; name a video file, a URL or screen instead"
    return "there are: " + ", ".join(f"{c.index} ({c.title or c.device})" for c in cameras)


def _device(name: str, device: str, request: Request) -> Address:
    options = _asked(request)
    if sys.platform == "win32":
        return Address(name, f"video={device}", "dshow", options)
    if sys.platform == "darwin":
        # Its own default, 29.97, is what most cameras refuse.
        return Address(name, f"{device}:none", "avfoundation", {"framerate": str(DEFAULT_FPS)} | options)
    if request.size is not None and needs_mjpeg(tuple(_ask_for_modes(device)), request):
        options["input_format"] = "mjpeg"
    return Address(name, device, "video4linux2,v4l2", options)


def _screen(name: str, number: int, request: Request) -> Address:
    options = {"framerate": str(DEFAULT_FPS)} | _asked(request)
    if sys.platform == "win32":
        if number:
            raise InputError(
                f"{parameter('camera', name)}: Windows shows all its screens as one; "
                f"use {parameter('camera', 'screen')}"
            )
        return Address(name, "desktop", "gdigrab", options)
    if sys.platform == "darwin":
        return Address(name, f"Capture screen {number}:none", "avfoundation", options)
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise InputError(f"{parameter('camera', name)}: no display here; set DISPLAY to that of an X server")
    return Address(name, f"{re.sub(r'[.][0-9]+$', '', display)}.{number}", "x11grab", options)


def _asked(request: Request) -> dict[str, str]:
    options = {} if request.size is None else {"video_size": f"{request.size[0]}x{request.size[1]}"}
    return options if request.fps is None else options | {"framerate": f"{request.fps:g}"}


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size rounded down to even sides, which every encoder takes."""
    return max(SMALLEST_SIDE, width // 2 * 2), max(SMALLEST_SIDE, height // 2 * 2)


def square_size(width: int, height: int, shape: Fraction) -> tuple[int, int]:
    """The size at which pixels of a shape, width over height, are square, as windows and pipes want them.

    Upwards, so that nothing is lost.
    """
    return (round(width * shape), height) if shape > 1 else (width, round(height / shape))


# --- reading


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


class CameraSource:
    """A camera, a stream or a screen, read as fast as it comes; when it goes away, it is waited for.

    Args:
        address: what to open.
        size: (width, height) of the frames to give; its own by default.
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
        shape = self._container.streams.video[0].sample_aspect_ratio or Fraction(1)
        self.width, self.height = size or even_size(*square_size(first.width, first.height, shape))
        self.color = Color(usual_matrix(self.height)) if planes else None
        rate = self._container.streams.video[0].average_rate or DEFAULT_RATE
        self.rate = float(rate) if 1 <= rate <= 1000 else float(DEFAULT_RATE)

    def _open(self) -> tuple[av.container.InputContainer, Iterator[VideoFrame], VideoFrame]:
        """The open container, its frames after the first one, and the first one."""
        address = self._address
        timeout = (OPEN_SECONDS, READ_SECONDS)
        container = av.open(address.file, format=address.format, options=dict(address.options), timeout=timeout)
        try:
            stream = container.streams.video[0]
            # Threads that decode a frame each would add a frame of delay each.
            stream.thread_type = "SLICE"
            decoded = container.decode(stream)
            return container, decoded, next(decoded)
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
        clock, fresh = ArrivalClock(), True
        try:
            for decoded in self._decoded:
                captured = clock.captured(decoded.time, time.monotonic())
                pixels = self._pixels(decoded)
                yield Frame(pixels, round(captured / MICROSECOND), MICROSECOND, discontinuity=fresh)
                fresh = False
                if self._closed.is_set():
                    return
        except (av.error.FFmpegError, OSError):
            # Unplugged, or silent for too long.
            return
        finally:
            self._container.close()

    def _pixels(self, decoded: VideoFrame) -> np.ndarray:
        color = settle_color(decoded)
        if self.color is None:
            pixels = to_rgb(decoded, color, self.width, self.height, self._reformatter)
            return over_white(pixels) if pixels.shape[2] == 4 else pixels
        return to_planes(decoded, color, self.color, self.width, self.height, self._reformatter)

    def close(self) -> None:
        """Make `frames` end with the next frame, or when READ_SECONDS are over."""
        self._closed.set()


class FilePlayer:
    """A video file as if it were a camera: every frame comes when its own timestamp says.

    Args:
        path: the file.
        size: (width, height) of the frames to give; the file's own by default.
        loop: begin again at the end.
        planes: give planes of 4:2:0 where the file has them.

    Raises:
        InputError: if it cannot be read.
    """

    def __init__(
        self, path: Path, *, size: tuple[int, int] | None = None, loop: bool = False, planes: bool = False
    ) -> None:
        self.name, self.notice = path.name, ""
        self._closed = threading.Event()
        self._path, self._loop = path, loop
        file = FileSource(path, size=size)
        width, height, shape = file.format.width, file.format.height, file.format.sample_aspect_ratio
        if size is None and (wanted := even_size(*square_size(width, height, shape))) != (width, height):
            file.close()
            file = FileSource(path, size=wanted)
        self._file = file
        planes = planes and file.has_planes and file.color.matrix in MATRIX_WEIGHTS
        self.color = file.color if planes else None
        self.width, self.height, self.rate = file.format.width, file.format.height, float(file.format.rate)

    def frames(self) -> Iterator[Frame]:
        """The frames; see LiveSource."""
        start = time.monotonic()
        while True:
            end = yield from self._play(start)
            if not self._loop or self._closed.is_set():
                return
            start = end
            self._file = FileSource(self._path, size=(self.width, self.height))

    def _play(self, start: float) -> Generator[Frame, None, float]:
        """The frames of the file once, the first at `start`; returns when the last one ends."""
        first: float | None = None
        end = start
        self._file.planes = self.color is not None
        try:
            for frame in self._file:
                first = frame.time if first is None else first
                due = start + frame.time - first
                late = time.monotonic() - due
                if late > LATEST:
                    start, due = start + late, due + late
                if self._closed.wait(max(0.0, -late)):
                    break
                end = due + (float(frame.duration * frame.time_base) or 1 / self.rate)
                yield replace(frame, pts=round(due / MICROSECOND), time_base=MICROSECOND, duration=0)
        finally:
            self._file.close()
        return end

    def close(self) -> None:
        """Make `frames` end at once."""
        self._closed.set()


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):
        return f"no answer within {OPEN_SECONDS:g} s"
    if isinstance(error, IndexError | StopIteration):
        return "it has no picture"
    return reason(error)
