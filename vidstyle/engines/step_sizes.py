"""How large steps of optimisation are taken, and for how large paintings at the most."""

from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import Color

MOST_PIXELS = 2_000_000
"""Of a painting; steps take 1 kB a pixel."""
LEAST_SIDE = 48
"""Pixels of a painting that the perceptual network takes along each side."""


def check_size(width: int, height: int) -> None:
    """Raises InputError for paintings that would take more memory than there may be."""
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{parameter('optimise')}: a painting of {width}x{height} is too large for it; leave it out, or let "
            f"{parameter('stroke_size')} be larger"
        )


def picture_size(shape: tuple[int, ...], planes: Color | None) -> tuple[int, int]:
    """Height and width of a picture, by the shape of its pixels: RGB (H, W, 3), or planes (3 H / 2, W)."""
    height, width = shape[:2]
    return height if planes is None else height * 2 // 3, width


def fits(shape: tuple[int, ...], planes: Color | None) -> bool:
    """Whether a painting of pixels of a shape is small enough."""
    height, width = picture_size(shape, planes)
    return width * height <= MOST_PIXELS


def padded_size(shape: tuple[int, ...], planes: Color | None) -> tuple[int, int]:
    """Height and width that steps are taken at for pixels of a shape."""
    height, width = picture_size(shape, planes)
    return max(height, LEAST_SIDE), max(width, LEAST_SIDE)
