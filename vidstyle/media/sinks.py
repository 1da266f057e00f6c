"""Where frames go to."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame

from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.media.bit_rates import BitRate
from vidstyle.media.codecs import choose_codec, encoder_options, joined, on_gpu, opens, quality_options
from vidstyle.media.color import WHITE
from vidstyle.media.containers import location
from vidstyle.media.encoder_pictures import EncodedFormat, EncoderPictures
from vidstyle.media.frame import Frame, Mastering, VideoFormat
from vidstyle.media.hdr import light_options
from vidstyle.media.marks import names_of, written
from vidstyle.media.output_containers import (
    CONTAINER_OPTIONS,
    PLAYS_OPTIONS,
    movie_timescale,
    open_for_writing,
)
from vidstyle.media.recording_file import SURVIVING, RecordingFile, plays
from vidstyle.media.scheduling import usual_scheduling
from vidstyle.media.spool import OnePalette
from vidstyle.media.structure import finish_animation
from vidstyle.media.tracks import WITH_EDIT_LISTS, Tracks
from vidstyle.output_files import DISK_FULL, Part

if TYPE_CHECKING:
    from vidstyle.media.device_frames import DeviceEncoding

ABORT_SECONDS = 0.2
LONGEST_DURATION = 2**30
"""Ticks of a packet, where FFmpeg allows 2^31 of a clock that may be finer."""
SHORTEST_GIF_STEP = 2
"""Hundredths of a second."""
STILL_SUFFIXES = frozenset({".avif"})
"""Pictures that move, which no GPU has been seen to write."""
X265_DELAY = 2
"""Frames by which x265's decoding times are behind."""


