"""What the bytes of a container say and FFmpeg does not: whether the file is whole, and until when a track is shown."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import av

from vidstyle.media.containers import MICROSECOND

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
"""FFmpeg's name of MP4, MOV and their kin."""
MATROSKA = "matroska,webm"
EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
MOST_BOXES = 10_000
"""Within one box; a file that has more is made to waste time."""


@dataclass(frozen=True)
class Box:
    """A box of ISO/IEC 14496-12, 4.2, or an element of EBML (RFC 8794): its kind, and where its content lies."""

    kind: bytes
    begin: int
    end: int


def boxes(file: BinaryIO, begin: int, end: int) -> Iterator[Box]:
    """The boxes between two places of a file, as far as they can be made out."""
    for _ in range(MOST_BOXES):
        if begin + 8 > end:
            return
        file.seek(begin)
        header = file.read(16)
        size, kind, content = int.from_bytes(header[:4], "big"), header[4:8], begin + 8
        if size == 1:
            size, content = int.from_bytes(header[8:16], "big"), begin + 16
        elif size == 0:
            size = end - begin
        if begin + size < content or len(header) < 8:
            return
        yield Box(kind, content, min(begin + size, end))
        begin += size


def boxes_at(file: BinaryIO, box: Box, *path: bytes) -> Iterator[Box]:
    """All boxes that lie at `path`, the kinds on the way, within another one."""
    for found in boxes(file, box.begin, box.end):
        if found.kind == path[0]:
            if len(path) == 1:
                yield found
            else:
                yield from boxes_at(file, found, *path[1:])


SEQUENCE_BRANDS = frozenset({b"msf1", b"hevc", b"hevx"})
"""Of HEIF files with an animation in them (ISO/IEC 23008-12, 10.2 and B.4), which may have a still beside it."""


def is_heif_sequence(path: Path) -> bool:
    """Whether a file is HEIF with an animation, which FFmpeg reads."""
    try:
        with path.open("rb") as file:
            whole = Box(b"", 0, os.fstat(file.fileno()).st_size)
            first = next(boxes(file, 0, whole.end), None)
            if first is None or first.kind != b"ftyp":
                return False
            file.seek(first.begin)
            brands = file.read(min(first.end - first.begin, 256))
            named = {brands[n : n + 4] for n in range(0, len(brands), 4)}
            return bool(named & SEQUENCE_BRANDS) and any(True for _ in boxes_at(file, whole, b"moov"))
    except OSError:
        return False


def shown_until(path: Path, track: int) -> tuple[Fraction, Fraction] | None:
    """When the last frame of a track in MP4 ends by its edit list, and the clock's tick, both in seconds.

    FFmpeg tells the sum of its durations instead, in which frames stand in decoding order.  None where no edit list
    says anything.

    Args:
        path: a file in the format MP4.
        track: its track_ID, FFmpeg's stream id.
    """
    try:
        with path.open("rb") as file:
            whole = Box(b"", 0, os.fstat(file.fileno()).st_size)
            for movie in islice(boxes_at(file, whole, b"moov"), 1):
                tick = 1 / Fraction(max(1, _timescale(file, movie)))
                for trak in boxes_at(file, movie, b"trak"):
                    if track_id(file, trak) == track:
                        ticks = sum(_segments(file, trak))
                        return (ticks * tick, tick) if ticks else None
    except OSError:
        pass
    return None


def _field(file: BinaryIO, box: Box, offset: int, size: int) -> int:
    if box.begin + offset + size > box.end:
        return 0
    file.seek(box.begin + offset)
    return int.from_bytes(file.read(size), "big")


def _timescale(file: BinaryIO, movie: Box) -> int:
    for header in boxes_at(file, movie, b"mvhd"):
        return _field(file, header, 20 if _field(file, header, 0, 1) == 1 else 12, 4)
    return 0


def track_id(file: BinaryIO, trak: Box) -> int | None:
    """The track_ID of a track in MP4, FFmpeg's stream id."""
    for header in boxes_at(file, trak, b"tkhd"):
        return _field(file, header, 20 if _field(file, header, 0, 1) == 1 else 12, 4)
    return None


def chapter_tracks(path: Path) -> frozenset[int]:
    """The track_IDs in MP4 of what is only the titles of chapters, which FFmpeg tells twice: as chapters, and as data
    (QuickTime File Format, track references: `chap`)."""
    found = set()
    try:
        with path.open("rb") as file:
            whole = Box(b"", 0, os.fstat(file.fileno()).st_size)
            for box in boxes_at(file, whole, b"moov", b"trak", b"tref", b"chap"):
                file.seek(box.begin)
                data = file.read(min(box.end - box.begin, 4 * MOST_BOXES))
                found |= {int.from_bytes(data[n : n + 4], "big") for n in range(0, len(data) - 3, 4)}
    except OSError:
        pass
    return frozenset(found)


def _segments(file: BinaryIO, trak: Box) -> Iterator[int]:
    """Durations of the edits, empty ones too, in ticks of the movie."""
    for edits in boxes_at(file, trak, b"edts", b"elst"):
        wide = _field(file, edits, 0, 1) == 1
        count = min(_field(file, edits, 4, 4), MOST_BOXES)
        for number in range(count):
            yield _field(file, edits, 8 + number * (20 if wide else 12), 8 if wide else 4)
        return


