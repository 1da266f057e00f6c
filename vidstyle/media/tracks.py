"""Everything of a source but its picture: audio, subtitles, chapters, tags."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.audio.resampler import AudioResampler
from av.subtitles.stream import SubtitleStream

from vidstyle.media.codecs import codecs_taken
from vidstyle.media.sources import MICROSECOND, open_container, picture_streams
from vidstyle.media.timestamps import Clock, counts_from_anywhere, timed_streams

AHEAD = 1.0
"""Seconds by which the other tracks may run ahead of the picture."""
BEFORE = Fraction(2)
"""Seconds before the time sought from which to look for packets: containers interleave tracks loosely."""
WARM_UP = Fraction(1, 10)
"""Seconds of sound before 0 that a decoder may need."""
WITH_EDIT_LISTS = frozenset({"mp4", "mov", "ipod"})
"""Containers that can say what is to be decoded but not heard."""
AUDIO_ENCODERS = {"webm": "libopus", "ogg": "libopus"}
"""What audio is encoded to where a container does not take the source's codec; AAC elsewhere."""
OPUS_RATE = 48000
USUAL_LAYOUTS = ("7.1", "5.1", "5.0", "quad", "3.0", "stereo", "mono")
STALE_TAGS = ("duration", "bps", "number_of_", "_statistics_", "encoder")
"""Beginnings of the names of tags that were true of the old file only."""


class Tracks(Protocol):
    """What comes into a file beside its picture, written while the picture is.

    Attributes:
        notes: what a user should know of it, a line each.
    """

    notes: list[str]

    def copy_until(self, seconds: float) -> None:
        """Write what there is up to about `seconds` of the output."""

    def finish(self) -> None:
        """Write what is left."""

    def close(self) -> None:
        """Let go of where it comes from."""


