"""A painting of the size that strokes need, lifted to the size of the frame.

A network paints strokes of so many pixels: the larger the frame that it is given, the finer they are against it.  So
frames are painted at the size whose strokes belong to them, and what the painting does not have for its size, the
finest detail of the source, is laid over it: as much as the painting's own contrast follows the source's there.
"""

import cv2
import numpy as np

from vidstyle.media.frame import SMALLEST_SIDE
from vidstyle.stream.planes import empty, is_planar, luma_of, picture_size, planes_of, resized

STROKE_ROWS = 360
"""Pixels along the shorter side at which strokes are as large as in the pictures that styles were learnt from."""
NEAR_ENOUGH = 0.8
"""Share of its size above which a frame is painted as it is."""
MULTIPLE = 4
"""Sides are painted at multiples of what the network folds."""
LEAST_ROWS = 48
"""Pixels along the shorter side, below which nobody would know the picture again."""
WINDOW, FLAT = 5, 40.0
"""Pixels along the square in which contrasts are compared, and the variance of grey levels that counts as none."""
SOFTNESS = 0.6
"""Pixels of the painting over which its own share is softened before it is enlarged."""
GAIN = (0.3, 1.1)
"""Of the source's detail, at the least and at the most."""


def painted_size(size: tuple[int, int], stroke_size: float = 1.0) -> tuple[int, int]:
    """Width and height at which a frame of a size is painted.

    Args:
        size: width and height, pixels.
        stroke_size: of strokes against the frame, as a multiple of that in the pictures of styles.
    """
    rows = min(size)
    # Small frames are not enlarged, unless finer strokes are asked for.
    scale = min(STROKE_ROWS / rows, 1.0) / stroke_size
    scale = max(scale, min(1.0, max(LEAST_ROWS, SMALLEST_SIDE) / rows))
    if NEAR_ENOUGH < scale <= 1:
        return size
    width, height = (max(SMALLEST_SIDE, round(side * scale / MULTIPLE) * MULTIPLE) for side in size)
    return width, height


def lifted(painting: np.ndarray, small: np.ndarray, source: np.ndarray) -> np.ndarray:
    """A painting at the size of its source, pixels of the same kind.

    The guided filter's local linear model (He et al. 2010, equation 5) says how far the painting's luma follows the
    source's; that share of the source's detail, which is what its small picture lacks, goes over the painting.

    Args:
        painting: pixels, in the size of `small`.
        small: the source at that size.
        source: pixels.
    """
    size = picture_size(source)
    if picture_size(painting) == size:
        return painting
    if picture_size(painting)[0] > size[0]:
        return resized(painting, size)
    if is_planar(source):
        result = empty(size, planar=True)
        outs = planes_of(result)
        luma = planes_of(painting)[0]
        cv2.add(*_shares(luma, planes_of(small)[0], planes_of(source)[0], size), outs[0], None, cv2.CV_8U)
        for plane, out in zip(planes_of(painting)[1:], outs[1:], strict=True):
            cv2.resize(plane, (out.shape[1], out.shape[0]), out, interpolation=cv2.INTER_CUBIC)
        return result
    luma, own, whole = (luma_of(pixels) for pixels in (painting, small, source))
    change = cv2.add(*_shares(luma, own, whole, size)) - _enlarged(luma.astype(np.float32), size)
    # As the detail was: where one overshoots and the other does not, edges have halos.
    return np.asarray(cv2.add(_enlarged(painting, size), cv2.merge([change] * 3), dtype=cv2.CV_8U))


def _shares(
    luma: np.ndarray, own: np.ndarray, whole: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What a lifted painting's luma is the sum of, float32: its own share, and that of its source."""
    gain = _gain(luma, own)
    # Enlarged, the grain of single pixels would be squares.
    bare = cv2.GaussianBlur(luma - gain * own, (0, 0), SOFTNESS)
    return _enlarged(bare, size), cv2.multiply(_enlarged(gain, size), whole, dtype=cv2.CV_32F)


def _gain(painted: np.ndarray, source: np.ndarray) -> np.ndarray:
    """How far the luma of a painting follows that of its source, (H, W) float32."""
    side = (WINDOW, WINDOW)
    one, other = source.astype(np.float32), painted.astype(np.float32)
    mean, means = cv2.blur(one, side), cv2.blur(other, side)
    variance = cv2.blur(one * one, side) - mean * mean
    covariance = cv2.blur(one * other, side) - mean * means
    return np.clip(cv2.blur((covariance + FLAT * GAIN[0]) / (variance + FLAT), side), *GAIN)


def _enlarged(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(field, size, interpolation=cv2.INTER_LINEAR)
