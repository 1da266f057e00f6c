"""Where frames come from."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.errors import InputError, reason
from vidstyle.media.color import SCALING, describe_color, settle_color, to_rgb
from vidstyle.media.frame import LARGEST_SIDE, SMALLEST_SIDE, SWSCALE_MATRIX, Frame, VideoFormat
from vidstyle.media.timestamps import Clock, Timestamps, counts_from_anywhere, timed_streams

DEFAULT_RATE = Fraction(25)
PLANES = frozenset({"yuv420p", "yuvj420p"})
"""Pixel formats whose planes a network can take as they are."""
INTERLEAVED = "nv12"
"""The same samples with U and V in turns, as GPUs decode."""
MICROSECOND = Fraction(1, 1_000_000)
KNOWS_DURATIONS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "avi"})
"""Containers that write down how long each track is; from others FFmpeg has one length for all of them."""


def open_container(path: Path, gpu: int | None = None) -> av.container.InputContainer:
    """Open a media file for reading; video is decoded on that CUDA device if it can, by the processor otherwise.

    Raises:
        InputError: if it is missing, empty, or nothing that FFmpeg reads.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a video")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    if gpu is not None:
        hardware = HWAccel("cuda", str(gpu), allow_software_fallback=True)
        # No such device, no decoder for this codec, or a file that is none: the processor will find out.
        with contextlib.suppress(av.error.FFmpegError, OSError, NotImplementedError, RuntimeError):
            return av.open(str(path), metadata_errors="replace", hwaccel=hardware)
    try:
        # A damaged tag is no reason to refuse a video.
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not a video or picture that can be read ({reason(error)})") from error


def picture_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video tracks, without cover pictures."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