class OtherTracks:
    """Copies the audio and subtitle tracks, chapters and tags of a file into an open output container.

    Reads the file a second time, alongside whoever decodes its pictures, so that neither waits for the other.

    Args:
        path: the source.
        output: the container to write into; its video stream exists already.
        origin: seconds to take off every timestamp.
        start, end: what to copy, seconds from the file's beginning.
        audio: whether audio and subtitles come along, or tags and chapters only.

    Attributes:
        notes: a line for each track that could not be copied as it is.
    """

    def __init__(
        self,
        path: Path,
        output: av.container.OutputContainer,
        *,
        origin: Fraction = Fraction(0),
        start: float | None = None,
        end: float | None = None,
        audio: bool = True,
    ) -> None:
        self.notes: list[str] = []
        self._output, self._origin = output, origin
        self._input = open_container(path)
        beginning = (self._input.start_time or 0) * MICROSECOND
        self._start = None if start is None else origin
        self._end = None if end is None else beginning + Fraction(end).limit_denominator(1_000_000)
        self._copies: dict[int, _Copy | _Encode] = {}
        self._add_streams(audio)
        self._copy_tags()
        self._packets = self._demux() if self._copies else iter(())
        self._pending: av.Packet[Any] | None = None

    def _add_streams(self, audio: bool) -> None:
        for stream in self._input.streams:
            if audio and isinstance(stream, av.AudioStream | SubtitleStream):
                self._add_stream(stream)

    def _add_stream(self, stream: av.AudioStream | SubtitleStream) -> None:
        taken, container = codecs_taken(self._output), self._output.format.name
        what = "audio" if isinstance(stream, av.AudioStream) else "subtitles"
        if stream.codec_context is None:
            self.notes.append(f"{what} (track {stream.index}) left out: its codec is not known")
            return
        if isinstance(stream, av.AudioStream) and not (stream.codec_context.layout.nb_channels and stream.rate):
            # A few flipped bits; no muxer takes it, and no encoder either.
            self.notes.append(f"{what} (track {stream.index}) left out: it has no channels or no sampling rate")
            return
        codec = stream.codec_context.codec.canonical_name
        encoder = AUDIO_ENCODERS.get(container, "aac")
        if {codec, stream.codec_context.name} & taken:
            self._copies[stream.index] = _Copy(self._output, stream)
        elif isinstance(stream, av.AudioStream) and encoder in taken:
            self._copies[stream.index] = _Encode(self._output, stream, encoder)
            self.notes.append(
                f"{what} (track {stream.index}) encoded anew as {encoder.removeprefix('lib')}: "
                f"{container} does not take {codec}"
            )
        else:
            self.notes.append(f"{what} (track {stream.index}) left out: {container} does not take {codec}")

    def _copy_tags(self) -> None:
        # What the muxer writes by itself.
        own = {"major_brand", "minor_version", "compatible_brands"}
        tags = lasting_tags(self._input.metadata)
        self._output.metadata.update({name: tag for name, tag in tags.items() if name.lower() not in own})
        for picture in picture_streams(self._input)[:1]:
            self._output.streams.video[0].metadata.update(
                {name: tag for name, tag in picture.metadata.items() if name in {"language", "title"}}
            )
        self._copy_chapters()

    def _copy_chapters(self) -> None:
        chapters = []
        for chapter in self._input.chapters():
            base = chapter["time_base"] or MICROSECOND
            first = max(chapter["start"] * base, self._start or 0) - self._origin
            last = chapter["end"] * base
            last = (last if self._end is None else min(last, self._end)) - self._origin
            if first < last:
                chapters.append(chapter | {"start": max(0, round(first / base)), "end": round(last / base)})
        self._output.set_chapters(chapters)

    def _demux(self) -> Iterator[av.Packet[Any]]:
        if self._start is not None:
            self._seek(self._start - BEFORE)
        clock = Clock(self._input)
        streams = {self._input.streams[index] for index in self._copies}
        timed = timed_streams(self._input) if counts_from_anywhere(self._input) else []
        try:
            for packet in self._input.demux(*sorted(streams.union(timed), key=lambda stream: stream.index)):
                clock.correct(packet)
                timed_packet = packet.size and (packet.pts is not None or packet.dts is not None)
                if packet.stream in streams and timed_packet and self._within(packet):
                    yield packet
        except av.error.FFmpegError:
            # The file ends early; the picture's source says so.
            return

    def _seek(self, time: Fraction) -> None:
        try:
            self._input.seek(int(time / MICROSECOND), backward=True)
        except (av.error.FFmpegError, OSError):
            # Then from the beginning.
            path = Path(self._input.name)
            self._input.close()
            self._input = open_container(path)

    def _within(self, packet: av.Packet[Any]) -> bool:
        time = _time(packet)
        if self._start is not None and time < self._start:
            return False
        if self._output.format.name not in WITH_EDIT_LISTS:
            end = time + (packet.duration or 0) * packet.time_base
            if end <= self._origin - WARM_UP:
                return False
        return self._end is None or time < self._end

    def copy_until(self, seconds: float) -> None:
        """Write everything up to a little after `seconds` of the output."""
        while True:
            packet, self._pending = self._pending or next(self._packets, None), None
            if packet is None:
                return
            if _time(packet) - self._origin > seconds + AHEAD:
                self._pending = packet
                return
            self._copies[packet.stream.index].write(packet, self._origin)

    def finish(self) -> None:
        """Write what is left."""
        self.copy_until(float("inf"))
        for copy in self._copies.values():
            copy.finish()

    def close(self) -> None:
        """Let go of the source."""
        self._input.close()


def _time(packet: av.Packet[Any]) -> Fraction:
    ticks = packet.pts if packet.pts is not None else packet.dts
    assert ticks is not None
    return ticks * packet.time_base


def lasting_tags(tags: dict[str, str]) -> dict[str, str]:
    """Those tags of a file or track that hold for a copy that is encoded anew or shorter."""
    return {name: tag for name, tag in tags.items() if not name.lower().startswith(STALE_TAGS)}


