"""Where frames come from."""

from __future__ import annotations

import contextlib
import math
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.codec.hwaccel import HWAccel
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.errors import InputError, parameter, reason
from vidstyle.media.color import (
    SCALING,
    YCGCO,
    UnreadColorsError,
    describe_color,
    has_alpha,
    over_white,
    settle_color,
    split_alpha,
    to_rgb,
)
from vidstyle.media.frame import (
    LARGEST_SIDE,
    MATRIX_BT709,
    SMALLEST_SIDE,
    SWSCALE_MATRIX,
    Color,
    Frame,
    VideoFormat,
    usual_matrix,
)
from vidstyle.media.hdr import NAMES as HDR_NAMES
from vidstyle.media.hdr import ToneMapper, peak_of
from vidstyle.media.structure import MATROSKA, MP4, is_cut_off, shown_until
from vidstyle.media.timestamps import Clock, Timestamps, counts_from_anywhere, timed_streams

if TYPE_CHECKING:
    from vidstyle.media.device_pixels import DevicePixels

DEFAULT_RATE = Fraction(25)
PLANES = frozenset({"yuv420p", "yuvj420p"})
"""Pixel formats whose planes a network can take as they are."""
INTERLEAVED = "nv12"
"""The same samples with U and V in turns, as GPUs decode."""
MICROSECOND = Fraction(1, 1_000_000)
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
EACH_ITS_DURATION = frozenset({"gif", "apng"})
"""Containers that write down how long each frame is shown; others have when it begins."""
FASTEST = Fraction(240)
"""Frames per second; what is told to be faster may be the clock rather than the rate."""
USUAL_RATES = tuple(
    Fraction(rate) for rate in (10, 12, 15, "24000/1001", 24, 25, "30000/1001", 30, 48, 50, "60000/1001", 60, 100, 120)
)
RATE_PACKETS = 60
"""Packets that show the rate where the container has none."""


def location(path: Path) -> str:
    """What FFmpeg calls a file: whole, since it takes `12:30 clip.mp4` for an address with the protocol `12`."""
    return str(path.absolute())


def open_container(path: Path, gpu: int | None = None, *, resident: bool = False) -> av.container.InputContainer:
    """Open a media file for reading; video is decoded on that CUDA device if it can, by the processor otherwise.

    resident: leave what a device decodes in its memory.

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
        hardware = HWAccel("cuda", str(gpu), allow_software_fallback=True, is_hw_owned=resident)
        # No such device, no decoder for this codec, or a file that is none: the processor will find out.
        with contextlib.suppress(av.error.FFmpegError, OSError, NotImplementedError, RuntimeError):
            return av.open(location(path), metadata_errors="replace", hwaccel=hardware)
    try:
        # A damaged tag is no reason to refuse a video.
        return av.open(location(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path}: not a video or picture that can be read ({reason(error)})") from error


def seconds_of(path: Path) -> float | None:
    """How long a video is, as its container says, without decoding anything; None if it does not, or cannot be read."""
    with contextlib.suppress(InputError, av.error.FFmpegError), open_container(path) as container:
        return float(container.duration * MICROSECOND) if container.duration else None
    return None


def plays_of(path: Path) -> int:
    """How often an animation is played; 0 is for ever.  FFmpeg does not tell; Pillow does."""
    from PIL import Image

    with contextlib.suppress(OSError, ValueError), Image.open(path, formats=("GIF", "PNG", "WEBP")) as image:
        loop = image.info.get("loop")
        if image.format == "GIF":
            # The extension of Netscape's says how often it is repeated; without it, it is not.
            return 1 if loop is None else loop and loop + 1
        return int(loop or 0)
    return 0


def picture_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video tracks, the one to paint first, without cover pictures and those whose codec is not known.

    It is the one that ffmpeg and players choose: the default one if there is such, then the largest, then the first.
    """

    def rank(stream: av.VideoStream) -> tuple[bool, bool, int]:
        moves = not stream.disposition & (Disposition.still_image | Disposition.timed_thumbnails)
        # AVIF lists a still before the animation that it belongs to.
        return moves, bool(stream.disposition & Disposition.default), stream.width * stream.height

    known = (s for s in container.streams.video if s.codec_context is not None)
    streams = [s for s in known if not s.disposition & Disposition.attached_pic]
    return sorted(streams, key=rank, reverse=True)