class FileSource:
    """The frames of a video file, in order, upright, in RGB, each with its own timestamp.

    Opening decodes the first frame, so that whatever is wrong with a file is known before anything is written.

    Args:
        path: the file.
        size: (width, height) of the frames to give; the file's own by default.
        scale: multiple of the file's own size to give, in place of `size`.
        start, end: part of the file to read, seconds from its beginning; whole by default.
        gpu: number of the CUDA device to decode on, where it can; the processor decodes if None.

    Attributes:
        format: what the frames are like.
        planes: whether to give frames as planes of 4:2:0 rather than in RGB; may be set where `has_planes`.
        origin: seconds that have been taken off every timestamp; the sink takes them off the other tracks.
        unreadable_from: seconds from the file's beginning from where on it could not be read, None if it could to
            its end.

    Raises:
        InputError: for a file without a picture to paint, and a `start` after its end.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] | None = None,
        scale: float | None = None,
        start: float | None = None,
        end: float | None = None,
        gpu: int | None = None,
    ) -> None:
        self.path, self._gpu = path, gpu
        self.planes = False
        self._open()
        try:
            self._go_to_first_frame(start, end)
            self.format = self._describe(size, scale)
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        self._container = open_container(self.path, self._gpu)
        pictures = picture_streams(self._container)
        if not pictures:
            whole = len(self._container.streams) > 0
            self._container.close()
            what = "has no video track" if whole else "nothing in it can be read; was it cut off?"
            raise InputError(f"{self.path}: {what}")
        self._stream = pictures[0]
        # Frames decoded in parallel come out before FFmpeg knows whether they are damaged, and of all containers
        # only these hand out half a frame at their end.
        self._stream.thread_type = "SLICE" if counts_from_anywhere(self._container) else "AUTO"
        self._rate = self._stream.average_rate or self._stream.guessed_rate or DEFAULT_RATE
        self._time_base = self._stream.time_base or 1 / self._rate
        self._clock = Clock(self._container)
        self._timestamps = Timestamps(self._time_base, self._rate)
        self.unreadable_from: float | None = None
        self._deinterlacer: _Deinterlacer | None = None
        self._reformatter = VideoReformatter()
        self._beginning = (self._container.start_time or 0) * MICROSECOND

    def _go_to_first_frame(self, start: float | None, end: float | None) -> None:
        self._start = None if start is None else self._beginning + _exact(start)
        self._end = None if end is None else self._beginning + _exact(end)
        sought = self._start is not None and self._seek(self._start)
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if sought and not self._timestamps.seen_before(self._start):
            # Not every file leads back to a key frame before the time sought: read from its beginning instead.
            self._container.close()
            self._open()
            self._decoded = self._decode()
            first = next(self._decoded, None)
        if first is None:
            if (start is not None or end is not None) and self.unreadable_from is None:
                until = "" if end is None else f" and before --end {end:g} s"
                raise InputError(f"{self.path}: nothing to paint after --start {start or 0:g} s{until}{self._length()}")
            raise InputError(f"{self.path}: no frame of it can be decoded")
        self._pending: _Decoded | None = first
        self.color = settle_color(first.frame)
        self._turns, self._mirrored = orientation(first.frame)
        if start is not None:
            self.origin = first.pts * self._time_base
        else:
            self.origin = self._beginning if counts_from_anywhere(self._container) else Fraction(0)

    def _seek(self, time: Fraction) -> bool:
        try:
            self._container.seek(int(time / MICROSECOND), backward=True)
        except (av.error.FFmpegError, OSError):
            # Then from the beginning.
            self._container.close()
            self._open()
            return False
        return True

    def _length(self) -> str:
        if not self._container.duration:
            return ""
        return f"; it is {float(self._container.duration * MICROSECOND):.3f} s long"

    def _describe(self, size: tuple[int, int] | None, scale: float | None) -> VideoFormat:
        assert self._pending is not None
        width, height = self._pending.frame.width, self._pending.frame.height
        pixel = self._stream.sample_aspect_ratio or Fraction(1)
        if self._turns % 2:
            width, height, pixel = height, width, 1 / pixel
        target = size or (width, height)
        if scale is not None:
            target = (round(width * scale), round(height * scale))
        for side in target:
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise InputError(
                    f"{self.path}: cannot paint at {target[0]}x{target[1]}; each side must be "
                    f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels, see --size"
                )
        # Whatever the size, the picture keeps its shape on the screen.
        pixel *= Fraction(width, height) / Fraction(*target)
        self._has_planes = (
            self._pending.frame.format.name in PLANES | {INTERLEAVED}
            and target == (self._pending.frame.width, self._pending.frame.height)
            and not (target[0] % 2 or target[1] % 2 or self._turns or self._mirrored)
        )
        return VideoFormat(
            width=target[0],
            height=target[1],
            time_base=self._time_base,
            rate=self._rate,
            color=self.color,
            sample_aspect_ratio=pixel.limit_denominator(255) if abs(pixel - 1) > 0.005 else Fraction(1),
            frames=self._expected_frames(),
        )

    def _expected_frames(self) -> int | None:
        seconds = self._stream.duration * self._time_base if self._stream.duration else None
        if seconds is None and self._container.duration:
            seconds = self._container.duration * MICROSECOND
        if self._start is None and self._end is None:
            return self._stream.frames or (round(seconds * self._rate) if seconds else None)
        if seconds is None:
            return None
        last = self._beginning + seconds
        last = last if self._end is None else min(last, self._end)
        return max(1, round((last - (self._start or self._beginning)) * self._rate))

    def __iter__(self) -> Iterator[Frame]:
        offset = round(self.origin / self._time_base)
        discontinuity = True
        while self._pending is not None:
            decoded = self._pending
            pixels = self._to_planes(decoded.frame) if self.planes else self._to_rgb(decoded.frame)
            yield Frame(pixels, decoded.pts - offset, self._time_base, decoded.duration, discontinuity)
            discontinuity = False
            self._pending = next(self._decoded, None)

    @property
    def has_planes(self) -> bool:
        """Whether frames are decoded to 8-bit 4:2:0 of the size and orientation that is asked for."""
        return self._has_planes

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _decode(self) -> Iterator[_Decoded]:
        """Decoded frames within [start, end), pts and duration in ticks of the stream."""
        for frame in self._deinterlaced(self._without_damaged_end(self._decode_packets())):
            pts, duration = self._timestamps.of(frame)
            time = pts * self._time_base
            if self._end is not None and time >= self._end:
                return
            if self._start is None or time >= self._start:
                if self._end is not None:
                    duration = min(duration, math.ceil((self._end - time) / self._time_base))
                yield _Decoded(frame, pts, duration)
        self._note_missing_end()

    def _decode_packets(self) -> Iterator[VideoFrame]:
        # The clock needs to see the sound as well.
        jumps = counts_from_anywhere(self._container)
        packets = self._container.demux(*timed_streams(self._container) if jumps else [self._stream])
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                # Nothing can be read past this point of the file; frames in the decoder are still good.
                self._note_unreadable()
                yield from self._decode_packet(None)
                return
            self._clock.correct(packet)
            if packet.stream is self._stream:
                yield from self._decode_packet(packet)

    def _decode_packet(self, packet: av.Packet[Any] | None) -> list[VideoFrame]:
        try:
            frames = self._stream.decode(packet)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            # A damaged picture; decoders find their feet again at the next key frame.
            self._note_unreadable()
            return []
        return [frame for frame in frames if isinstance(frame, VideoFrame)]

    def _without_damaged_end(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """Damage in the middle passes, as in any player, but a file that was cut off ends with its last whole frame."""
        damaged, first = None, True
        for frame in frames:
            if damaged is not None:
                yield damaged
            damaged = frame if frame.is_corrupt and not first else None
            if damaged is None:
                yield frame
            first = False
        if damaged is not None:
            self._note_unreadable()

    def _deinterlaced(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        for frame in frames:
            if self._deinterlacer is not None and not self._deinterlacer.takes(frame):
                yield from self._deinterlacer.push(None)
                self._deinterlacer = None
            if self._deinterlacer is None and frame.interlaced_frame:
                self._deinterlacer = _Deinterlacer(frame, self._time_base)
            if self._deinterlacer is None:
                yield frame
            else:
                yield from self._deinterlacer.push(frame)
        if self._deinterlacer is not None:
            yield from self._deinterlacer.push(None)

    def _note_unreadable(self) -> None:
        if self.unreadable_from is None:
            self.unreadable_from = max(0.0, float(self._timestamps.end * self._time_base - self._beginning))

    def _note_missing_end(self) -> None:
        """Truncated files end early rather than fail: hold what was decoded against what the index promises."""
        promised = self._promised_end()
        # Some slack, since containers round the length of a track.
        slack = Fraction(3, 4) / self._rate
        if promised is not None and self._timestamps.end * self._time_base + slack < promised:
            self._note_unreadable()

    def _promised_end(self) -> Fraction | None:
        """Seconds at which the last frame should end, as far as the container says."""
        if self._container.format.name in KNOWS_DURATIONS and self._stream.duration is not None:
            return ((self._stream.start_time or 0) + self._stream.duration) * self._time_base
        # Matroska writes down when the last frame of each track ends.
        tags = [tag for name, tag in self._stream.metadata.items() if name.startswith("DURATION")]
        clock = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", tags[0]) if tags else None
        if clock is None:
            return None
        return 3600 * Fraction(clock[1]) + 60 * Fraction(clock[2]) + Fraction(clock[3])

    def _to_planes(self, frame: VideoFrame) -> np.ndarray:
        size = self.format.width, self.format.height
        if frame.format.name not in PLANES or (frame.width, frame.height) != size:
            # U and V lie in turns; or the video has changed in its middle.
            describe_color(frame, self.color)
            frame = self._reformatter.reformat(
                frame,
                *size,
                format="yuv420p",
                dst_colorspace=SWSCALE_MATRIX.get(self.color.matrix, self.color.matrix),
                dst_color_range=ColorRange.JPEG if self.color.full_range else ColorRange.MPEG,
                interpolation=SCALING,
                threads=1,
            )
        return frame.to_ndarray()

    def _to_rgb(self, frame: VideoFrame) -> np.ndarray:
        width, height = self.format.width, self.format.height
        if self._turns % 2:
            width, height = height, width
        pixels = to_rgb(frame, self.color, width, height, self._reformatter)
        pixels = np.rot90(pixels, self._turns)
        return np.ascontiguousarray(pixels[:, ::-1] if self._mirrored else pixels)


@dataclass(frozen=True)
class _Decoded:
    """A frame with its pts and duration in ticks of the stream."""

    frame: VideoFrame
    pts: int
    duration: int


class _Deinterlacer:
    """Makes whole pictures of two fields, one for each frame; progressive frames pass unchanged."""

    def __init__(self, frame: VideoFrame, time_base: Fraction) -> None:
        self._shape = (frame.width, frame.height, frame.format.name)
        self._graph = Graph()
        self._graph.link_nodes(
            self._graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base),
            self._graph.add("bwdif", mode="send_frame", deint="interlaced"),
            self._graph.add("buffersink"),
        ).configure()

    def takes(self, frame: VideoFrame) -> bool:
        """Whether the frame has the size and format that this one was made for."""
        return (frame.width, frame.height, frame.format.name) == self._shape

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Frames that are ready once `frame` is known; all that are left for None."""
        self._graph.vpush(frame)
        with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
            while True:
                yield self._graph.vpull()


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How to set a frame upright: quarter turns counter-clockwise, and whether to mirror it left to right then."""
    try:
        side_data: Any = frame.side_data
        data = side_data[SideDataType.DISPLAYMATRIX]
    except (KeyError, ValueError):
        # None, or PyAV does not know some other kind of side data that the frame has.
        return round(frame.rotation / 90) % 4, False
    a, b, _, c, d = np.frombuffer(data, np.int32)[:5].astype(float)
    mirrored = a * d < b * c
    if mirrored:
        a = -a
    return round(-math.degrees(math.atan2(b, a)) / 90) % 4, bool(mirrored)


def _exact(seconds: float) -> Fraction:
    return Fraction(seconds).limit_denominator(1_000_000)
