"""What is painted of a live picture where somebody is told from what is behind them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from vidstyle.stream.masks import laid_by
from vidstyle.stream.planes import picture_size, planes_of, resized

KEEP, BLUR, PAINT = "keep", "blur", "paint"
"""What is behind stays as it is, is blurred, or is all that is painted."""
BLUR_SHARE, BLUR_SIDE = 0.02, 160
"""Of a blur's width, of the longer side; and pixels of the side at which it is made."""
LEAST_WEIGHT = 0.02
"""Of what is behind around a place, below which its colours are those of farther away."""


class Background:
    """Joins a painting with what is behind somebody.

    Args:
        behind: KEEP, BLUR, PAINT or the path of a picture.
        size: (width, height) of frames.
        planes: planes of 4:2:0 of RGB, where frames come so; None where they are RGB.

    Raises:
        InputError: for a picture that cannot be read.
    """

    def __init__(
        self, behind: str, size: tuple[int, int], planes: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> None:
        self._kind = behind
        self._picture: np.ndarray | None = None
        if behind not in {KEEP, BLUR, PAINT}:
            from vidstyle.media.images import read_opaque

            picture = covering(read_opaque(Path(behind)), size)
            self._picture = picture if planes is None else planes(picture)

    def joined(self, mask: np.ndarray | None, painting: np.ndarray, source: np.ndarray) -> np.ndarray:
        """Pixels of a frame; before the first mask nobody is known to be there.

        Args:
            mask: (H, W) float32, 1 where somebody is; None where that is not known yet.
            painting, source: pixels of the same kind and size.
        """
        if mask is None:
            mask = np.zeros(picture_size(source)[::-1], np.float32)
        if self._kind == PAINT:
            return laid_by(mask, source, painting)
        return laid_by(mask, painting, self._behind(mask, source))

    def cares(self, mask: np.ndarray) -> np.ndarray:
        """Where the painting shows, (H, W) uint8."""
        return np.rint(255 * (1 - mask if self._kind == PAINT else mask)).astype(np.uint8)

    def _behind(self, mask: np.ndarray, source: np.ndarray) -> np.ndarray:
        if self._picture is not None:
            return resized(self._picture, picture_size(source))
        return blurred(source, mask) if self._kind == BLUR else source


def covering(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of a picture, RGB (H, W, 3) uint8, that fills a frame of `size` (width, height) in its own shape."""
    width, height = size
    scale = max(width / rgb.shape[1], height / rgb.shape[0])
    inner = max(1, round(width / scale)), max(1, round(height / scale))
    left, top = (rgb.shape[1] - inner[0]) // 2, (rgb.shape[0] - inner[1]) // 2
    return resized(np.ascontiguousarray(rgb[top : top + inner[1], left : left + inner[0]]), size)


def blurred(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What is behind a mask (H, W), out of focus: nothing of what is in front bleeds into it."""
    result = np.empty_like(pixels)
    for plane, out in zip(planes_of(pixels), planes_of(result), strict=True):
        height, width = plane.shape[:2]
        scale = min(1.0, BLUR_SIDE / max(width, height))
        size = max(2, round(width * scale)), max(2, round(height * scale))
        small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        weight = 1 - cv2.resize(mask, size, interpolation=cv2.INTER_AREA) + LEAST_WEIGHT
        shares = weight[..., None] if small.ndim == 3 else weight
        sigma = max(size) * BLUR_SHARE
        sums, weights = cv2.GaussianBlur(small * shares, (0, 0), sigma), cv2.GaussianBlur(weight, (0, 0), sigma)
        mean = sums / (weights[..., None] if small.ndim == 3 else weights)
        cv2.resize(mean.clip(0, 255).astype(np.uint8), (width, height), out, interpolation=cv2.INTER_LINEAR)
    return result
