"""Containers of videos that are written: which there are, and what each is told."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vidstyle.errors import InputError, parameter
from vidstyle.media.codecs import Codec, choose_codec, codecs_taken, quality_options
from vidstyle.media.frame import VideoFormat

FASTSTART = {"movflags": "+faststart"}
"""The index in front, so that a browser can start playing at once."""
NEGATIVE_TIMES = {"avoid_negative_ts": "disabled"}
"""Audio may start a little before 0 to warm its decoder up; FFmpeg would delay the whole file for it."""
SAME_NUMBERS = {"fflags": "+bitexact"}
"""Tracks are told apart by their places, where FFmpeg would draw numbers: the same input gives the same file."""
CONTAINER_OPTIONS = {
    "mp4": FASTSTART,
    "mov": FASTSTART,
    "ipod": FASTSTART,
    "matroska": NEGATIVE_TIMES | SAME_NUMBERS,
    "webm": NEGATIVE_TIMES | SAME_NUMBERS,
}
"""By FFmpeg's name of the container."""
PLAYS_OPTIONS = {"gif": "loop", "apng": "plays", "webp": "loop"}
"""By the same, what says how often an animation is played."""
FORMATS = {".png": "apng"}
"""FFmpeg's name of the container by suffix, where it would choose another one."""
USUAL_SUFFIXES = "use .mp4, .mkv, .webm, .mov or .gif"
NO_TIMESTAMPS = 0x0080
"""FFmpeg's AVFMT_NOTIMESTAMPS."""
WITHOUT_ASPECT = frozenset({"matroska", "webm", "gif"})
FINE_CLOCK = 10_000
"""Ticks per second that are enough; FFmpeg makes the clock of a video in MP4 as fine."""
CLOCKS = {"gif": Fraction(1, 100), "libwebp_anim": Fraction(1, 1000), "apng": Fraction(1, 1000)}
"""Seconds per tick of formats that have a clock of their own, or write delays as short fractions."""


def movie_timescale(time_base: Fraction) -> int:
    """Ticks per second of a movie in MP4 in which those of a video are whole."""
    scale = time_base.denominator
    return min(scale * -(-FINE_CLOCK // scale), 2**31 - 1)


def file_takes_planes(path: Path, video: VideoFormat, codec: str | None) -> bool:
    """Whether a FileSink made with these arguments takes frames as planes of 4:2:0, of the video's size."""
    if video.mastering is not None:
        return False
    chosen = choose_codec(codec, path, alpha=video.alpha)[1]
    # Pixels that are not square may have to be scaled.
    return chosen.formats[video.color.bits > 8] == "yuv420p" and video.sample_aspect_ratio == 1


def check_video_name(path: Path, codec: str | None, quality: int | None, *, hdr: bool = False) -> None:
    """Raises InputError where a FileSink made with these arguments would, as far as names tell; nothing is written."""
    name, chosen = choose_codec(codec, path, hdr=hdr)
    quality_options(name, chosen, quality)
    nowhere = io.BytesIO()
    nowhere.name = path.name  # by which FFmpeg chooses the container
    open_for_writing(nowhere, path, name, chosen).close()


def open_for_writing(where: Any, path: Path, name: str, codec: Codec) -> av.container.OutputContainer:
    """The container that a file is to be, where it takes the codec and keeps timestamps."""
    suffix = path.suffix
    try:
        container = av.open(where, "w", format=FORMATS.get(suffix.lower()))
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: no video container is called {suffix or 'like that'}; {USUAL_SUFFIXES}") from error
    if codec.encoder not in codecs_taken(container):
        raise InputError(f"{path}: a {suffix} file cannot hold {name}; choose another {parameter('codec')} or suffix")
    # AVI has room for timestamps in its index only, and FFmpeg does not say so.
    if container.format.flags & NO_TIMESTAMPS or container.format.name == "avi":
        raise InputError(f"{path}: a {suffix} file keeps no timestamps; {USUAL_SUFFIXES}")
    return container
