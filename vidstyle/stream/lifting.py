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
"""Pixels along the square in which contrasts are compared (kernels.following is written for so many), and the variance
of grey levels that counts as none."""
FINEST, TAKEN_OFF = 1.35, 0.7
"""How much of what their share lacks of 1 is made up for in the source's finest details, those that a blur of a pixel
takes away; and the share of what they come to at the painting's size that is taken off it again.  Thin lines and
letters stay, however little a painting makes of their contrast, and seen from afar there are hardly more outlines than
it has; over more pixels that would be halos."""
GRAIN, NO_GRAIN = 3, 6
"""Grey levels of them up to which they are taken for grain, and from which on they are not."""
LEVEL = 128
"""What stands for no detail."""
SEEN = (1 / 384, 76 / 384, 230 / 384, 76 / 384, 1 / 384)
"""What the mean over a pixel of a cubic B-spline is made of, along one side: that of degree four at whole numbers."""
ROUNDS, REACH = 4, 5
"""In which that is undone, and pixels on both sides that are asked for it."""
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
    source's; it is the sum of that share of the source's luma, as sharp as the frame, and of what is the painting's
    own, enlarged smoothly.  Where the share is small, the source's finest details are made up for, and what they would
    come to at the painting's size is taken off the painting.  Chroma is enlarged.

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
    # Late: Numba takes a third of a second to load, and most single pictures are painted at their own size.
    from vidstyle.stream.lifting_loops import lift_plane, own_share

    planar = is_planar(source)
    luma, own, whole = (luma_of(pixels) for pixels in (painting, small, source))
    gain, fine = _gain(luma, own), _finest(whole)
    seen = cv2.resize(fine, picture_size(painting), interpolation=cv2.INTER_AREA)
    finest = made_up(*picture_size(painting))
    bare = own_share(luma, own, gain, seen, LEVEL, TAKEN_OFF * finest)
    result = empty(size, planar=planar)
    if planar:
        lift_plane(planes_of(result)[0], _coefficients(bare), gain, whole, fine, LEVEL, finest)
        for plane, out in zip(planes_of(painting)[1:], planes_of(result)[1:], strict=True):
            cv2.resize(plane, (out.shape[1], out.shape[0]), out, interpolation=cv2.INTER_CUBIC)
        return result
    bare -= luma
    for channel in range(3):
        coefficients = _coefficients(bare + painting[..., channel])
        lift_plane(result[..., channel], coefficients, gain, whole, fine, LEVEL, finest)
    return result


def made_up(width: int, height: int) -> float:
    """How much is made up for of finest details, see FINEST, over a painting of a size.

    Broad strokes leave less room: over a small painting, thin lines would stand beside the edges that it has itself.
    """
    return FINEST * min(1.0, min(width, height) / STROKE_ROWS)


def unseen() -> np.ndarray:
    """(2 REACH + 1,) float32, weights along one side that undo SEEN, about: Van Cittert's iteration, in one filter.

    So a lifted painting that is made small again is the painting: nothing is lost, and no pixel shows as a square.
    """
    left, power, rest = -np.array(SEEN), np.ones(1), np.zeros(ROUNDS * 4 + 1)
    left[2] += 1
    for done in range(ROUNDS + 1):
        rest[2 * (ROUNDS - done) : rest.size - 2 * (ROUNDS - done)] += power
        power = np.convolve(power, left)
    middle = rest.size // 2
    kept = rest[middle - REACH : middle + REACH + 1]
    return np.asarray(kept / kept.sum(), np.float32)


def firm() -> np.ndarray:
    """(256,) uint8, what is kept of each detail, of LEVEL more: nothing of grain, and all from NO_GRAIN on."""
    detail = np.arange(256) - LEVEL
    size = np.abs(detail)
    kept = np.minimum(np.maximum(size - GRAIN, 0) * NO_GRAIN // (NO_GRAIN - GRAIN), size)
    return np.asarray(LEVEL + np.sign(detail) * kept, np.uint8)


_UNSEEN, _FIRM = unseen(), firm()


def _coefficients(field: np.ndarray) -> np.ndarray:
    """Of the smooth surface (cubic B-spline) whose mean over each pixel is that of a field (h, w) float32, about."""
    return np.asarray(cv2.sepFilter2D(field, -1, _UNSEEN, _UNSEEN, borderType=cv2.BORDER_REPLICATE))


def _finest(luma: np.ndarray) -> np.ndarray:
    """The finest details of a luma (H, W), of LEVEL more, without grain; uint8."""
    # OpenCV's quickest: 1, 4, 6, 4 and 1 of 16, along both sides.
    result = cv2.GaussianBlur(luma, (5, 5), 0)
    cv2.addWeighted(luma, 1, result, -1, LEVEL, result)
    cv2.LUT(result, _FIRM, result)
    return np.asarray(result)


def _gain(painted: np.ndarray, source: np.ndarray) -> np.ndarray:
    """How far the luma of a painting follows that of its source, (H, W) float32."""
    from vidstyle.stream.lifting_loops import following

    return np.clip(cv2.blur(following(painted, source, FLAT, GAIN[0]), (WINDOW, WINDOW)), *GAIN)