def is_cut_off(path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Whether a container names bytes of a track that lie beyond the end of the file."""
    size = path.stat().st_size
    if container.format.name == MP4:
        return any(entry.pos + entry.size > size for entry in stream.index_entries)
    with path.open("rb") as file:
        if container.format.name == MATROSKA:
            return _segment_end(file, size) > size
        if container.format.name == "avi":
            file.seek(4)
            return int.from_bytes(file.read(4), "little") + 8 > size
    return False


def track_end(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, time_base: Fraction
) -> Fraction | None:
    """Seconds at which a track ends, as far as the container says; `time_base` is that of the track's timestamps."""
    name = container.format.name
    if name in {MP4, "avi"}:
        if stream.duration is None:
            return None
        # In MP4 a sum over frames in decoding order, where the last one to be shown need not be the last one.
        summed = ((stream.start_time or 0) + stream.duration) * time_base
        edited = shown_until(path, stream.id) if name == MP4 else None
        # The edit list is right always, but its clock may be coarse.
        return summed if edited is None or abs(edited[0] - summed) < edited[1] else edited[0]
    if name == MATROSKA:
        # It writes down when the last frame of each track ends.
        tags = [tag for key, tag in stream.metadata.items() if key.startswith("DURATION")]
        if tags and (clock := re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", tags[0])):
            return 3600 * Fraction(clock[1]) + 60 * Fraction(clock[2]) + Fraction(clock[3])
        if len(container.streams) == 1 and container.duration:
            return container.duration * MICROSECOND
    return None


def elements(file: BinaryIO, begin: int, end: int) -> Iterator[Box]:
    """The elements of Matroska between two places of a file (RFC 8794, 4 to 6), as far as they can be made out.

    One whose size is unknown, as in recordings that nobody has finished, goes on to the end.
    """
    for _ in range(MOST_BOXES):
        file.seek(begin)
        header = file.read(12)
        # The number of leading zeros of an ID or a size is that of the bytes that follow the first one.
        wide = 9 - header[0].bit_length() if header and header[0] else 9
        if wide > 4 or len(header) <= wide or not header[wide]:
            return
        length = 9 - header[wide].bit_length()
        size = int.from_bytes(header[wide : wide + length], "big") & ((1 << 7 * length) - 1)
        begin += wide + length
        unknown = size == (1 << 7 * length) - 1
        yield Box(header[:wide], begin, end if unknown else begin + size)
        if unknown or begin + size >= end:
            return
        begin += size


def number_in(file: BinaryIO, element: Box) -> int:
    """What is in an element that is an unsigned integer."""
    return _field(file, element, 0, min(element.end - element.begin, 8))


def _segment_end(file: BinaryIO, size: int) -> int:
    """Where the first segment of Matroska ends (RFC 9559); the end of the file if it does not say."""
    for element in elements(file, 0, size):
        if element.kind == SEGMENT:
            return element.end
        if element.kind != EBML:
            break
    return size


WEBP_ALPHA = 0x10
"""Flag of a WebP's header: its canvas may be transparent."""


def finish_animation(path: Path, milliseconds: int, *, alpha: bool) -> None:
    """Write into an animated PNG or WebP how long its last picture is shown, which FFmpeg's encoders guess.

    Args:
        path: the file, complete.
        milliseconds: of the last picture.
        alpha: whether it is transparent anywhere; libwebp forgets it where all that is drawn is opaque.
    """
    with path.open("r+b") as file:
        if file.read(4) == b"RIFF":
            _finish_webp(file, min(milliseconds, 0xFFFFFF), alpha)
        else:
            _finish_png(file, min(milliseconds, 0xFFFF))


def _finish_png(file: BinaryIO, milliseconds: int) -> None:
    """The last chunk of control (fcTL, PNG third edition, 11.3.6.2) anew, with its sum."""
    last, position = None, 8
    file.seek(position)
    while len(header := file.read(8)) == 8:
        if header[4:] == b"fcTL":
            last = position
        position += 12 + int.from_bytes(header[:4], "big")
        file.seek(position)
    if last is not None:
        file.seek(last + 4)
        chunk = bytearray(file.read(4 + 26))
        chunk[24:28] = milliseconds.to_bytes(2, "big") + (1000).to_bytes(2, "big")
        file.seek(last + 4)
        file.write(chunk + zlib.crc32(chunk).to_bytes(4, "big"))


def _finish_webp(file: BinaryIO, milliseconds: int, alpha: bool) -> None:
    """The duration of the last frame (ANMF of the WebP container specification), and the flag of transparency."""
    last, position = None, 12
    file.seek(position)
    while len(header := file.read(8)) == 8:
        if header[:4] == b"VP8X" and alpha:
            flags = file.read(1)[0] | WEBP_ALPHA
            file.seek(position + 8)
            file.write(bytes([flags]))
        if header[:4] == b"ANMF":
            last = position
        size = int.from_bytes(header[4:], "little")
        position += 8 + size + size % 2
        file.seek(position)
    if last is not None:
        file.seek(last + 8 + 12)
        file.write(milliseconds.to_bytes(3, "little"))
