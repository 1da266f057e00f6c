"""Where live frames go to: a window, a virtual camera, a recording, a network stream, a pipe."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.media.color import describe_color, from_rgb
from vidstyle.media.frame import Color, Frame, VideoFormat, usual_matrix
from vidstyle.media.microphones import Microphone, MicrophoneTrack
from vidstyle.media.output_containers import file_takes_planes
from vidstyle.media.sinks import FileSink
from vidstyle.output_files import check_output

TICK = Fraction(1, 90_000)
"""Of recordings and streams: MPEG's own clock, fine enough for any camera."""
STREAM_FORMATS = MappingProxyType({"rtmp": "flv", "rtmps": "flv", "rtsp": "rtsp", "udp": "mpegts", "srt": "mpegts"})
"""FFmpeg's container by the scheme of the URL."""
TS_PACKET, NULL_PACKET = 188, b"\x47\x1f\xff\x10" + b"\xff" * 184
"""Of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3): length of a packet, and one that says nothing."""
DATAGRAM = 7 * TS_PACKET
"""Bytes of a datagram of UDP: as many whole packets as networks carry in one piece."""
CONNECT_SECONDS = 10.0
QUALITY = "23"
"""CRF of a stream."""
KEY_FRAME_SECONDS = 1
"""Between the pictures at which a viewer can begin to watch."""

ARROWS = MappingProxyType(
    {
        # X11 keysyms, Windows virtual keys, and what Cocoa calls its function keys.
        65361: "left",
        65362: "up",
        65363: "right",
        65364: "down",
        0x250000: "left",
        0x260000: "up",
        0x270000: "right",
        0x280000: "down",
        63234: "left",
        63232: "up",
        63235: "right",
        63233: "down",
    }
)
NAMED_KEYS = MappingProxyType({32: "space", 27: "q"})
FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT_LINES = 18
"""Of text from top to bottom of a picture, so that the help fits whatever the size."""
TEXT_SCALE = 0.025
"""OpenCV's scale of the font by pixels of a line's height."""
SHADE = 0.35
"""What is left of the light behind text."""


class LiveSink(Protocol):
    """Takes frames whose pts is the time of their capture; see vidstyle.media.cameras.

    Attributes:
        name: for messages and figures.
        waiting: frames that may wait for it; more are dropped, the oldest first.
        holds: whether it wants the last picture again and again while the camera is gone.
        planes: whether it takes planes of 4:2:0 as well as RGB.
    """

    name: str
    waiting: int
    holds: bool
    planes: bool

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
    microphone: Microphone | None = None,
    overwrite: bool = False,
) -> LiveSink:
    """The sink that `target` names, for frames of a size and about a rate; a WindowSink is made by itself.

    Args:
        target: `virtual`, `pipe:`, a URL, or a file to record to.
        width, height: pixels, even.
        rate: frames per second.
        color: what planes of 4:2:0 stand for, where frames come so; None where all are RGB.
        microphone: whose sound a file gets.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: if it cannot be opened.
    """
    if target == "virtual":
        return VirtualCamera(width, height, rate)
    if target in {"pipe:", "pipe:1"}:
        return PipeSink()
    if "://" in target:
        return StreamSink(target, width, height, rate, color=color)
    return Recording(Path(target), width, height, rate, color=color, microphone=microphone, overwrite=overwrite)


def is_recording(target: str) -> bool:
    """Whether `target` is a file."""
    return target not in {"window", "virtual", "pipe:", "pipe:1"} and "://" not in target


def check_target(target: str, *, overwrite: bool = False) -> None:
    """Raises InputError for a `target` that cannot be, as far as that can be known before anything is opened."""
    scheme, separator, _ = target.partition("://")
    if separator and scheme.lower() == "srt" and not _has_srt():
        raise InputError(f"{target}: this PyAV has been built without SRT; stream by udp://, rtsp:// or rtmp://")
    if separator and scheme.lower() not in STREAM_FORMATS:
        known = [name for name in STREAM_FORMATS if name != "srt" or _has_srt()]
        raise InputError(f"{parameter('to', target)}: cannot stream there; use one of {', '.join(known)}")
    if not is_recording(target):
        return
    path = Path(target)
    if not path.suffix:
        raise InputError(
            f"{parameter('to', target)}: takes window, virtual, pipe:, a URL, or a video file such as out.mp4"
        )
    check_output(path, overwrite=overwrite)


