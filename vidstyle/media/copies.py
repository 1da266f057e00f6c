"""How one track beside the picture comes along: packet for packet, encoded anew, or with its text converted."""

from __future__ import annotations

import html
import io
import re
from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.subtitles.stream import SubtitleStream

from vidstyle.errors import reason
from vidstyle.media.tags import lasting_tags

OPUS_RATE = 48000
USUAL_LAYOUTS = ("7.1", "5.1", "5.0", "quad", "3.0", "stereo", "mono")
SHORTEST_GAP, LONGEST_GAP = Fraction(1, 20), Fraction(3600)
"""Seconds of silence between two packets that are filled in where sound is encoded."""
EQUAL_TIMES = 0x20000
"""FFmpeg's AVFMT_TS_NONSTRICT, of containers in which packets may follow each other at the same time."""
TEXT_SUBTITLES = frozenset({"subrip", "ass", "webvtt", "mov_text", "text"})


class TrackCopy(Protocol):
    """One track on its way into a file."""

    def write(self, packet: av.Packet[Any], origin: Fraction) -> None:
        """Write what is in a packet of the source; `origin`, seconds, is taken off its timestamps."""

    def finish(self) -> str | None:
        """Write what is left; what a user should know of how it went, if anything."""


def refusal(output: av.container.OutputContainer, stream: av.stream.Stream) -> str | None:
    """Why a container of the output's kind refuses a track as it is, which shows when a header is written; or None."""
    try:
        with av.open(io.BytesIO(), "w", format=output.format.name) as trial:
            PacketCopy.add(trial, stream)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError) as error:
        return reason(error)
    return None


class PacketCopy:
    """One track, packet for packet."""

    def __init__(self, output: av.container.OutputContainer, stream: av.stream.Stream) -> None:
        self._output = output
        self._stream = self.add(output, stream)
        self._stream.metadata.update(lasting_tags(stream.metadata))
        self._stream.disposition = stream.disposition
        self._last_dts: int | None = None
        # Packets of TrueHD are shorter than a tick of Matroska.
        self._least_step = 0 if output.format.flags & EQUAL_TIMES else 1

    @staticmethod
    def add(output: av.container.OutputContainer, stream: av.stream.Stream) -> av.stream.Stream:
        """A track like `stream` in an output container."""
        copy = output.add_stream_from_template(stream, opaque=True)
        if isinstance(stream, av.AudioStream) and isinstance(copy, av.AudioStream):
            # Matroska need not say which channels there are, and MP4 must, which shows at its very end only.
            copy.codec_context.layout = _settled_layout(stream.codec_context.layout)
        return copy

    def write(self, packet: av.Packet[Any], origin: Fraction) -> None:
        offset = round(origin / packet.time_base)
        pts = packet.pts if packet.pts is not None else packet.dts
        dts = packet.dts if packet.dts is not None else packet.pts
        assert pts is not None
        assert dts is not None
        if self._last_dts is not None and dts < self._last_dts + self._least_step:
            # Muxers refuse a step back.
            dts = self._last_dts + self._least_step
        self._last_dts = dts
        packet.dts, packet.pts = dts - offset, max(pts, dts) - offset
        packet.stream = self._stream
        self._output.mux(packet)

    def finish(self) -> None:
        """Nothing is left."""


