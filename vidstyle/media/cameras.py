"""Cameras, streams and screens: what there is, and how FFmpeg opens it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.device

from vidstyle.errors import InputError, parameter

OPEN_SECONDS, READ_SECONDS = 10.0, 3.0
"""How long a source may take to answer, and to be silent before it counts as gone."""
USB2_BYTES = 35_000_000
"""A second, uncompressed; cameras on USB 2 lower their rate beyond it unless they are asked for MJPEG."""
DEFAULT_FPS = 30
PROBE = {"fflags": "nobuffer", "probesize": "200000", "analyzeduration": "500000"}
"""For streams: FFmpeg would look at five seconds of one before it gives the first frame."""
DEVICE_FORMATS = {"linux": "video4linux2,v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's name for cameras, by platform."""


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


AS_IT_IS = Request()


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