# --- recording and streaming


class Recording:
    """A video file in which every frame keeps the time of its capture, counted from the first one.

    What has been recorded cannot be recorded again: all but the last seconds of it is there whatever happens.

    Args:
        path: the file; its suffix chooses the container.
        width, height: pixels, even.
        rate: frames per second, about.
        color: see open_sink.
        microphone: whose sound comes along.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: as FileSink does.
    """

    waiting, holds = 16, False

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        rate: float,
        *,
        color: Color | None = None,
        microphone: Microphone | None = None,
        overwrite: bool = False,
    ) -> None:
        self.name = str(path)
        self._sound: MicrophoneTrack | None = None
        average = Fraction(rate).limit_denominator(1001)
        self._duration = round(1 / (average * TICK))
        video = VideoFormat(width, height, TICK, average, color or Color(usual_matrix(height)))
        self.planes = color is not None and file_takes_planes(path, video, None)
        tracks = None if microphone is None else partial(self._add_sound, microphone)
        self._file = FileSink(path, video, tracks=tracks, overwrite=overwrite, survives=True)
        self._first: float | None = None

    def _add_sound(self, microphone: Microphone, output: av.container.OutputContainer) -> MicrophoneTrack:
        self._sound = MicrophoneTrack(output, microphone.listen())
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


