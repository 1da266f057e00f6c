"""A picture in parts that overlap, so that features of a large one need the memory of a small one."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from vidstyle.perception.features import Embedded

STRIDE = 16
"""Pixels between two positions of relu5_1; tiles begin at multiples of it."""
HALO = 80
"""Pixels around a tile that its features see: half of relu5_1's receptive field of 156, up to a multiple of STRIDE."""


@dataclass(frozen=True)
class PictureTile:
    """A part of a picture, in pixels.

    Attributes:
        top, bottom, left, right: of the part.
        outer_top, outer_bottom, outer_left, outer_right: of the part with its surroundings.
        height, width: of the picture.
    """

    top: int
    bottom: int
    left: int
    right: int
    outer_top: int
    outer_bottom: int
    outer_left: int
    outer_right: int
    height: int
    width: int

    def cut(self, picture: Tensor) -> Tensor:
        """The part and its surroundings, of a picture (N, C, H, W); a view."""
        return picture[..., self.outer_top : self.outer_bottom, self.outer_left : self.outer_right]

    def inner(self, features: Tensor | Embedded) -> Tensor | Embedded:
        """Those of the features (N, C, h, w) of `cut` that are the part's own; a view."""
        rows = self._inner(features.shape[-2], self.top, self.bottom, self.outer_top, self.outer_bottom, self.height)
        columns = self._inner(features.shape[-1], self.left, self.right, self.outer_left, self.outer_right, self.width)
        return features[..., rows, columns]

    @staticmethod
    def _inner(positions: int, start: int, end: int, outer_start: int, outer_end: int, whole: int) -> slice:
        stride = 1
        while (outer_end - outer_start) // stride > positions:
            stride *= 2
        first = (start - outer_start) // stride
        # Pooling drops what is left over at the picture's end, and nowhere else.
        return slice(first, positions if end == whole else first + (end - start) // stride)


def picture_tiles(height: int, width: int, side: int | None) -> Iterator[PictureTile]:
    """The parts of a picture, about `side` pixels a side; the whole if None or if it is no larger."""
    rows, columns = (list(_spans(length, side)) for length in (height, width))
    for top, bottom in rows:
        for left, right in columns:
            yield PictureTile(
                top,
                bottom,
                left,
                right,
                max(0, top - HALO),
                min(height, bottom + HALO),
                max(0, left - HALO),
                min(width, right + HALO),
                height,
                width,
            )


def _spans(length: int, side: int | None) -> Iterator[tuple[int, int]]:
    count = 1 if side is None else max(1, -(-length // side))
    # Even parts, so that none is a sliver.
    step = max(STRIDE, -(-length // count // STRIDE) * STRIDE)
    starts = [start for start in range(0, length, step) if start == 0 or length - start >= STRIDE]
    yield from zip(starts, [*starts[1:], length], strict=True)
