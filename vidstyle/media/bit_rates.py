"""How large a video becomes: bit rates that are asked for, or follow from a size."""

import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from vidstyle.errors import InputError, parameter
from vidstyle.media.codecs import Codec

BUFFER_SECONDS = 2.0
"""Over which a rate is kept."""
OVERHEAD = 0.97
"""Of a file, what is not its container's."""
SAME_EVERY_TIME = MappingProxyType({"libx264": {"threads": "1"}, "libsvtav1": {"svtav1-params": "lp=1"}})
"""Options of encoders whose files at a rate else depend on which of their threads is first.

x265 is another, which would need half as long again.
"""
MOST_RATE = MappingProxyType({"libsvtav1": 100_000_000})
"""Bits a second that encoders take at the most; others take OTHER_MOST_RATE, whose buffer they count in 31 bits."""
OTHER_MOST_RATE = 1_000_000_000
LEAST_RATE = 20_000
UNKNOWN_SOUND = 192_000
"""Bits a second of a track of sound that does not tell."""


@dataclass(frozen=True)
class BitRate:
    """Bits a second of a video.

    Attributes:
        mean: what it has.
        most: what it has at the most, over BUFFER_SECONDS.
    """

    mean: int
    most: int

    def options(self, name: str, codec: Codec) -> dict[str, str]:
        """What the encoder is told in place of a quality.

        Raises:
            InputError: for a codec that heeds no rate.
        """
        if not heeds_rates(codec):
            raise InputError(f"{parameter('codec', name)}: has no bit rate to choose; take h264, hevc, av1 or vp9")
        limit = MOST_RATE.get(codec.encoder, OTHER_MOST_RATE)
        mean, most = min(self.mean, limit), min(self.most, limit)
        asked = {"b": str(mean)} | SAME_EVERY_TIME.get(codec.encoder, {})
        # SVT-AV1 takes a limit beside a quality only.
        if codec.encoder == "libsvtav1":
            return asked
        return asked | {"maxrate": str(most), "bufsize": str(round(most * BUFFER_SECONDS))}


def heeds_rates(codec: Codec) -> bool:
    """Whether a codec can be told how many bits it may take."""
    return codec.quality_option in ("crf", "cq")


@dataclass(frozen=True)
class _Source:
    """What is known of a file.

    Attributes:
        seconds: that it lasts.
        others: bits a second of all tracks but the video.
    """

    seconds: float
    others: float


def rate_of(
    source: Path,
    *,
    bitrate: int | None,
    max_size: int | None,
    start: float | None = None,
    end: float | None = None,
    audio: bool = True,
) -> BitRate | None:
    """What the painting of a file may take; None where quality decides.

    Args:
        source: the file.
        bitrate, max_size, start, end, audio: see vidstyle.Options.

    Raises:
        InputError: for a size that is too small, or a source of which nobody knows how long it is.
    """
    if bitrate is not None:
        return BitRate(bitrate, round(1.5 * bitrate))
    if max_size is None:
        return None
    known = _examine(source)
    if known is None:
        raise InputError(f"{parameter('max_size')}: {source} does not tell how long it is; give a bitrate")
    seconds = max(0.1, min(known.seconds, end or math.inf) - (start or 0))
    rate = OVERHEAD * 8 * max_size / seconds - (known.others if audio else 0)
    if rate < LEAST_RATE:
        least = math.ceil((LEAST_RATE + (known.others if audio else 0)) * seconds / 8 / OVERHEAD / 1000)
        raise InputError(f"{parameter('max_size', max_size)}: too small for {seconds:.1f} s; {least} kB are needed")
    # The buffer is full at the end, at worst.
    rate *= seconds / (seconds + BUFFER_SECONDS)
    return BitRate(round(rate), round(rate))


def too_large(path: Path, max_size: int | None) -> list[str]:
    """A line if a file has become larger than it should: codecs have a least number of bits that they can do with."""
    made = path.stat().st_size
    if max_size is None or made <= max_size:
        return []
    asked = f"more than the {max_size / 1000:.0f} kB asked for"
    return [f"{path}: {made / 1000:.0f} kB, {asked}; at a smaller size it would fit"]


def _examine(path: Path) -> _Source | None:
    """None if the file does not tell how long it is, or is none that FFmpeg opens."""
    import av

    from vidstyle.media.containers import open_container, picture_streams

    try:
        container = open_container(path)
    except InputError:
        return None
    with container:
        streams = picture_streams(container)
        if not container.duration or not streams:
            return None
        seconds = container.duration / av.time_base
        others = sum(s.bit_rate or UNKNOWN_SOUND for s in container.streams.audio if s.codec_context is not None)
        return _Source(seconds, others)
