"""Masks whose edges follow what is in the frame."""

import cv2
import numpy as np

from vidstyle.stream.planes import luma_of, picture_size, planes_of

GUIDED_SIDE = 320
"""Pixels along the longer side of the small picture in which edges are looked for."""
REACH = 0.04
"""Of that side, how far from a mask's edge the frame's own is looked for."""
SPREAD = 80.0
"""Variance of grey levels from which on something is an edge."""
GAIN = 1.5
"""Contrast of what comes of it: a filter that fits lines leaves a little of each side on the other one."""
SOFT = (3, 3)
"""Pixels over which an edge is soft at the least."""


def softened(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """A mask of any size at the size of a frame, with the frame's own edges.

    The guided filter (He et al. 2010, equations 5 to 8), at a small size (He and Sun 2015, "Fast Guided Filter").

    Args:
        mask: (h, w) float32, 0 to 1.
        pixels: of the frame, see vidstyle.media.frame.Frame.

    Returns:
        (H, W) float32, 0 to 1.
    """
    width, height = picture_size(pixels)
    scale = min(1.0, GUIDED_SIDE / max(width, height))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    guide = luma_of(pixels)
    small = cv2.resize(guide, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    mask = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    window = (2 * max(1, round(REACH * max(size))) + 1,) * 2
    mean, level = cv2.blur(small, window), cv2.blur(mask, window)
    variance = cv2.blur(small * small, window) - mean * mean
    gain = (cv2.blur(small * mask, window) - mean * level) / (variance + SPREAD)
    offset = level - gain * mean
    gains, offsets = (
        cv2.resize(cv2.blur(field, window), (width, height), interpolation=cv2.INTER_LINEAR) for field in (gain, offset)
    )
    fitted = cv2.add(cv2.multiply(gains, guide, dtype=cv2.CV_32F), offsets)
    return np.asarray(cv2.blur(np.clip(fitted * GAIN + (1 - GAIN) / 2, 0, 1), SOFT))


def laid_by(mask: np.ndarray, over: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`over` where a mask (H, W) float32 is 1, `below` where it is 0; pixels of the same kind and size as both."""
    result = np.empty_like(over)
    for one, other, out in zip(planes_of(over), planes_of(below), planes_of(result), strict=True):
        share = mask
        if out.shape[:2] != mask.shape:
            share = cv2.resize(mask, (out.shape[1], out.shape[0]), interpolation=cv2.INTER_AREA)
        out[:] = cv2.blendLinear(one, other, share, 1 - share)
    return result
