"""The clip that everything is measured on."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from torch import nn

from vidstyle.engines import network_takes_planes
from vidstyle.media.frame import Color, Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource

RATE = 30
"""Frames a second."""


def make_clip(path: Path, size: tuple[int, int], frames: int) -> None:
    """Write a clip of a textured picture that drifts and turns, H.264."""
    width, height = size
    rng = np.random.default_rng(0)
    picture = np.zeros((height + 64, width + 64, 3), np.float32)
    for octave in range(2, 8):
        coarse = rng.random((picture.shape[0] >> octave | 3, picture.shape[1] >> octave | 3, 3), np.float32)
        picture += cv2.resize(coarse, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC) * 2.0 ** (octave - 8)
    pixels = (picture / picture.max() * 255).clip(0, 255).astype(np.uint8)
    with FileSink(path, clip_format(size), quality=16) as sink:
        for index in range(frames):
            angle = 3 * np.sin(index / 20)
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.05)
            turn[:, 2] += 16 * np.array([np.sin(index / 15), np.cos(index / 25)]) - 32
            moved = cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
            sink.write(Frame(moved, index, Fraction(1, RATE), 1))


def repeated(clip: Path, path: Path, times: int) -> None:
    """Write a clip some times on end, without encoding it again."""
    with av.open(str(path), "w") as output, av.open(str(clip)) as first:
        stream = output.add_stream_from_template(first.streams.video[0])
        offset = 0
        for _ in range(times):
            with av.open(str(clip)) as container:
                track = container.streams.video[0]
                for packet in container.demux(track):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.dts, packet.pts = packet.dts + offset, packet.pts + offset
                    packet.stream = stream
                    output.mux(packet)
                offset += track.duration or 0


def clip_format(size: tuple[int, int]) -> VideoFormat:
    """What a sink is told of a clip of (width, height)."""
    return VideoFormat(*size, time_base=Fraction(1, RATE), rate=Fraction(RATE), color=Color())


def planes_color(clip: Path, network: nn.Module) -> Color | None:
    """What the frames of `clip` are painted as: planes of this kind, or RGB if None, as vidstyle.restyle would."""
    source = FileSource(clip)
    source.close()
    return source.color if source.has_planes and network_takes_planes(network, source.color) else None