class AudioEncoder:
    """A new audio track of an output container.

    Args:
        output: the container; its header is not written yet.
        encoder: FFmpeg's name.
        rate, layout: samples per second and channels.

    Attributes:
        packets: how many have been written.
    """

    def __init__(self, output: av.container.OutputContainer, encoder: str, rate: int, layout: str) -> None:
        self._output = output
        stream = output.add_stream(encoder, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = layout
        self.stream = stream
        self.packets = 0
        self._resampler: AudioResampler | None = None

    def encode(self, frame: av.AudioFrame | None) -> None:
        """Write a frame of any format; None for what the resampler still has."""
        context = self.stream.codec_context
        if self._resampler is None:
            self._resampler = AudioResampler(context.format, context.layout, context.rate, context.frame_size or None)
        for resampled in self._resampler.resample(frame):
            self._mux(self.stream.encode(resampled))

    def finish(self) -> None:
        """Write what is left."""
        if self._resampler is not None:
            self.encode(None)
            self._mux(self.stream.encode(None))

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        self.packets += len(packets)
        self._output.mux(packets)


class SoundCopy:
    """One audio track, decoded and encoded anew; where it is interrupted there is silence."""

    def __init__(self, output: av.container.OutputContainer, stream: av.AudioStream, encoder: str) -> None:
        self._source = stream
        self._encoder = AudioEncoder(output, encoder, *_encodable(encoder, stream))
        self._encoder.stream.metadata.update(lasting_tags(stream.metadata))
        self._encoder.stream.disposition = stream.disposition
        self._end: Fraction | None = None  # of what has been encoded, seconds
        self._packets = self._damaged = 0

    def write(self, packet: av.Packet[Any], origin: Fraction) -> None:
        self._packets += 1
        self._decode(packet, origin)

    def _decode(self, packet: av.Packet[Any] | None, origin: Fraction) -> None:
        try:
            frames = self._source.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            self._damaged += 1
            return
        for frame in frames:
            self._place(frame, origin)
            self._encoder.encode(frame)

    def _place(self, frame: av.AudioFrame, origin: Fraction) -> None:
        """Give a frame its time on a clock of samples: at the end of the last one, but for what is a gap."""
        rate = frame.sample_rate
        begin = self._end
        if frame.pts is not None and frame.time_base:
            begin = frame.pts * frame.time_base - origin
        if begin is None:
            begin = Fraction(0)
        if self._end is None:
            self._end = Fraction(round(begin * rate), rate)
        elif SHORTEST_GAP <= begin - self._end <= LONGEST_GAP:
            while begin - self._end >= Fraction(1, rate):
                silence = silent(frame, min(round((begin - self._end) * rate), rate))
                silence.pts, silence.time_base = round(self._end * rate), Fraction(1, rate)
                self._encoder.encode(silence)
                self._end += Fraction(silence.samples, rate)
        frame.pts, frame.time_base = round(self._end * rate), Fraction(1, rate)
        self._end += Fraction(frame.samples, rate)

    def finish(self) -> str | None:
        self._decode(None, Fraction(0))
        self._encoder.finish()
        if self._packets and not self._encoder.packets:
            return f"nothing of it can be decoded as {self._source.codec_context.name}: the track is empty"
        if self._damaged:
            return f"{self._damaged} of its {self._packets} packets could not be decoded"
        return None


def silent(like: av.AudioFrame, samples: int) -> av.AudioFrame:
    """So many samples of silence, in the format, layout and rate of a frame."""
    planar, channels = like.format.is_planar, like.layout.nb_channels
    shape = (channels, samples) if planar else (1, channels * samples)
    kind = like.to_ndarray().dtype
    level = 128 if kind == np.uint8 else 0
    frame = av.AudioFrame.from_ndarray(np.full(shape, level, kind), like.format.name, like.layout.name)
    frame.sample_rate = like.sample_rate
    return frame


class TextCopy:
    """One track of subtitles, its text converted to another format; what they look like is lost."""

    def __init__(self, output: av.container.OutputContainer, stream: SubtitleStream, codec: str) -> None:
        self._output, self._codec = output, codec
        self._from = stream.codec_context.codec.canonical_name
        self._stream = output.add_mux_stream(codec)
        self._stream.time_base = Fraction(1, 1000)
        self._stream.metadata.update(lasting_tags(stream.metadata))
        self._stream.disposition = stream.disposition

    def write(self, packet: av.Packet[Any], origin: Fraction) -> None:
        text = plain_text(bytes(packet), self._from)
        if not text or packet.pts is None:
            return
        data = text.encode()
        if self._codec == "mov_text":
            data = data[:0xFFFF].decode(errors="ignore").encode()
            data = len(data).to_bytes(2, "big") + data
        converted = av.Packet(data)
        ticks = packet.time_base * 1000
        converted.stream, converted.time_base = self._stream, Fraction(1, 1000)
        converted.pts = converted.dts = round(packet.pts * ticks - origin * 1000)
        converted.duration = round((packet.duration or 0) * ticks)
        self._output.mux(converted)

    def finish(self) -> None:
        """Nothing is left."""


def plain_text(data: bytes, codec: str) -> str:
    """The text of one subtitle, as FFmpeg has it in the packet of a codec of TEXT_SUBTITLES."""
    if codec == "mov_text":
        # 3GPP TS 26.245, 5.17: a length, the text, and boxes that say how it looks.
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
        wide = data[:2] in (b"\xfe\xff", b"\xff\xfe")
        return data.decode("utf-16" if wide else "utf-8", errors="replace").strip()
    text = data.decode(errors="replace")
    if codec == "ass":
        # ReadOrder, Layer, Style, Name, three margins, Effect, and the text.
        text = text.split(",", 8)[-1]
        text = re.sub(r"\{[^}]*\}", "", text).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    elif codec != "text":
        text = html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", text))
    return text.replace("\r", "").strip()


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
