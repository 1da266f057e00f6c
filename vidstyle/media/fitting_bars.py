"""Pictures of any shape in frames of one: whole, in the middle, with black beside them."""

from fractions import Fraction

import numpy as np

from vidstyle.media.frame import SMALLEST_SIDE

SAME_SHAPE = 0.02
"""By which two shapes may differ, width over height, and the picture fills the frame all the same."""
BLACK_LUMA, NO_COLOR = 16, 128
"""Levels of Y, with limited range, and of U and V."""


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size rounded down to even sides, which every encoder takes."""
    return max(SMALLEST_SIDE, width // 2 * 2), max(SMALLEST_SIDE, height // 2 * 2)


def square_size(width: int, height: int, shape: Fraction) -> tuple[int, int]:
    """The size at which pixels of a shape, width over height, are square, as windows and pipes want them.

    Upwards, so that nothing is lost.
    """
    return (round(width * shape), height) if shape > 1 else (width, round(height / shape))


def fitted_size(picture: tuple[int, int], frame: tuple[int, int]) -> tuple[int, int]:
    """The largest size (width, height) in a frame at which a picture keeps its shape; even sides."""
    scale = min(frame[0] / picture[0], frame[1] / picture[1])
    stretched = max(frame[0] / picture[0], frame[1] / picture[1]) / scale
    if stretched < 1 + SAME_SHAPE:
        return frame
    width, height = (max(2, min(side, round(own * scale / 2) * 2)) for own, side in zip(picture, frame, strict=True))
    return width, height


def with_bars(pixels: np.ndarray, size: tuple[int, int], *, full_range: bool = False) -> np.ndarray:
    """Pixels (see vidstyle.media.frame.Frame) in the middle of a black frame of `size` (width, height).

    full_range: of planes, whether black is 0 rather than 16.
    """
    width, height = size
    planar = pixels.ndim == 2
    own = (pixels.shape[1], pixels.shape[0] * 2 // 3 if planar else pixels.shape[0])
    if own == size:
        return pixels
    left, top = ((side - inner) // 4 * 2 for side, inner in zip(size, own, strict=True))
    if not planar:
        framed = np.zeros((height, width, 3), np.uint8)
        framed[top : top + own[1], left : left + own[0]] = pixels
        return framed
    framed = np.empty((height * 3 // 2, width), np.uint8)
    framed[:height], framed[height:] = 0 if full_range else BLACK_LUMA, NO_COLOR
    framed[top : top + own[1], left : left + own[0]] = pixels[: own[1]]
    inner = pixels[own[1] :].reshape(2, own[1] // 2, own[0] // 2)
    chroma = framed[height:].reshape(2, height // 2, width // 2)
    chroma[:, top // 2 : (top + own[1]) // 2, left // 2 : (left + own[0]) // 2] = inner
    return framed
