"""Pixels as they travel, RGB or planes of 4:2:0, plane by plane."""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np


def is_planar(pixels: np.ndarray) -> bool:
    """Whether pixels are planes (3 H / 2, W) of 4:2:0 rather than RGB (H, W, 3)."""
    return pixels.ndim == 2


def picture_size(pixels: np.ndarray) -> tuple[int, int]:
    """Width and height of the picture, pixels."""
    height, width = pixels.shape[:2]
    return width, height * 2 // 3 if is_planar(pixels) else height


def planes_of(pixels: np.ndarray) -> list[np.ndarray]:
    """Views: RGB as it is, or Y (H, W), U and V (H / 2, W / 2)."""
    if not is_planar(pixels):
        return [pixels]
    width, height = picture_size(pixels)
    chroma = pixels[height:].reshape(2, height // 2, width // 2)
    return [pixels[:height], chroma[0], chroma[1]]


def luma_of(pixels: np.ndarray) -> np.ndarray:
    """Luma (H, W) uint8: the plane Y, a view, or the grey of RGB."""
    return planes_of(pixels)[0] if is_planar(pixels) else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def empty(size: tuple[int, int], *, planar: bool) -> np.ndarray:
    """Uninitialised pixels of a picture of `size` (width, height)."""
    width, height = size
    return np.empty((height * 3 // 2, width) if planar else (height, width, 3), np.uint8)


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels of the same kind at `size` (width, height), even for planes: averaged down, or interpolated up."""
    if picture_size(pixels) == size:
        return pixels
    smaller = size[0] < picture_size(pixels)[0]
    result = empty(size, planar=is_planar(pixels))
    for plane, out in zip(planes_of(pixels), planes_of(result), strict=True):
        # Bilinear shows its squares where little is enlarged to much.
        way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        cv2.resize(plane, (out.shape[1], out.shape[0]), out, interpolation=way)
    return result


@lru_cache(maxsize=16)
def grid(height: int, width: int) -> np.ndarray:
    """(h, w, 2) float32: every place, x before y."""
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


def places(shift: np.ndarray) -> np.ndarray:
    """Every place plus its shift, (h, w, 2)."""
    return np.asarray(cv2.add(shift, grid(*shift.shape[:2])))


def sample(picture: np.ndarray, shift: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """(H, W) or (H, W, C) at every place plus its shift (h, w, 2); beyond the border as at it."""
    # Its type stubs do not know that one map can hold both coordinates.
    remap: Callable[..., np.ndarray] = cv2.remap
    return remap(picture, places(shift), None, interpolation, borderMode=cv2.BORDER_REPLICATE)