class FileSink:
    """Encodes frames into a video file, with the other tracks of its source.

    The file is written beside `path` and renamed on `close`; `abort` leaves nothing.  One that is to survive is worth
    something at any time: it keeps what was written until a disk was full, and a run that is killed leaves it beside
    `path` (vidstyle.media.recording_file).

    Args:
        path: the file; its suffix chooses the container.
        video: what the frames are like.
        codec: key of vidstyle.media.codecs.CODECS; chosen by the container if None.
        quality: the codec's CRF or quantiser, smaller is better; a sane default, less `finer`, if None.
        bit_rate: takes the place of quality.
        tracks: makes the tracks that come along, given the output container; None where there are none.
        overwrite: whether an existing file may be replaced.
        gpu: number of the CUDA device to encode on, where it can; the processor encodes if None.
        resident: frames will come as planes in that device's memory, and stay there where it encodes.
        survives: whether half of it is better than nothing, as of what will never be seen again.
        background: what transparent frames are laid on where codec or container have no transparency.
        strength: how much of frames in high dynamic range has been painted, 0 to 1; the rest stays exactly as it was.

    Raises:
        InputError: for a container or codec that cannot be used.
    """

    def __init__(
        self,
        path: Path,
        video: VideoFormat,
        *,
        codec: str | None = None,
        quality: int | None = None,
        finer: int = 0,
        bit_rate: BitRate | None = None,
        tracks: Callable[[av.container.OutputContainer], Tracks | None] | None = None,
        overwrite: bool = False,
        gpu: int | None = None,
        resident: bool = False,
        survives: bool = False,
        background: tuple[int, int, int] = WHITE,
        strength: float = 1.0,
    ) -> None:
        self.path, self._overwrite = path, overwrite
        hdr = video.mastering is not None
        self._codec_name, self._codec = choose_codec(codec, path, alpha=video.alpha, hdr=hdr)
        self._device: DeviceEncoding | None = None
        # The encoders of GPUs cannot say what display a video was mastered on.
        if gpu is not None and not hdr and path.suffix.lower() not in STILL_SUFFIXES:
            encoding = on_gpu(self._codec_name, video.width, video.height)
            self._codec = encoding or self._codec
            if encoding is not None and resident:
                from vidstyle.media.device_frames import DeviceEncoding

                device = DeviceEncoding(gpu)
                if opens(encoding, video.width, video.height, device.accelerator()):
                    self._device = device
        full_range = video.color.full_range and self._codec.tells_range
        self.video = replace(video, color=replace(video.color, full_range=full_range))
        options = encoder_options(self._codec, video.width, video.height)
        if bit_rate is None:
            options = joined(options, quality_options(self._codec_name, self._codec, quality, finer))
        else:
            options = joined(options, bit_rate.options(self._codec_name, self._codec))
        self._palette: OnePalette | None = None
        self._tracks: Tracks | None = None
        self._durations: dict[int | None, int] = {}  # of the frames in the encoder, by pts
        self._first_pts = self._end = 0
        self._first_dts: int | None = None
        self._last_pts: int | None = None
        self._frames = 0
        self._finished = self._aborted = False
        # A stopped run aborts from another thread than the one that encodes.
        self._encoding = threading.Lock()
        self._recording = RecordingFile(path) if survives else None
        self._part = self._recording or self._new_part()
        self._partial = self._part.path
        # SVT-AV1 reads from nowhere else how much to print.
        os.environ.setdefault("SVT_LOG", "0")
        try:
            self._container = self._open_container()
            self._pictures = EncoderPictures(self._encoded, self._device, background, strength)
        except BaseException:
            self._part.discard()
            raise
        try:
            if self._codec.encoder == "gif":
                self._palette = OnePalette(path)
            self._stream = self._add_stream(options)
            self._tracks = tracks(self._container) if tracks else None
            self._write_header()
        except BaseException:
            self.abort()
            raise

    @property
    def width(self) -> int:
        """Pixels of the output, after rounding up to what the codec takes."""
        return self._stream.width

    @property
    def height(self) -> int:
        """See `width`."""
        return self._stream.height

    @property
    def notes(self) -> list[str]:
        """What a user should know of what has become otherwise, a line each."""
        notes = list(self._tracks.notes) if self._tracks else []
        if self._encoded.coded_size != self._encoded.size:
            (width, height), (asked_width, asked_height) = self._encoded.coded_size, self._encoded.size
            even = f"{self._codec_name} takes even sides"
            notes.append(f"{self.path}: {width}x{height} in place of {asked_width}x{asked_height}: {even}")
        if self._pictures.laid_down:
            notes.append(f"{self.path}: has no transparency as {self._codec_name}; the painting lies on the background")
        if self._unmarked:
            notes.append(f"{self.path}: is not marked as {' and '.join(self._unmarked)}; tell the player")
        mastering = self.video.mastering
        told = mastering is not None and mastering != Mastering()
        if mastering and told and not light_options(self._codec.encoder, mastering):
            notes.append(f"{self.path}: {self._codec_name} does not say what display it was mastered on")
        return notes

    def _new_part(self) -> Part:
        """What is written until it is complete."""
        return Part(self.path)

    def _destination(self) -> Any:
        """What the container is written to."""
        return self._recording or location(self._partial)

    def _open_container(self) -> av.container.OutputContainer:
        container = open_for_writing(self._destination(), self.path, self._codec_name, self._codec)
        name, times = container.format.name, self.video.plays
        container.container_options.update(CONTAINER_OPTIONS.get(name, {}))
        container.container_options.update(SURVIVING.get(name, {}) if self._recording else {})
        if name in PLAYS_OPTIONS:
            # A GIF says how often it is repeated, and without it, it is not.
            times = times if name != "gif" else -1 if times == 1 else max(0, times - 1)
            container.container_options[PLAYS_OPTIONS[name]] = str(times)
        self._encoded = EncodedFormat(self.video, self._codec, name, resident=self._device is not None)
        if name in WITH_EDIT_LISTS:
            # Edit lists are written in it, and milliseconds would round the end of the video.
            container.container_options["movie_timescale"] = str(movie_timescale(self._encoded.time_base))
        return container

    def _add_stream(self, options: dict[str, str]) -> av.VideoStream:
        video, color = self.video, self.video.color
        if self._encoded.alpha:
            options = joined(options, self._codec.alpha_options)
        tags, marking, unmarked = written(video.marks, self._container.format.name, self._codec.encoder)
        self._unmarked = names_of(unmarked)
        for more in (light_options(self._codec.encoder, video.mastering or Mastering()), marking):
            options = joined(options, more)
        accelerator = None if self._device is None else self._device.accelerator()
        stream = self._container.add_stream(self._codec.encoder, rate=video.rate, options=options, hwaccel=accelerator)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = self._encoded.coded_size
        stream.pix_fmt = self._encoded.pixel_format
        stream.metadata.update(tags)
        context = stream.codec_context
        context.time_base = self._encoded.time_base
        # Without it an encoder makes durations up from the average rate.
        context.flags |= Flags.frame_duration
        if video.sample_aspect_ratio != 1 and not self._encoded.squares_pixels:
            context.sample_aspect_ratio = video.sample_aspect_ratio
        context.colorspace, context.color_range = self._encoded.matrix_and_range
        context.color_primaries, context.color_trc = color.primaries, color.transfer
        context.thread_type = "AUTO"
        if self._codec.encoder in {"libx265", "hevc_nvenc"} and self._container.format.name in {"mp4", "mov"}:
            # The tag that Apple's players ask for.
            context.codec_tag = "hvc1"
        return stream

    def _write_header(self) -> None:
        """Early, since it opens the encoders, and creates the file, which must not happen after `abort`."""
        with self._disk_errors(), usual_scheduling():
            try:
                self._container.start_encoding()
            except OSError:
                raise
            except av.error.FFmpegError as error:
                if self._recording is not None and self._recording.failure is not None:
                    raise
                if self._stream.codec_context.is_open:
                    said = f"{self._container.format.name} refuses what is to go into it ({reason(error)})"
                    raise InputError(f"{self.path}: {said}; choose another suffix") from error
                said = "{} cannot be written at {}x{}".format(self._codec_name, *self._encoded.size)
                raise InputError(
                    f"{self.path}: {said}; choose another {parameter('size')} or {parameter('codec')}"
                ) from error

    def write(self, frame: Frame[Any]) -> None:
        """Encode one frame: RGB of any size, or planes where `file_takes_planes` says so, in whatever memory.

        Raises:
            InputError: when the disk is full.
            VidstyleError: when it cannot be written for another reason, and after `abort`.
        """
        with self._encoding, self._disk_errors():
            if self._is_due(frame):
                picture = self._timed(self._pictures(frame), frame)
                if self._palette is None:
                    self._encode(picture)
                elif self._aborted:
                    raise VidstyleError(f"{self.path}: writing it was aborted")
                else:
                    self._palette.add(picture)
            if self._tracks:
                self._tracks.copy_until(frame.time)

    def _encode(self, picture: VideoFrame | None) -> None:
        if self._aborted:
            raise VidstyleError(f"{self.path}: writing it was aborted")
        packets = self._stream.encode(picture)
        for packet in packets:
            # Not every encoder hands durations on.
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            if self._codec.encoder == "libx265" and self._frames <= X265_DELAY:
                # x265 leaves the decoding times of so short a video to chance; it has no B-frames.
                packet.dts = packet.pts
            self._first_dts = packet.dts if self._first_dts is None else self._first_dts
        self._mux(packets, last=picture is None)

    def _mux(self, packets: list[av.Packet[Any]], *, last: bool) -> None:
        """Write what the encoder has made; last: whether these are the last ones."""
        if last and packets:
            self._stretch(packets[-1])
        self._container.mux(packets)

    def _stretch(self, last: av.Packet[Any]) -> None:
        """MP4 adds durations up in decoding order, where the last frame to be shown need not be the last one."""
        if self._container.format.name not in WITH_EDIT_LISTS or last.dts is None or self._first_dts is None:
            return
        # FFmpeg takes the end of what is shown from each packet's pts and duration: that must not move with it.
        if last.pts is not None:
            last.dts = max(last.dts, last.pts - (self._first_pts - self._first_dts))
        left = self._end - self._first_pts - (last.dts - self._first_dts)
        # Where decoding has caught up with what is shown, after a pause, nothing is left: then its own duration does.
        if left > 0:
            last.duration = min(left, LONGEST_DURATION)

    def close(self) -> None:
        """Finish the file and give it its name; nothing to do where a full disk has kept what there was.

        Raises:
            InputError: when the disk is full.
            VidstyleError: when no frame was written, and for what else `write` raises it.
        """
        try:
            with self._encoding, self._disk_errors():
                if self._finished:
                    return
                if self._last_pts is None:
                    raise VidstyleError(f"{self.path}: there was no frame to write")
                for picture in self._palette or ():
                    self._encode(picture)
                self._encode(None)
                if self._tracks:
                    self._tracks.finish()
                name = self._container.format.name
                self._container.close()
                if name in {"apng", "webp"}:
                    last = round(1000 * (self._end - self._last_pts) * self._encoded.time_base)
                    finish_animation(self._partial, last, alpha=self._encoded.alpha)
                self._publish()
        finally:
            self.abort()

    def abort(self) -> None:
        """Let go of everything and remove what was written, unless `close` has finished.

        May be called from any thread, at any time, and more than once.
        """
        self._aborted = True
        if not self._finished:
            self._part.discard()
        # A frame that takes longer than this to encode keeps its encoder; the file is gone all the same.
        if self._encoding.acquire(timeout=ABORT_SECONDS):
            try:
                if self._palette:
                    self._palette.discard()
                if self._tracks:
                    self._tracks.close()
                with contextlib.suppress(av.error.FFmpegError, OSError):
                    self._container.close()
            finally:
                self._encoding.release()

    def _publish(self) -> None:
        # Whatever happens now, what cannot be recorded again is not removed.
        self._finished = self._recording is not None
        self._part.publish(overwrite=self._overwrite)
        self._finished = True

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.error.FFmpegError) as raised:
            # FFmpeg has an error of its own for what our file has raised.
            error = (self._recording and self._recording.failure) or raised
            if not isinstance(error, OSError):
                sound = f"; its sound may be damaged, see {parameter('audio')}" if self._tracks else ""
                raise VidstyleError(f"{self.path}: cannot be written: {reason(error)}{sound}") from error
            left = "nothing was written"
            if self._recording is not None and not self._finished and plays(self._partial):
                self._publish()
                left = "it has what was recorded until then"
            if error.errno in DISK_FULL:
                raise InputError(f"{self.path}: no space left on the disk; {left}") from error
            if error.errno == errno.EFBIG:
                raise InputError(f"{self.path}: grew too large for the disk; {left}") from error
            raise VidstyleError(f"{self.path}: cannot be written: {error.strerror}") from error

    def _timed(self, picture: VideoFrame, frame: Frame[Any]) -> VideoFrame:
        # Ticks of some containers are so coarse that two frames can fall into one.
        earliest = -(2**62) if self._last_pts is None else self._last_pts + 1
        ticks = frame.time_base / self._encoded.time_base
        picture.pts, picture.time_base = max(earliest, round(frame.pts * ticks)), self._encoded.time_base
        picture.duration = max(self._shortest, round(frame.duration * ticks))
        if self._last_pts is None:
            self._first_pts = picture.pts
        self._last_pts, self._end = picture.pts, picture.pts + picture.duration
        self._durations[picture.pts] = picture.duration
        self._frames += 1
        return picture

    @property
    def _shortest(self) -> int:
        """Ticks that a frame lasts at least."""
        return SHORTEST_GIF_STEP if self._codec.encoder == "gif" else 0

    def _is_due(self, frame: Frame[Any]) -> bool:
        """Whether a GIF, whose readers take shorter steps for long ones, has room for a frame yet.

        If not, the last one is shown until this one ends.
        """
        if self._codec.encoder != "gif" or self._last_pts is None:
            return True
        ticks = frame.time_base / self._encoded.time_base
        if round(frame.pts * ticks) >= self._last_pts + SHORTEST_GIF_STEP:
            return True
        self._end = max(self._end, round((frame.pts + frame.duration) * ticks))
        self._durations[self._last_pts] = self._end - self._last_pts
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close() if kind is None else self.abort()