class _Copy:
    """One track, packet for packet."""

    def __init__(self, output: av.container.OutputContainer, stream: av.stream.Stream) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream, opaque=True)
        if isinstance(stream, av.AudioStream) and isinstance(self._stream, av.AudioStream):
            # Matroska need not say which channels there are, and MP4 must, which shows at its very end only.
            self._stream.codec_context.layout = _settled_layout(stream.codec_context.layout)
        self._stream.metadata.update(lasting_tags(stream.metadata))
        self._stream.disposition = stream.disposition
        self._last_dts: int | None = None

    def write(self, packet: av.Packet[Any], origin: Fraction) -> None:
        offset = round(origin / packet.time_base)
        pts = packet.pts if packet.pts is not None else packet.dts
        dts = packet.dts if packet.dts is not None else packet.pts
        assert pts is not None
        assert dts is not None
        if self._last_dts is not None and dts <= self._last_dts:
            # Muxers refuse a step back.
            dts = self._last_dts + 1
        self._last_dts = dts
        packet.dts, packet.pts = dts - offset, max(pts, dts) - offset
        packet.stream = self._stream
        self._output.mux(packet)

    def finish(self) -> None:
        pass


class AudioEncoder:
    """A new audio track of an output container.

    Args:
        output: the container; its header is not written yet.
        encoder: FFmpeg's name.
        rate, layout: samples per second and channels.
    """

    def __init__(self, output: av.container.OutputContainer, encoder: str, rate: int, layout: str) -> None:
        self._output = output
        stream = output.add_stream(encoder, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = layout
        self.stream = stream
        self._resampler: AudioResampler | None = None

    def encode(self, frame: av.AudioFrame | None) -> None:
        """Write a frame of any format; None for what the resampler still has."""
        context = self.stream.codec_context
        if self._resampler is None:
            self._resampler = AudioResampler(context.format, context.layout, context.rate, context.frame_size or None)
        for resampled in self._resampler.resample(frame):
            for packet in self.stream.encode(resampled):
                self._output.mux(packet)

    def finish(self) -> None:
        """Write what is left."""
        if self._resampler is not None:
            self.encode(None)
            for packet in self.stream.encode(None):
                self._output.mux(packet)


class _Encode:
    """One audio track, decoded and encoded anew."""

    def __init__(self, output: av.container.OutputContainer, stream: av.AudioStream, encoder: str) -> None:
        self._source = stream
        self._encoder = AudioEncoder(output, encoder, *_encodable(encoder, stream))
        self._encoder.stream.metadata.update(lasting_tags(stream.metadata))
        self._encoder.stream.disposition = stream.disposition

    def write(self, packet: av.Packet[Any], origin: Fraction) -> None:
        try:
            frames = self._source.decode(packet)
        except av.error.FFmpegError:
            return
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                frame.pts -= round(origin / frame.time_base)
            self._encoder.encode(frame)

    def finish(self) -> None:
        self._encoder.finish()


def _settled_layout(layout: av.AudioLayout) -> str:
    """The name of a layout, the usual one of as many channels if it is left open."""
    if layout.name.endswith("channels"):
        for usual in USUAL_LAYOUTS:
            if av.AudioLayout(usual).nb_channels == layout.nb_channels:
                return usual
    return layout.name


def _encodable(encoder: str, stream: av.AudioStream) -> tuple[int, str]:
    """Sampling rate and channel layout that the encoder takes and that are the source's own if possible."""
    codec = av.Codec(encoder, "w")
    rates = codec.audio_rates or [stream.rate]
    rate = stream.rate if stream.rate in rates else OPUS_RATE
    channels = stream.codec_context.layout.nb_channels
    fitting = [name for name in USUAL_LAYOUTS if av.AudioLayout(name).nb_channels <= channels]
    for layout in (_settled_layout(stream.codec_context.layout), *fitting):
        context = av.CodecContext.create(codec, "w")
        assert isinstance(context, av.AudioCodecContext)
        assert codec.audio_formats
        context.format, context.rate, context.layout = codec.audio_formats[0], rate, layout
        try:
            context.open()
        except (av.error.FFmpegError, ValueError):
            continue
        return rate, layout
    return rate, "stereo"
