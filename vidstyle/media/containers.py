"""Opening media files: which track is painted, how fast it is, how often it plays."""

from __future__ import annotations

import contextlib
import statistics
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.stream import Disposition

from vidstyle.errors import InputError, reason

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
DEFAULT_RATE = Fraction(25)
MICROSECOND = Fraction(1, 1_000_000)
FASTEST = Fraction(240)
"""Frames per second; what is told to be faster may be the clock rather than the rate."""
USUAL_RATES = tuple(
    Fraction(rate) for rate in (10, 12, 15, "24000/1001", 24, 25, "30000/1001", 30, 48, 50, "60000/1001", 60, 100, 120)
)
RATE_PACKETS = 240
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
    """How long a video's picture is, without decoding anything; None if nothing says so, or it cannot be read."""
    with contextlib.suppress(InputError, av.error.FFmpegError), open_container(path) as container:
        streams = picture_streams(container)
        return picture_seconds(container, streams[0]) if streams else None
    return None


def picture_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """How long a track of pictures is, else its file, of which the sound may go on for longer; None if nothing says."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration * MICROSECOND) if container.duration else None


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
        # AVIF and HEIF list a still before the animation that it belongs to.
        still = stream.disposition & (Disposition.still_image | Disposition.timed_thumbnails) or stream.frames == 1
        moves = not still
        return moves, bool(stream.disposition & Disposition.default), stream.width * stream.height

    known = (s for s in container.streams.video if s.codec_context is not None)
    streams = [s for s in known if not s.disposition & Disposition.attached_pic]
    return sorted(streams, key=rank, reverse=True)


def alpha_decoder(stream: av.VideoStream) -> av.VideoCodecContext | None:
    """What decodes VP8 and VP9 with transparency, which FFmpeg's own decoders leave out; None for everything else."""
    name = ALPHA_DECODERS.get(stream.codec_context.name)
    tags = {tag.lower(): value for tag, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1" or name not in av.codecs_available:
        return None
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    return decoder


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
    return nearest_usual_rate(Fraction(len(typical), sum(typical)) / stream.time_base, Fraction(1, sum(typical)))


def nearest_usual_rate(rate: Fraction, error: Fraction = Fraction(0)) -> Fraction:
    """A rate that was measured with a coarse clock as the one that cameras and players know, if there is one near.

    Args:
        rate: frames per second.
        error: share of it by which it may be wrong; of those that may be meant, whole numbers come first.
    """
    meant = [usual for usual in USUAL_RATES if abs(usual - rate) <= rate * error]
    near = min(meant or USUAL_RATES, key=lambda usual: (usual.denominator if meant else 1, abs(usual - rate)))
    return near if abs(near - rate) < rate / 200 else rate.limit_denominator(1001)