class StreamSink:
    """H.264 to a server or a player: no B-frames, nothing held back.

    Args:
        url: rtmp://, rtsp://, udp:// or srt://.
        width, height: pixels, even.
        rate: frames per second.
        color: see open_sink.

    Raises:
        InputError: if nobody answers there.
    """

    waiting, holds = 2, True

    def __init__(self, url: str, width: int, height: int, rate: float, *, color: Color | None = None) -> None:
        self.planes = color is not None
        self._color = color or Color(usual_matrix(height))
        self.name = url
        self._size = (width, height)
        self._reformatter = VideoReformatter()
        self._first: float | None = None
        self._last_pts = -1
        scheme = url.partition("://")[0].lower()
        options = {"rtsp_transport": "tcp"} if scheme == "rtsp" else {"flush_packets": "1"}
        self._datagrams: Datagrams | None = None
        try:
            if scheme == "udp" and not urlsplit(url).query:
                self._datagrams = Datagrams(url)
            elif scheme == "udp" and "pkt_size" not in parse_qs(urlsplit(url).query):
                # FFmpeg knows what else there is to say; a flush would send what is left of each frame by itself.
                url, options = f"{url}&pkt_size={DATAGRAM}", {"flush_packets": "0"}
            self._container = av.open(
                self._datagrams or url,
                "w",
                format=STREAM_FORMATS[scheme],
                options=options,
                timeout=(CONNECT_SECONDS, CONNECT_SECONDS),
            )
            self._stream = self._add_stream(rate)
            self._container.start_encoding()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{parameter('to', url)}: cannot stream there ({_reason(error)})") from error

    def _add_stream(self, rate: float) -> av.VideoStream:
        key_frames = str(max(1, round(KEY_FRAME_SECONDS * rate)))
        options = {"preset": "veryfast", "tune": "zerolatency", "crf": QUALITY, "g": key_frames, "bf": "0"}
        stream = self._container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = TICK
        range_ = ColorRange.JPEG if self._color.full_range else ColorRange.MPEG
        context.colorspace, context.color_range = self._color.matrix, range_
        return stream

    def write(self, frame: Frame) -> None:
        """Encode and send one frame.  Raises VidstyleError when the other side has gone."""
        self._first = frame.time if self._first is None else self._first
        if frame.pixels.ndim == 2:
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame.pixels), "yuv420p")
            describe_color(picture, self._color)
        else:
            picture = VideoFrame.from_ndarray(frame.pixels, "rgb24")
            picture.color_range = ColorRange.JPEG
            picture = from_rgb(picture, self._stream.pix_fmt, self._color, self._color.matrix, self._reformatter)
        picture.pts = self._last_pts = max(self._last_pts + 1, round((frame.time - self._first) / TICK))
        picture.time_base = TICK
        try:
            self._container.mux(self._stream.encode(picture))
            if self._datagrams:
                self._datagrams.send()
        except (av.error.FFmpegError, OSError) as error:
            raise VidstyleError(f"{parameter('to', self.name)}: the stream broke off ({_reason(error)})") from error

    def close(self) -> None:
        """Say goodbye, if anyone still listens."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.mux(self._stream.encode(None))
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.close()
        if self._datagrams:
            self._datagrams.close()


class Datagrams:
    """What FFmpeg writes an MPEG transport stream into: datagrams of DATAGRAM bytes, filled up with null packets.

    FFmpeg's own output breaks packets in two, and sends what is left of a frame as a datagram of any length.

    Args:
        url: udp://HOST:PORT.

    Raises:
        OSError: if there is no such host.
        ValueError: without a port.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        if not address.hostname or not address.port:
            raise ValueError("takes udp://HOST:PORT")
        found = socket.getaddrinfo(address.hostname, address.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, to = found[0]
        self._to: Any = to
        self._socket = socket.socket(family, kind, protocol)
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        """Take what the muxer writes."""
        self._waiting += data
        return len(data)

    def send(self) -> None:
        """Send all that has been written; nothing of a frame is held back."""
        missing = -len(self._waiting) % DATAGRAM
        self._waiting += NULL_PACKET * (missing // TS_PACKET)
        while self._waiting:
            # Nobody need listen.
            with contextlib.suppress(ConnectionRefusedError):
                self._socket.sendto(self._waiting[:DATAGRAM], self._to)
            del self._waiting[:DATAGRAM]

    def close(self) -> None:
        """Send the rest."""
        with contextlib.suppress(OSError):
            self.send()
        self._socket.close()


def _has_srt() -> bool:
    """Whether FFmpeg has been built with SRT; an address without host and port is refused for another reason then."""
    try:
        av.open("srt://").close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):
        return f"no answer within {CONNECT_SECONDS:g} s"
    return reason(error)


# --- other programs


class PipeSink:
    """Raw frames on standard output, RGB with 8 bits a channel, row after row."""

    name, waiting, holds, planes = "pipe:", 1, False, False

    def write(self, frame: Frame) -> None:
        """Write one frame.  Raises BrokenPipeError when the reader has gone."""
        sys.stdout.buffer.write(np.ascontiguousarray(frame.pixels).data)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Nothing to finish."""


class VirtualCamera:
    """A camera that other programs can choose: v4l2loopback on Linux, OBS on Windows and macOS.

    Raises:
        InputError: if pyvirtualcam or the device is missing.
    """

    name, waiting, holds, planes = "virtual", 1, True, False

    def __init__(self, width: int, height: int, rate: float) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise InputError(
                f"{parameter('to', 'virtual')}: needs pyvirtualcam, which is not installed; "
                "pip install 'vidstyle[virtual]'"
            ) from error
        try:
            self._camera: Any = pyvirtualcam.Camera(width=width, height=height, fps=rate)
        except RuntimeError as error:
            device = "sudo modprobe v4l2loopback" if sys.platform.startswith("linux") else "install OBS Studio"
            raise InputError(
                f"{parameter('to', 'virtual')}: there is no virtual camera here ({device}): {reason(error)}"
            ) from error

    def write(self, frame: Frame) -> None:
        """Hand one frame to whoever watches."""
        self._camera.send(frame.pixels)

    def close(self) -> None:
        """Take the camera away."""
        self._camera.close()


# --- the window


def check_window() -> None:
    """Raises InputError, with a way out, where no window can be opened."""
    instead = f"or name another {parameter('to')}, such as out.mp4"
    if "GUI:                           NONE" in cv2.getBuildInformation():
        raise InputError(
            f"{parameter('to', 'window')}: this OpenCV has no windows; pip uninstall opencv-python-headless, then "
            f"pip install --force-reinstall opencv-python, {instead}"
        )
    # Qt would end the whole process.
    if sys.platform.startswith("linux") and not _x11_answers(os.environ.get("DISPLAY", "")):
        raise InputError(f"{parameter('to', 'window')}: no display here; set DISPLAY to that of an X server, {instead}")


def _x11_answers(display: str) -> bool:
    """Whether there is an X server; one on another machine is taken at its word."""
    if display.startswith(":"):
        return Path("/tmp/.X11-unix", f"X{display[1:].partition('.')[0]}").exists()
    return bool(display)


class WindowSink:
    """A window.  All of it happens in one thread, which macOS wants to be the main one.

    Attributes:
        lines: of text over the picture.

    Raises:
        InputError: see check_window.
    """

    name, waiting, holds, planes = "window", 1, False, False

    def __init__(self, title: str, width: int, height: int) -> None:
        check_window()
        self._title, self._full_screen = title, False
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(title, width, height)
        self._pixels: np.ndarray | None = None
        self.lines: Sequence[str] = ()

    def write(self, frame: Frame) -> None:
        """Show a frame, below `lines`."""
        self._pixels = frame.pixels
        self._draw()

    def say(self, lines: Sequence[str]) -> None:
        """Show the last frame below other lines."""
        if lines != self.lines and self._pixels is not None:
            self.lines = lines
            self._draw()

    def _draw(self) -> None:
        assert self._pixels is not None
        cv2.imshow(self._title, cv2.cvtColor(captioned(self._pixels, self.lines), cv2.COLOR_RGB2BGR))

    def show_full_screen(self, wanted: bool) -> None:
        """Fill the screen, or not."""
        if wanted != self._full_screen:
            self._full_screen = wanted
            mode = cv2.WINDOW_FULLSCREEN if wanted else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)

    def key(self) -> str | None:
        """The key that was pressed, None if none was; `q` also when the window was closed.  Draws the window."""
        code = cv2.waitKeyEx(1)
        if self._pixels is not None and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            return "q"
        return key_name(code)

    def close(self) -> None:
        """Close the window."""
        with contextlib.suppress(cv2.error):
            cv2.destroyWindow(self._title)
            cv2.waitKeyEx(1)


def key_name(code: int) -> str | None:
    """The name of a key in what OpenCV's waitKeyEx gives, on any platform; None for no key and those without use."""
    if code in ARROWS:
        return ARROWS[code]
    # Some systems add the state of the shift keys above the character.
    character = code & 0xFFFF if code > 0 else 0
    if character in NAMED_KEYS:
        return NAMED_KEYS[character]
    return chr(character).lower() if 32 < character < 127 else None


def captioned(pixels: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    """A copy of RGB (H, W, 3) uint8 with lines of text in its upper left corner; itself if there are none.

    Tabs part two columns.
    """
    if not lines:
        return pixels
    shown = pixels.copy()
    height = max(10, pixels.shape[0] // TEXT_LINES)
    scale, margin = TEXT_SCALE * height, height // 2

    def width(text: str) -> int:
        return cv2.getTextSize(text, FONT, scale, 1)[0][0]

    rows = [line.partition("\t")[::2] for line in lines]
    second = max((width(key) for key, meaning in rows if meaning), default=0) + height
    table = max((second + width(meaning) for _, meaning in rows if meaning), default=0)
    for number, (key, meaning) in enumerate(rows):
        strip = shown[height * number : height * (number + 1), : (table if meaning else width(key)) + 2 * margin]
        # Shaded and not outlined: outlines of OpenCV 5 are wider than the letters that they belong to.
        strip[:] = strip * SHADE
        for column, text in ((0, key), (second, meaning)):
            cv2.putText(strip, text, (margin + column, height * 3 // 4), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return shown
