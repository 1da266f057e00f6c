"""Encoded pictures between encoder and container: a file of packets, from which a video is joined later.

A line of JSON (what the encoder was told), the encoder's extradata, and packet by packet PACKET and its bytes.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from vidstyle.errors import VidstyleError

MAGIC = b"vidstyle packets 1\n"
PACKET = struct.Struct("<qqqBQ")
"""pts, dts and duration in ticks, whether a decoder can begin here, and bytes that follow."""
LARGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class Encoding:
    """How packets were encoded; what is joined has to be alike.

    Attributes:
        encoder: FFmpeg's name.
        width, height: pixels.
        pix_fmt: FFmpeg's name.
        time_base: seconds per tick, as `1/25`.
        extradata: what a decoder needs to begin with, in hexadecimal.
    """

    encoder: str
    width: int
    height: int
    pix_fmt: str
    time_base: str
    extradata: str

    @classmethod
    def of(cls, encoder: str, stream: av.VideoStream) -> "Encoding":
        """That of a stream whose encoder is open."""
        context = stream.codec_context
        return cls(
            encoder,
            stream.width,
            stream.height,
            str(stream.pix_fmt),
            str(Fraction(context.time_base)),
            bytes(context.extradata or b"").hex(),
        )


class PacketWriter:
    """Writes packets into an open file."""

    def __init__(self, file: BinaryIO, encoding: Encoding) -> None:
        self._file = file
        file.write(MAGIC + json.dumps(asdict(encoding)).encode() + b"\n")

    def write(self, packet: "av.Packet[Any]") -> None:
        """Append one packet, whose times are in ticks of the encoder."""
        data = bytes(packet)
        assert packet.pts is not None
        assert packet.dts is not None
        head = PACKET.pack(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, len(data))
        self._file.write(head + data)


def read_packets(path: Path) -> tuple[Encoding, "Iterator[av.Packet[Any]]"]:
    """What a file of packets holds: how it was encoded, and the packets one by one.

    Raises:
        VidstyleError: for anything else, at once or where it is cut off.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(len(MAGIC))
            header = file.readline(LARGEST_HEADER)
            at = file.tell()
        encoding = Encoding(**json.loads(header)) if begin == MAGIC else None
    except (OSError, ValueError, TypeError) as error:
        raise VidstyleError(f"{path}: not a file of packets ({error})") from error
    if encoding is None:
        raise VidstyleError(f"{path}: not a file of packets")
    return encoding, _packets(path, at, Fraction(encoding.time_base))


def _packets(path: Path, at: int, time_base: Fraction) -> "Iterator[av.Packet[Any]]":
    with path.open("rb") as file:
        file.seek(at)
        while head := file.read(PACKET.size):
            if len(head) < PACKET.size:
                raise VidstyleError(f"{path}: is cut off")
            pts, dts, duration, begins, size = PACKET.unpack(head)
            data = file.read(size)
            if len(data) < size:
                raise VidstyleError(f"{path}: is cut off")
            packet: av.Packet[Any] = av.Packet(data)
            packet.pts, packet.dts, packet.duration = pts, dts, duration
            packet.time_base, packet.is_keyframe = time_base, bool(begins)
            yield packet
