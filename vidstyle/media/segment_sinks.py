"""A video that is encoded in segments, each into a file of packets, and joined from them into one container."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.video.frame import VideoFrame

from vidstyle.errors import VidstyleError
from vidstyle.media.codecs import choose_codec
from vidstyle.media.packets import Encoding, PacketWriter, read_packets
from vidstyle.media.sinks import FileSink
from vidstyle.output_files import Part

WHOLE_ONLY = frozenset({"gif", "apng", "libwebp_anim"})
"""Encoders of animations, whose files are more than a row of packets."""


class SegmentSink(FileSink):
    """Encodes frames of one segment as FileSink would encode them, into a file of packets.

    Args:
        path: the video that it will be a segment of.
        segment: the file to make.
        arguments: see FileSink; other tracks are the joined file's.
    """

    def __init__(self, path: Path, segment: Path, *arguments: Any, **options: Any) -> None:
        self._segment = segment
        self._file: BinaryIO | None = None
        self._packets: PacketWriter | None = None
        super().__init__(path, *arguments, **options)

    def _new_part(self) -> Part:
        return Part(self._segment)

    def _destination(self) -> io.BytesIO:
        # The encoder is set up as for that container, whose header goes nowhere.
        nowhere = io.BytesIO()
        nowhere.name = self.path.name
        return nowhere

    def _open_container(self) -> av.container.OutputContainer:
        container = super()._open_container()
        # To move its index to the front FFmpeg would open the file once more.
        container.container_options.pop("movflags", None)
        return container

    def _mux(self, packets: "list[av.Packet[Any]]", *, last: bool) -> None:
        if self._packets is None:
            self._file = self._partial.open("wb")
            self._packets = PacketWriter(self._file, Encoding.of(self._codec.encoder, self._stream))
        for packet in packets:
            self._packets.write(packet)
        if last and self._file is not None:
            self._file.close()

    def abort(self) -> None:
        """See FileSink."""
        if self._file is not None:
            self._file.close()
        super().abort()


class JoinedSink(FileSink):
    """Joins segments of a video, which SegmentSink has made with the same arguments, and adds its other tracks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._held: av.Packet[Any] | None = None
        self._last_dts: int | None = None
        super().__init__(*arguments, **options)
        self._encoding_told = Encoding.of(self._codec.encoder, self._stream)

    def join(self, segments: Sequence[Path]) -> int:
        """Write the packets of some segments, one after the other; how many there were.

        Raises:
            VidstyleError: for a segment that was encoded otherwise, is damaged, or holds nothing.
        """
        count = 0
        for segment in segments:
            encoding, packets = read_packets(segment)
            if encoding != self._encoding_told:
                raise VidstyleError(f"{segment}: was encoded otherwise than it would be here; remove it, and try again")
            before = count
            for packet in packets:
                with self._encoding, self._disk_errors():
                    self._add(packet)
                count += 1
            if count == before:
                raise VidstyleError(f"{segment}: has no frame")
        return count

    def _add(self, packet: "av.Packet[Any]") -> None:
        if self._aborted:
            raise VidstyleError(f"{self.path}: writing it was aborted")
        assert packet.pts is not None
        assert packet.dts is not None
        if self._last_pts is None:
            self._first_pts, self._first_dts, self._last_pts = packet.pts, packet.dts, packet.pts
        # Each encoder begins its decoding times as far before its first frame as the first one did; where steps
        # between frames vary, that may be too early.
        if self._last_dts is not None and packet.dts <= self._last_dts:
            packet.dts = self._last_dts + 1
        self._last_dts = packet.dts
        if packet.pts + (packet.duration or 0) > self._end or self._held is None:
            self._last_pts, self._end = packet.pts, packet.pts + (packet.duration or 0)
        if self._held is not None:
            self._container.mux(self._held)
        packet.stream = self._stream
        self._held = packet
        if self._tracks:
            self._tracks.copy_until(float(packet.pts * self._encoded.time_base))

    def _encode(self, picture: VideoFrame | None) -> None:
        """The encoder has told the container what there will be, and has nothing to encode."""
        if self._held is not None:
            held, self._held = self._held, None
            self._mux([held], last=True)


def takes_segments(path: Path, codec: str | None, *, alpha: bool) -> bool:
    """Whether a video can be encoded in segments; alpha: whether it may be transparent."""
    encoder = choose_codec(codec, path, alpha=alpha)[1].encoder
    # The transparency of VP9 lies beside its packets.
    return encoder not in WHOLE_ONLY and not (alpha and encoder == "libvpx-vp9")
