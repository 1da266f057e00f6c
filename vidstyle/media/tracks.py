"""Everything of a source but its picture: audio, subtitles, chapters, tags."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream

from vidstyle.media.bitmap_subtitles import STANDING, Standing
from vidstyle.media.codecs import codecs_taken, played
from vidstyle.media.containers import MICROSECOND, open_container, picture_streams
from vidstyle.media.copies import (
    TEXT_SUBTITLES,
    PacketCopy,
    SoundCopy,
    TextCopy,
    TrackCopy,
    refusal,
)
from vidstyle.media.structure import MP4, chapter_tracks
from vidstyle.media.tags import OWN_TAGS, UNDER_OWN_NAMES, lasting_tags, lost_tags, under_own_names
from vidstyle.media.timecode import advanced
from vidstyle.media.timestamps import Clock, counts_from_anywhere, timed_streams

AHEAD = 1.0
"""Seconds by which the other tracks may run ahead of the picture."""
BEFORE, BEFORE_WITH_TEXT = Fraction(2), Fraction(60)
"""Seconds before the time sought from which to look for packets: containers interleave tracks loosely, and a subtitle
that began long ago may still be on."""
WARM_UP = Fraction(1, 10)
"""Seconds of sound before 0 that a decoder may need."""
WITH_EDIT_LISTS = frozenset({"mp4", "mov", "ipod"})
"""Containers that can say what is to be decoded but not heard."""
SILENT = frozenset({"gif", "apng", "webp"})
"""Containers that hold pictures alone."""
AUDIO_ENCODERS = {"webm": "libopus", "ogg": "libopus"}
"""What audio is encoded to where a container does not take the source's codec; AAC elsewhere."""
TEXT_CODECS = {"mp4": "mov_text", "mov": "mov_text", "ipod": "mov_text", "matroska": "subrip", "webm": "webvtt"}
"""What the text of subtitles is converted to where a container does not take their format."""


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
        notes: a line for each track that could not be copied as it is, or at all.
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
        self._path, self._output, self._origin = path, output, origin
        self._input = open_container(path)
        self._beginning = beginning = (self._input.start_time or 0) * MICROSECOND
        self._start = None if start is None else origin
        self._end = None if end is None else beginning + Fraction(end).limit_denominator(1_000_000)
        self._copies: dict[int, TrackCopy] = {}
        self._add_streams(audio)
        self._copy_tags(output.streams.video[0].average_rate or Fraction(25))
        self._packets = self._demux() if self._copies else iter(())
        self._pending: av.Packet[Any] | None = None

    def _add_streams(self, audio: bool) -> None:
        left_out = []
        titles = chapter_tracks(self._path) if self._input.format.name == MP4 else frozenset()
        painted = picture_streams(self._input)[0].index
        for stream in self._input.streams:
            if isinstance(stream, av.VideoStream) and stream.index != painted:
                kind = "cover" if stream.disposition & Disposition.attached_pic else "video"
                known = stream.codec_context is not None
                size = f", {stream.width}x{stream.height}" if known else ""
                what = f"{kind} (track {stream.index}{size})"
                self.notes.append(f"{what} left out: track {painted} is painted")
            elif isinstance(stream, av.AudioStream | SubtitleStream):
                if audio:
                    self._add_stream(stream)
            elif stream.type == "attachment":
                self._attach(stream)
            elif stream.type == "data" and audio and not _is_timecode(stream) and stream.id not in titles:
                left_out.append(f"{stream.index}: {stream.metadata.get('handler_name') or 'unnamed'}")
        if left_out:
            self.notes.append(f"data (track {', '.join(left_out)}) left out: only sound and subtitles come along")

    def _add_stream(self, stream: av.AudioStream | SubtitleStream) -> None:
        what = _named(stream)
        if stream.codec_context is None:
            self.notes.append(f"{what} left out: its codec is not known")
            return
        if isinstance(stream, av.AudioStream) and not (stream.codec_context.layout.nb_channels and stream.rate):
            # A few flipped bits; no muxer takes it, and no encoder either.
            self.notes.append(f"{what} left out: it has no channels or no sampling rate")
            return
        taken, container = codecs_taken(self._output), self._output.format.name
        codec = stream.codec_context.codec.canonical_name
        because = f"{codec} cannot be written into {container} here"
        if container in SILENT:
            because = f"{container} has neither sound nor subtitles"
        as_it_is = bool({codec, stream.codec_context.name} & taken)
        if as_it_is and not played(codec, container):
            as_it_is, because = False, f"players do not know {codec} in {container}"
        if as_it_is and (refused := refusal(self._output, stream)):
            as_it_is, because = False, f"{container} refuses it as {codec} ({refused})"
        if as_it_is:
            counts_samples = container in WITH_EDIT_LISTS and codec.startswith("pcm_")
            if counts_samples and isinstance(stream, av.AudioStream):
                # The same samples, with silence where there is a gap.
                self._copies[stream.index] = SoundCopy(self._output, stream, codec)
            else:
                self._copies[stream.index] = PacketCopy(self._output, stream)
        elif isinstance(stream, av.AudioStream):
            encoder = AUDIO_ENCODERS.get(container, "aac")
            if encoder in taken:
                self._copies[stream.index] = SoundCopy(self._output, stream, encoder)
                self.notes.append(f"{what} encoded anew as {encoder.removeprefix('lib')}: {because}")
            else:
                self.notes.append(f"{what} left out: {because}")
        elif codec in TEXT_SUBTITLES and container in TEXT_CODECS:
            converted = TEXT_CODECS[container]
            self._copies[stream.index] = TextCopy(self._output, stream, converted)
            self.notes.append(f"{what} converted to {converted}, without looks: {because}")
        else:
            self.notes.append(f"{what} left out: {because}")

    def _attach(self, stream: Any) -> None:
        """Fonts, as a rule, that subtitles are written in."""
        if self._output.format.name == "matroska" and stream.data:
            self._output.add_attachment(stream.name or "attachment", stream.mimetype or "", bytes(stream.data))
        else:
            self.notes.append(f"attachment ({stream.name}) left out: {self._output.format.name} takes none")

    def _copy_tags(self, rate: Fraction) -> None:
        lasting, container = lasting_tags(self._input.metadata), self._output.format.name
        tags = {name: tag for name, tag in lasting.items() if name.lower() not in OWN_TAGS}
        self._output.metadata.update(tags)
        if under_own_names(container, tags):
            options = self._output.container_options
            options["movflags"] = options.get("movflags", "") + UNDER_OWN_NAMES
        if lost := lost_tags(container, tags):
            self.notes.append(f"tags ({', '.join(lost)}) left out: {container} has no place for them")
        video = self._output.streams.video[0]
        for picture in picture_streams(self._input)[:1]:
            tags = lasting_tags(picture.metadata)
            video.metadata.update({name: tag for name, tag in tags.items() if name.lower() != "timecode"})
        if timecode := self._timecode(rate):
            video.metadata["timecode"] = timecode
        self._copy_chapters()

    def _timecode(self, rate: Fraction) -> str | None:
        """Of the first frame that is painted, if the file has one."""
        tagged = [s.metadata for s in self._input.streams if s.type in {"video", "data"}] + [self._input.metadata]
        for tags in tagged:
            for name, timecode in tags.items():
                if name.lower() == "timecode":
                    skipped = Fraction(0) if self._start is None else self._start - self._beginning
                    return advanced(timecode, round(skipped * rate), rate)
        return None

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
            text = any(self._input.streams[index].type == "subtitle" for index in self._copies)
            self._seek(self._start - (BEFORE_WITH_TEXT if text else BEFORE))
        clock = Clock(self._input)
        streams = {self._input.streams[index] for index in self._copies}
        timed = timed_streams(self._input) if counts_from_anywhere(self._input) else []
        standing = self._standing()
        try:
            for packet in self._input.demux(*sorted(streams.union(timed), key=lambda stream: stream.index)):
                clock.correct(packet)
                timed_packet = packet.size and (packet.pts is not None or packet.dts is not None)
                if packet.stream not in streams or not timed_packet:
                    continue
                if standing and self._start is not None:
                    index, late = packet.stream.index, _time(packet) - self._start
                    if index in standing and late < 0:
                        standing[index].take(packet)
                        continue
                    # Tracks are interleaved loosely.
                    known = [which for which in standing if late > AHEAD or (which == index and late >= 0)]
                    for which in known:
                        yield from self._from_start(standing.pop(which))
                if self._within(packet):
                    yield packet
        except av.error.FFmpegError:
            # The file ends early; the picture's source says so.
            pass
        for rest in standing.values():
            yield from self._from_start(rest)

    def _standing(self) -> dict[int, Standing]:
        """By track, what is on when the part begins of subtitles that say when they begin only."""
        if self._start is None:
            return {}
        names = {index: self._input.streams[index].codec_context.codec.canonical_name for index in self._copies}
        return {index: Standing(name) for index, name in names.items() if name in STANDING}

    def _from_start(self, standing: Standing) -> Iterator[av.Packet[Any]]:
        """What is on when the part begins is shown from there."""
        for packet in standing.on():
            assert self._start is not None
            packet.pts = packet.dts = round(self._start / packet.time_base)
            yield packet

    def _seek(self, time: Fraction) -> None:
        try:
            self._input.seek(int(time / MICROSECOND), backward=True)
        except (av.error.FFmpegError, OSError):
            # Then from the beginning.
            self._input.close()
            self._input = open_container(self._path)

    def _within(self, packet: av.Packet[Any]) -> bool:
        time = _time(packet)
        if self._start is not None and time < self._start:
            end = time + (packet.duration or 0) * packet.time_base
            if packet.stream.type != "subtitle" or end <= self._start:
                return False
            # What is on when the part begins is shown from there.
            ticks = round(self._start / packet.time_base)
            packet.duration = round(end / packet.time_base) - ticks
            packet.pts = packet.dts = ticks
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
        for index, copy in self._copies.items():
            if note := copy.finish():
                self.notes.append(f"{_named(self._input.streams[index])}: {note}")

    def close(self) -> None:
        """Let go of the source."""
        self._input.close()


def _time(packet: av.Packet[Any]) -> Fraction:
    ticks = packet.pts if packet.pts is not None else packet.dts
    assert ticks is not None
    return ticks * packet.time_base


def _named(stream: av.stream.Stream) -> str:
    """What a user is told of a track by."""
    what = "subtitles" if stream.type == "subtitle" else stream.type
    return f"{what} (track {stream.index})"


def _is_timecode(stream: av.stream.Stream) -> bool:
    """Whether a data track is the one of timecode, which is written anew."""
    return any(name.lower() == "timecode" for name in stream.metadata)
