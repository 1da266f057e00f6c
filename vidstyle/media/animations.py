"""Animations that Pillow reads better than FFmpeg, which decodes no animated WebP: WebP, APNG and AVIF."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vidstyle.errors import InputError, parameter
from vidstyle.media.color import over_white, split_alpha
from vidstyle.media.containers import plays_of
from vidstyle.media.frame import LARGEST_SIDE, SMALLEST_SIDE, Color, Frame, VideoFormat, usual_matrix
from vidstyle.media.images import DAMAGE
from vidstyle.media.structure import WEBP_ALPHA

FORMATS = ("WEBP", "PNG", "AVIF")
MILLISECOND = Fraction(1, 1000)
SHORTEST_DELAY, USUAL_DELAY = 10, 100
"""Milliseconds: what is said to be shown for no longer than the first is shown for the second, as in browsers."""
LARGEST_CANVAS = 100_000_000
"""Pixels of one frame."""


def is_animation(path: Path) -> bool:
    """Whether a file is an animation that is read here."""
    try:
        with Image.open(path, formats=FORMATS) as opened:
            image: Any = opened
            return getattr(image, "n_frames", 1) - _begins_at(image) > 1
    except (*DAMAGE, Image.DecompressionBombError):
        return False


def _begins_at(image: Any) -> int:
    """1 where the first picture of an APNG is for programs that know no animation."""
    return int(bool(getattr(image, "default_image", False)))


def _with_alpha(path: Path) -> Path | io.BytesIO:
    """A WebP with the flag of transparency set.

    libwebp leaves it out where all rectangles that it draws are opaque, whatever is left of the canvas between them,
    and Pillow then takes that for black.
    """
    with path.open("rb") as file:
        header = file.read(16)
        if header[:4] != b"RIFF" or header[12:] != b"VP8X":
            return path
        data = bytearray(header + file.read())
    data[20] |= WEBP_ALPHA
    return io.BytesIO(data)


class AnimationSource:
    """The frames of an animated WebP, PNG or AVIF; see FileSource, whose arguments and attributes it has."""

    has_planes = False

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int] | None = None,
        scale: float | None = None,
        start: float | None = None,
        end: float | None = None,
    ) -> None:
        self.path, self.planes, self.cut_out = path, False, False
        self.notes: list[str] = []
        self.unreadable_from: float | None = None
        self._start, self._end = round(1000 * (start or 0)), math.inf if end is None else round(1000 * end)
        try:
            opened: Any = Image.open(_with_alpha(path), formats=FORMATS)
            self._image = opened
            width, height = self._image.size
            if width * height > LARGEST_CANVAS:
                raise InputError(f"{path}: more than {LARGEST_CANVAS // 1_000_000} megapixels; scale it down first")
        except (*DAMAGE, Image.DecompressionBombError, IndexError) as error:
            raise InputError(f"{path}: not an animation that can be read ({error})") from error
        target = size or (width, height)
        if scale is not None:
            target = (round(width * scale), round(height * scale))
        if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in target):
            raise InputError(
                f"{path}: cannot paint at {target[0]}x{target[1]}; each side must be {SMALLEST_SIDE} to "
                f"{LARGEST_SIDE} pixels, see {parameter('size')}"
            )
        pixel = Fraction(width, height) / Fraction(*target)
        self._first = _begins_at(self._image)
        self._frames: int = self._image.n_frames - self._first
        self._pending = self._decoded()
        self._next = next(self._pending, None)
        if self._next is None:
            raise InputError(f"{path}: nothing to paint after {parameter('start', start or 0)} s")
        self.origin = Fraction(self._next[1], 1000) if start is not None else Fraction(0)
        self.color = Color(usual_matrix(target[1]))
        self.format = VideoFormat(
            width=target[0],
            height=target[1],
            time_base=MILLISECOND,
            rate=Fraction(1000, max(1, self._next[2])).limit_denominator(1001),
            color=self.color,
            sample_aspect_ratio=pixel.limit_denominator(255) if abs(pixel - 1) > 0.005 else Fraction(1),
            frames=self._frames,
            alpha=self._image.format == "WEBP" or self._image.has_transparency_data,
            plays=plays_of(path),
        )

    def _decoded(self) -> Iterator[tuple[np.ndarray, int, int]]:
        """RGBA (H, W, 4), and when it is shown and how long, milliseconds."""
        pts = 0
        for number in range(self._first, self._first + self._frames):
            try:
                self._image.seek(number)
                rgba = np.asarray(self._image.convert("RGBA"))
            except DAMAGE:
                self.unreadable_from = pts / 1000
                return
            delay = round(self._image.info.get("duration") or 0)
            delay = USUAL_DELAY if delay <= SHORTEST_DELAY else delay
            if pts >= self._end:
                return
            if pts >= self._start:
                yield rgba, pts, int(min(delay, self._end - pts))
            pts += delay

    def __iter__(self) -> Iterator[Frame]:
        offset, size = round(self.origin * 1000), (self.format.width, self.format.height)
        discontinuity = True
        while self._next is not None:
            rgba, pts, delay = self._next
            pixels, alpha = split_alpha(rgba, size)
            if not self.cut_out:
                pixels = over_white(np.dstack([pixels, alpha]))
            yield Frame(pixels, pts - offset, MILLISECOND, delay, discontinuity, alpha if self.cut_out else None)
            discontinuity = False
            self._next = next(self._pending, None)

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()
