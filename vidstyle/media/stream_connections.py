"""One connection over which live pictures and sound go to a server or a player."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.color import describe_color, from_rgb
from vidstyle.media.frame import Color, Frame, usual_matrix
from vidstyle.media.sounds import LiveSound, SoundTrack

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
BEGINNING = 0.1
"""Seconds at which a stream begins: FLV has no times below 0."""
PRIMING = 0.025
"""Seconds by which an encoder of AAC begins before its sound."""
AT_ONCE = MappingProxyType({"flush_packets": "1", "max_interleave_delta": "1"})
"""Options of a container that waits for nothing, and of its microseconds for which pictures wait for sound at most."""


@dataclass(frozen=True)
class StreamTarget:
    """Where a stream goes, and of what.

    Attributes:
        url: rtmp://, rtsp://, udp:// or srt://.
        width, height: pixels, even.
        rate: frames per second.
        color: what planes of 4:2:0 stand for, where frames come so; None where all are RGB.
        sound: what comes along; None for none.
    """

    url: str
    width: int
    height: int
    rate: float
    color: Color | None = None
    sound: LiveSound | None = None


class StreamConnection:
    """H.264 to a server or a player, with AAC where there is sound: no B-frames, nothing held back.

    Raises:
        InputError: if nobody answers there.
    """

    def __init__(self, target: StreamTarget) -> None:
        url, sound = target.url, target.sound
        self._color = target.color or Color(usual_matrix(target.height))
        self._size = (target.width, target.height)
        self._reformatter = VideoReformatter()
        self._first: float | None = None
        self._last_pts = -1
        self._sound: SoundTrack | None = None
        self._datagrams: Datagrams | None = None
        scheme = url.partition("://")[0].lower()
        options = dict(AT_ONCE) | ({"rtsp_transport": "tcp"} if scheme == "rtsp" else {})
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
            self._stream = self._add_stream(target.rate)
            if sound is not None:
                self._sound = SoundTrack(self._container, sound.listen(), live=True)
            self._container.start_encoding()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._let_go()
            raise InputError(f"{parameter('to', url)}: cannot stream there ({reason(error)})") from error

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
        """Encode and send one frame, and the sound until then.

        Raises:
            OSError: or FFmpegError, when the other side has gone.
        """
        if self._first is None:
            self._first = frame.time - BEGINNING
            if self._sound is not None:
                # What an encoder of sound writes before it is not to come before the first picture.
                self._sound.begin(self._first, BEGINNING + PRIMING)
        if frame.pixels.ndim == 2:
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame.pixels), "yuv420p")
            describe_color(picture, self._color)
        else:
            picture = VideoFrame.from_ndarray(frame.pixels, "rgb24")
            picture.color_range = ColorRange.JPEG
            picture = from_rgb(picture, self._stream.pix_fmt, self._color, self._color.matrix, self._reformatter)
        seconds = frame.time - self._first
        picture.pts = self._last_pts = max(self._last_pts + 1, round(seconds / TICK))
        picture.time_base = TICK
        self._container.mux(self._stream.encode(picture))
        if self._sound is not None:
            self._sound.copy_until(seconds)
        if self._datagrams:
            self._datagrams.send()

    def close(self) -> None:
        """Say goodbye, if anyone still listens."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.finish()
        self._let_go()

    def _let_go(self) -> None:
        if self._sound is not None:
            self._sound.close()
        with contextlib.suppress(av.error.FFmpegError, OSError, AttributeError):
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


def has_srt() -> bool:
    """Whether FFmpeg has been built with SRT; an address without host and port is refused for another reason then."""
    try:
        av.open("srt://").close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    return True