def usual_rate(path: Path, stream: av.VideoStream) -> Fraction:
    """Frames per second of a video; by its packets where the container tells its clock for a rate (DV, FLV, MKV)."""
    told = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
    if told <= FASTEST or stream.time_base is None:
        return told
    times: set[int] = set()
    with open_container(path) as container, contextlib.suppress(av.error.FFmpegError):
        for packet in islice(container.demux(container.streams[stream.index]), RATE_PACKETS):
            # Those of Matroska have no decoding times at their beginning.
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None:
                times.add(time)
    steps = [after - before for before, after in pairwise(sorted(times))]
    if not steps:
        return stream.guessed_rate if stream.guessed_rate and stream.guessed_rate <= FASTEST else DEFAULT_RATE
    # Clocks of milliseconds round every step.
    typical = [step for step in steps if abs(step - statistics.median(steps)) <= 2]
    return nearest_usual_rate(Fraction(len(typical), sum(typical)) / stream.time_base)


def nearest_usual_rate(rate: Fraction) -> Fraction:
    """A rate that was measured with a coarse clock as the one that cameras and players know, if there is one near."""
    near = min(USUAL_RATES, key=lambda usual: abs(usual - rate))
    return near if abs(near - rate) < rate / 200 else rate.limit_denominator(1001)


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
        resident: whether to give planes in the memory of a device, as torch names it, rather than the processor's; may
            be set before the first frame is taken, where `planes` is.
        cut_out: whether to give transparency as `alpha` of each frame, rather than to lay the picture on white; may be
            set where the format says that there is some.
        origin: seconds that have been taken off every timestamp; the sink takes them off the other tracks.
        unreadable_from: seconds from the file's beginning from where on it could not be read, None if it could to
            its end.
        notes: what a user should know of how it has been read, a line each.

    Raises:
        InputError: for a file without a picture to paint, and a `start` after its end.
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] | None = None,
        scale: float | None = None,
        start: float | Fraction | None = None,
        end: float | Fraction | None = None,
        gpu: int | None = None,
    ) -> None:
        self.path, self._gpu = path, gpu
        self.planes = self.cut_out = False
        self.resident: str | None = None
        self.notes: list[str] = []
        self._open()
        try:
            self._go_to_first_frame(start, end)
            self.format = self._describe(size, scale)
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        self._container = open_container(self.path, self._gpu, resident=self._gpu is not None)
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
        self._decoder = self._alpha_decoder()
        self._rate = usual_rate(self.path, self._stream)
        self._time_base = self._stream.time_base or 1 / self._rate
        self._clock = Clock(self._container)
        is_avi = self._container.format.name == "avi"
        self._timestamps = Timestamps(self._time_base, self._rate, decoding_order=is_avi)
        self.unreadable_from: float | None = None
        self._deinterlacer: _Deinterlacer | None = None
        self._interlaced = False
        self._reformatter = VideoReformatter()
        self._beginning = (self._container.start_time or 0) * MICROSECOND

    def _alpha_decoder(self) -> av.VideoCodecContext | None:
        """What decodes VP8 and VP9 with transparency, which FFmpeg's own decoders leave out."""
        name = ALPHA_DECODERS.get(self._stream.codec_context.name)
        tags = {tag.lower(): value for tag, value in self._stream.metadata.items()}
        if name is None or tags.get("alpha_mode") != "1" or name not in av.codecs_available:
            return None
        decoder = av.CodecContext.create(name, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        return decoder

    def _go_to_first_frame(self, start: float | Fraction | None, end: float | Fraction | None) -> None:
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
                until = "" if end is None else f" and before {parameter('end', float(end))} s"
                after = parameter("start", float(start or 0))
                raise InputError(f"{self.path}: nothing to paint after {after} s{until}{self._length()}")
            raise InputError(f"{self.path}: no frame of it can be decoded")
        self._pending: _Decoded | None = first
        try:
            self.color = settle_color(first.frame)
        except UnreadColorsError as error:
            raise InputError(f"{self.path}: {error}") from error
        self._tone: ToneMapper | None = None
        if self.color.transfer in HDR_NAMES:
            self._tone = ToneMapper(self.color, peak_of(first.frame))
            name = HDR_NAMES[self.color.transfer]
            self.notes.append(f"{self.path}: its high dynamic range ({name}) is painted and written as ordinary BT.709")
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
        width, height = self._first_size = self._pending.frame.width, self._pending.frame.height
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
                    f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels, see {parameter('size')}"
                )
        # Whatever the size, the picture keeps its shape on the screen.
        pixel *= Fraction(width, height) / Fraction(*target)
        self._has_planes = (
            self._pending.frame.format.name in PLANES | {INTERLEAVED}
            and self.color.matrix != YCGCO
            and self._tone is None
            and target == (self._pending.frame.width, self._pending.frame.height)
            and not (target[0] % 2 or target[1] % 2 or self._turns or self._mirrored)
        )
        return VideoFormat(
            width=target[0],
            height=target[1],
            time_base=self._time_base,
            rate=self._rate,
            color=self._written_color(),
            sample_aspect_ratio=pixel.limit_denominator(255) if abs(pixel - 1) > 0.005 else Fraction(1),
            frames=self._expected_frames(),
            alpha=has_alpha(self._pending.frame),
            plays=plays_of(self.path) if self._container.format.name == "gif" else 0,
        )

    def _written_color(self) -> Color:
        """The source's own, where that can be written."""
        if self._tone is not None:
            return Color(MATRIX_BT709, primaries=MATRIX_BT709, transfer=MATRIX_BT709)
        if self.color.matrix == YCGCO:
            return replace(self.color, matrix=usual_matrix(self._pending.frame.height if self._pending else 0))
        return self.color

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

    def __iter__(self) -> Iterator[Frame[Any]]:
        offset = round(self.origin / self._time_base)
        discontinuity = True
        while self._pending is not None:
            decoded = self._pending
            alpha = None
            pixels: Any
            if self.planes and self.resident:
                pixels = self._to_device(decoded.frame, self.resident)
            elif self.planes:
                pixels = self._to_planes(decoded.frame)
            else:
                pixels, alpha = self._to_rgb(decoded.frame)
            yield Frame(pixels, decoded.pts - offset, self._time_base, decoded.duration, discontinuity, alpha)
            discontinuity = False
            self._pending = next(self._decoded, None)

    @property
    def has_planes(self) -> bool:
        """Whether frames are decoded to 8-bit 4:2:0 of the size and orientation that is asked for."""
        return self._has_planes

    @property
    def first_pts(self) -> int:
        """pts of the first frame; known until it has been read."""
        assert self._pending is not None
        return self._pending.pts - round(self.origin / self._time_base)

    @property
    def can_begin_anywhere(self) -> bool:
        """Whether frames from any one on are decoded as they are after all those before; known once they have been."""
        whole = self._container.format.name in {MP4, MATROSKA} and not counts_from_anywhere(self._container)
        return whole and not self._interlaced

    def reopened(self, pts: int, until: int | None = None) -> FileSource | None:
        """The same video from a frame on, which has that pts here, up to another; None if it cannot be found.

        Frames have the times that they have here.
        """
        offset, base = round(self.origin / self._time_base), self._time_base
        begin = (pts + offset) * base - self._beginning
        end = self._end if until is None else (until + offset) * base
        end = None if end is None else end - self._beginning
        size = self.format.width, self.format.height
        try:
            part = FileSource(self.path, size=size, start=begin, end=end, gpu=self._gpu)
        except InputError:
            return None
        if part._pending is None or part._pending.pts - offset != pts or part._first_size != self._first_size:
            part.close()
            return None
        part.origin, part.format, part.color, part._tone = self.origin, self.format, self.color, self._tone
        part.planes, part.cut_out = self.planes, self.cut_out
        return part

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _decode(self) -> Iterator[_Decoded]:
        """Decoded frames within [start, end), each until the next one; pts and duration in ticks of the stream."""
        last: tuple[VideoFrame, int] | None = None
        end = None if self._end is None else math.ceil(self._end / self._time_base)
        for frame in self._deinterlaced(self._without_damaged_end(self._decode_packets())):
            pts = self._timestamps.of(frame)
            if last is not None:
                until = pts if end is None else min(pts, end)
                yield _Decoded(*last, until - last[1])
            last = None
            if end is not None and pts >= end:
                return
            if self._start is None or pts * self._time_base >= self._start:
                last = frame, pts
        self._note_missing_end()
        if last is not None:
            frame, pts = last
            until = self._last_end(pts)
            yield _Decoded(frame, pts, (until if end is None else max(pts + 1, min(until, end))) - pts)

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
                self._timestamps.note_packet(packet.dts)
                yield from self._decode_packet(packet)

    def _decode_packet(self, packet: av.Packet[Any] | None) -> list[VideoFrame]:
        try:
            frames = self._stream.decode(packet) if self._decoder is None else self._decoder.decode(packet)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            # A damaged picture; decoders find their feet again at the next key frame.
            self._note_unreadable()
            return []
        pictures = [self._where_wanted(frame) for frame in frames if isinstance(frame, VideoFrame)]
        if self._decoder is not None:
            for picture in pictures:
                picture.time_base = self._time_base
        return pictures

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
                self._interlaced = True
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
        """Files that were cut off end early rather than fail."""
        if is_cut_off(self.path, self._container, self._stream):
            self._note_unreadable()

    def _last_end(self, pts: int) -> int:
        """Ticks at which the last frame, which begins at `pts`, ends."""
        if self._container.format.name in EACH_ITS_DURATION:
            return self._timestamps.end
        end = None if self.unreadable_from is not None else self._track_end()
        ticks = 0 if end is None else round(end / self._time_base)
        return ticks if ticks > pts else pts + self._timestamps.usual_step

    def _track_end(self) -> Fraction | None:
        """Seconds at which the track ends, as far as the container says."""
        name = self._container.format.name
        if name in {MP4, "avi"}:
            if self._stream.duration is None:
                return None
            # In MP4 a sum over frames in decoding order, where the last one to be shown need not be the last one.
            summed = ((self._stream.start_time or 0) + self._stream.duration) * self._time_base
            edited = shown_until(self.path, self._stream.id) if name == MP4 else None
            # The edit list is right always, but its clock may be coarse.
            return summed if edited is None or abs(edited[0] - summed) < edited[1] else edited[0]
        if name == MATROSKA:
            # It writes down when the last frame of each track ends.
            tags = [tag for key, tag in self._stream.metadata.items() if key.startswith("DURATION")]
            if tags and (clock := re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", tags[0])):
                return 3600 * Fraction(clock[1]) + 60 * Fraction(clock[2]) + Fraction(clock[3])
            if len(self._container.streams) == 1 and self._container.duration:
                return self._container.duration * MICROSECOND
        return None

    def _where_wanted(self, frame: VideoFrame) -> VideoFrame:
        """Left on the device that has decoded it if frames shall stay there."""
        if self._gpu is None:
            return frame
        from vidstyle.media.device_frames import downloaded, is_interleaved

        stays = self.resident is not None and is_interleaved(frame) and not frame.interlaced_frame
        return frame if stays and self._deinterlacer is None else downloaded(frame)

    def _to_device(self, frame: VideoFrame, device: str) -> DevicePixels:
        from vidstyle.media.device_frames import downloaded, is_interleaved, planes_on_device
        from vidstyle.media.device_pixels import uploaded

        if is_interleaved(frame) and (frame.width, frame.height) == (self.format.width, self.format.height):
            return planes_on_device(frame)
        return uploaded(self._to_planes(downloaded(frame)), device)

    def _to_planes(self, frame: VideoFrame) -> np.ndarray:
        size = self.format.width, self.format.height
        if (frame.width, frame.height) != size:
            # The video has changed in its middle.
            frame = VideoFrame.from_ndarray(self._fitted(frame, size), "rgb24")
            frame.color_range = ColorRange.JPEG
        elif frame.format.name in PLANES:
            return frame.to_ndarray()
        else:
            describe_color(frame, self.color)  # U and V lie in turns
        frame = self._reformatter.reformat(
            frame,
            format="yuv420p",
            dst_colorspace=SWSCALE_MATRIX.get(self.color.matrix, self.color.matrix),
            dst_color_range=ColorRange.JPEG if self.color.full_range else ColorRange.MPEG,
            interpolation=SCALING,
            threads=1,
        )
        return frame.to_ndarray()

    def _to_rgb(self, frame: VideoFrame) -> tuple[np.ndarray, np.ndarray | None]:
        size = self.format.width, self.format.height
        if self._turns % 2:
            size = size[::-1]
        alpha = None
        if self.cut_out and has_alpha(frame):
            pixels, alpha = split_alpha(to_rgb(frame, self.color, frame.width, frame.height, self._reformatter), size)
            alpha = self._upright(alpha)
        elif (frame.width, frame.height) != self._first_size:
            pixels = self._fitted(frame, size)
        else:
            pixels = self._converted(frame, size)
        return self._upright(pixels), alpha

    def _converted(self, frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
        """RGB (height, width, 3) uint8 of a frame, scaled to (width, height)."""
        if self._tone is not None:
            return self._tone(frame, *size)
        pixels = to_rgb(frame, self.color, *size, self._reformatter)
        return over_white(pixels) if pixels.shape[2] == 4 else pixels

    def _fitted(self, frame: VideoFrame, size: tuple[int, int]) -> np.ndarray:
        """The same of a frame of another size than the first, its shape kept by black bars."""
        width, height = self._first_size
        scale = min(Fraction(width, frame.width), Fraction(height, frame.height))
        inner = tuple(
            max(1, min(whole, round(side * scale * whole / first)))
            for side, whole, first in zip((frame.width, frame.height), size, self._first_size, strict=True)
        )
        note = (
            f"{self.path}: changes to {frame.width}x{frame.height} in its course, which is fitted into {width}x{height}"
        )
        if note not in self.notes:
            self.notes.append(note)
        canvas = np.zeros((size[1], size[0], 3), np.uint8)
        left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        canvas[top : top + inner[1], left : left + inner[0]] = self._converted(frame, (inner[0], inner[1]))
        return canvas

    def _upright(self, pixels: np.ndarray) -> np.ndarray:
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


def _exact(seconds: float | Fraction) -> Fraction:
    return seconds if isinstance(seconds, Fraction) else Fraction(seconds).limit_denominator(1_000_000)
