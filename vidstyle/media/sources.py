"""Where frames come from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame

from vidstyle.errors import InputError, parameter
from vidstyle.media.color import has_alpha
from vidstyle.media.containers import (
    MICROSECOND,
    alpha_decoder,
    open_container,
    picture_seconds,
    picture_streams,
    plays_of,
    usual_rate,
)
from vidstyle.media.converting import FrameConverter
from vidstyle.media.cropping import crop_of
from vidstyle.media.frame import LARGEST_SIDE, SMALLEST_SIDE, Frame, VideoFormat
from vidstyle.media.frame_filters import Cropper, Deinterlacer
from vidstyle.media.marks import marks_of
from vidstyle.media.structure import MATROSKA, MP4, is_cut_off, track_end
from vidstyle.media.timestamps import Clock, GifClock, Timestamps, counts_from_anywhere, timed_streams

if TYPE_CHECKING:
    from vidstyle.media.device_pixels import DevicePixels

EACH_ITS_DURATION = frozenset({"gif", "apng"})
"""Containers that write down how long each frame is shown; others have when it begins."""


class FileSource:
    """The frames of a video file, in order, upright, in RGB, each with its own timestamp.

    Opening decodes the first frame, so that whatever is wrong with a file is known before anything is written.

    Args:
        path: the file.
        size: (width, height) of the frames to give; the file's own by default.
        scale: multiple of the file's own size to give, in place of `size`.
        start, end: part of the file to read, seconds from its beginning; whole by default.
        gpu: number of the CUDA device to decode on, where it can; the processor decodes if None.
        hdr: whether frames of PQ or HLG come with their `signal`, see Frame.

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
        hdr: bool = False,
    ) -> None:
        self.path, self._gpu, self._hdr = path, gpu, hdr
        self.planes = self.cut_out = False
        self.resident: str | None = None
        self.notes: list[str] = []
        self._open()
        try:
            self._go_to_first_frame(start, end)
            self.format = self._describe(size, scale)
        except BaseException:
            self.close()
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
        # Without it, FFmpeg takes less off the left side of a picture than the codec says, where that is faster.
        self._stream.codec_context.flags |= Flags.unaligned
        self._decoder = alpha_decoder(self._stream)
        self._rate = usual_rate(self.path, self._stream)
        self._time_base = self._stream.time_base or 1 / self._rate
        self._clock = GifClock() if self._container.format.name == "gif" else Clock(self._container)
        is_avi = self._container.format.name == "avi"
        self._timestamps = Timestamps(self._time_base, self._rate, decoding_order=is_avi)
        self.unreadable_from: float | None = None
        self._repeated_until = 0
        self._deinterlacer: Deinterlacer | None = None
        self._interlaced = False
        crop = crop_of(self.path, self._container, self._stream)
        self._cropper = None if crop is None else Cropper(crop, self._time_base)
        self._beginning = (self._container.start_time or 0) * MICROSECOND

    def _go_to_first_frame(self, start: float | Fraction | None, end: float | Fraction | None) -> None:
        self._start = None if start is None else self._beginning + _exact(start)
        self._end = None if end is None else self._beginning + _exact(end)
        sought = self._start is not None and self._container.format.name != "gif" and self._seek(self._start)
        self._decoded: Iterator[_Decoded] = self._decode()
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
        self._converter = FrameConverter(self.path, first.frame, hdr=self._hdr, notes=self.notes)
        self.color = self._converter.color
        self._first_size = first.frame.width, first.frame.height
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
        seconds = picture_seconds(self._container, self._stream)
        return f"; it is {seconds:.3f} s long" if seconds else ""

    def _describe(self, size: tuple[int, int] | None, scale: float | None) -> VideoFormat:
        assert self._pending is not None
        width, height = self._pending.frame.width, self._pending.frame.height
        pixel = self._stream.sample_aspect_ratio or Fraction(1)
        if self._converter.on_its_side:
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
        return VideoFormat(
            width=target[0],
            height=target[1],
            time_base=self._time_base,
            rate=self._rate,
            color=self._converter.written_color,
            sample_aspect_ratio=pixel.limit_denominator(255) if abs(pixel - 1) > 0.005 else Fraction(1),
            frames=self._expected_frames(),
            alpha=has_alpha(self._pending.frame),
            plays=plays_of(self.path) if self._container.format.name == "gif" else 0,
            marks=marks_of(self._pending.frame),
            mastering=self._converter.mastering,
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

    def __iter__(self) -> Iterator[Frame[Any]]:
        offset = round(self.origin / self._time_base)
        size, converter = (self.format.width, self.format.height), self._converter
        discontinuity = True
        while self._pending is not None:
            decoded = self._pending
            alpha = None
            pixels: Any
            if self.planes and self.resident:
                pixels = self._to_device(decoded.frame, self.resident)
            elif self.planes:
                pixels = converter.to_planes(decoded.frame, size)
            else:
                pixels, alpha = converter.to_rgb(decoded.frame, size, cut_out=self.cut_out)
            signal = None if converter.mastering is None else partial(converter.signal, decoded.frame, size)
            yield Frame(pixels, decoded.pts - offset, self._time_base, decoded.duration, discontinuity, alpha, signal)
            discontinuity = False
            self._pending = next(self._decoded, None)

    @property
    def has_planes(self) -> bool:
        """Whether frames are decoded to 8-bit 4:2:0 of the size and orientation that is asked for."""
        return self._converter.has_planes((self.format.width, self.format.height))

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
            part = FileSource(self.path, size=size, start=begin, end=end, gpu=self._gpu, hdr=self._hdr)
        except InputError:
            return None
        if part._pending is None or part._pending.pts - offset != pts or part._first_size != self._first_size:
            part.close()
            return None
        part.origin, part.format, part.color, part._converter = self.origin, self.format, self.color, self._converter
        part.planes, part.cut_out = self.planes, self.cut_out
        return part

    def close(self) -> None:
        """Let go of the file."""
        # A generator keeps the source that keeps it, and with both what decodes, until Python looks for such circles.
        self._decoded = iter(())
        self._container.close()

    def _decode(self) -> Iterator[_Decoded]:
        """Decoded frames within [start, end), each until the next one; pts and duration in ticks of the stream."""
        last: tuple[VideoFrame, int] | None = None
        end = None if self._end is None else math.ceil(self._end / self._time_base)
        for whole in self._deinterlaced(self._without_damaged_end(self._decode_packets())):
            pts = self._timestamps.of(whole)
            frame = whole if self._cropper is None else self._cropper(whole)
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
        if packet is not None and not packet.size and packet.pts is not None:
            # In Theora and AVI, the last frame goes on.
            self._repeated_until = packet.pts + (packet.duration or 0)
            return []
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
                self._deinterlacer = Deinterlacer(frame, self._time_base)
                self._interlaced = True
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
        end = None
        if self.unreadable_from is None:
            end = track_end(self.path, self._container, self._stream, self._time_base)
        ticks = 0 if end is None else round(end / self._time_base)
        return ticks if ticks > pts else max(pts + self._timestamps.usual_step, self._repeated_until)

    def _where_wanted(self, frame: VideoFrame) -> VideoFrame:
        """Left on the device that has decoded it if frames shall stay there."""
        if self._gpu is None:
            return frame
        from vidstyle.media.device_frames import downloaded, is_interleaved

        stays = self.resident is not None and is_interleaved(frame) and not frame.interlaced_frame
        untouched = self._deinterlacer is None and self._cropper is None
        return frame if stays and untouched else downloaded(frame)

    def _to_device(self, frame: VideoFrame, device: str) -> DevicePixels:
        from vidstyle.media.device_frames import downloaded, is_interleaved, planes_on_device
        from vidstyle.media.device_pixels import uploaded

        size = self.format.width, self.format.height
        if is_interleaved(frame) and (frame.width, frame.height) == size:
            return planes_on_device(frame)
        return uploaded(self._converter.to_planes(downloaded(frame), size), device)


@dataclass(frozen=True)
class _Decoded:
    """A frame with its pts and duration in ticks of the stream."""

    frame: VideoFrame
    pts: int
    duration: int


def _exact(seconds: float | Fraction) -> Fraction:
    return seconds if isinstance(seconds, Fraction) else Fraction(seconds).limit_denominator(1_000_000)
