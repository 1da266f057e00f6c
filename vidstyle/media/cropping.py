"""Borders that a container says not to show: `clap` of MP4 and MOV, the crop fields of Matroska.

FFmpeg reads both, and PyAV hands neither on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from vidstyle.media.structure import (
    EBML,
    MATROSKA,
    MP4,
    SEGMENT,
    Box,
    boxes,
    boxes_at,
    elements,
    number_in,
    track_id,
)

SAMPLE_ENTRY = 78
"""Bytes of a video's sample entry before its boxes (ISO/IEC 14496-12, 12.1.3.2)."""
TRACKS, TRACK, TRACK_NUMBER, VIDEO = b"\x16\x54\xae\x6b", b"\xae", b"\xd7", b"\xe0"
CROPS = (b"\x54\xcc", b"\x54\xbb", b"\x54\xdd", b"\x54\xaa")
"""PixelCropLeft, Top, Right and Bottom of RFC 9559, 5.1.4.1.28."""


@dataclass(frozen=True)
class Crop:
    """Pixels to take off each side of a decoded picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def inner(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of what is left."""
        return width - self.left - self.right, height - self.top - self.bottom


def crop_of(path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> Crop | None:
    """What a file says not to show of one of its video tracks; None for nothing."""
    try:
        with path.open("rb") as file:
            if container.format.name == MP4:
                found = _clean_aperture(file, stream)
            elif container.format.name == MATROSKA:
                number = sum(1 for s in container.streams if s.index <= stream.index and s.type != "attachment")
                found = _matroska_crop(file, number, stream.id)
            else:
                return None
    except OSError:
        return None
    if found is None or found == Crop() or min(found.left, found.top, found.right, found.bottom) < 0:
        return None
    return found if min(found.inner(stream.width, stream.height)) > 0 else None


def _clean_aperture(file: BinaryIO, stream: av.VideoStream) -> Crop | None:
    """Of a sample entry (ISO/IEC 14496-12, 12.1.4.1): a size, and by how much its middle is off that of the picture."""
    whole = Box(b"", 0, os.fstat(file.fileno()).st_size)
    for trak in boxes_at(file, whole, b"moov", b"trak"):
        if track_id(file, trak) != stream.id:
            continue
        for table in boxes_at(file, trak, b"mdia", b"minf", b"stbl", b"stsd"):
            for entry in boxes(file, table.begin + 8, table.end):
                for clap in boxes(file, entry.begin + SAMPLE_ENTRY, entry.end):
                    if clap.kind == b"clap" and clap.end - clap.begin >= 32:
                        file.seek(clap.begin)
                        return _aperture(file.read(32), stream.width, stream.height)
                break
    return None


def _aperture(data: bytes, width: int, height: int) -> Crop | None:
    numbers = [int.from_bytes(data[n : n + 4], "big", signed=n in (16, 24)) for n in range(0, 32, 4)]
    if not all(numbers[1::2]):
        return None
    wide, high, right, down = (Fraction(over, under) for over, under in zip(numbers[::2], numbers[1::2], strict=True))
    left, top = (width - wide) / 2 + right, (height - high) / 2 + down
    return Crop(round(left), round(top), width - round(left) - round(wide), height - round(top) - round(high))


def _matroska_crop(file: BinaryIO, number: int, track: int) -> Crop | None:
    size = os.fstat(file.fileno()).st_size
    for segment in elements(file, 0, size):
        if segment.kind != SEGMENT:
            if segment.kind != EBML:
                return None
            continue
        for entry in _tracks(file, segment):
            fields = {element.kind: element for element in elements(file, entry.begin, entry.end)}
            if TRACK_NUMBER not in fields or VIDEO not in fields:
                continue
            # FFmpeg's id of a track is its number.
            if number_in(file, fields[TRACK_NUMBER]) != (track or number):
                continue
            crops = dict.fromkeys(CROPS, 0)
            for element in elements(file, fields[VIDEO].begin, fields[VIDEO].end):
                if element.kind in crops:
                    crops[element.kind] = number_in(file, element)
            return Crop(*crops.values())
        return None
    return None


def _tracks(file: BinaryIO, segment: Box) -> Iterator[Box]:
    for element in elements(file, segment.begin, segment.end):
        if element.kind == TRACKS:
            yield from (entry for entry in elements(file, element.begin, element.end) if entry.kind == TRACK)
            return
