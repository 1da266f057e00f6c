"""Drawing what a Plan says: keys, each moved to where its places are, laid into each other."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numba
import numpy as np

from vidstyle.keys.stretches import LEAST_SHOWN, Plan
from vidstyle.stream.laying import SHARPEN, SHARPEN_RADIUS
from vidstyle.stream.planes import grid, sample

BROAD = 2.5
"""Positions over which colours are averaged to be broad ones: more than a stroke is wide."""
MOST_CHANGE = 96.0
"""Grey levels by which broad colours are changed, at the most."""
TINTED = 0.5
"""Share of the colour of the frame itself where nothing has been painted."""


@dataclass(frozen=True)
class Painted:
    """A painted key at the size that is drawn at.

    Attributes:
        pixels: RGB (H, W, 3) uint8, sharpened a little, since resampling will soften it.
        alpha: (H, W) uint8; None if it is opaque.
        broad: (h, w, 3) float32, its colours at the positions of maps, without strokes.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    broad: np.ndarray


def painted(pixels: np.ndarray, alpha: np.ndarray | None, positions: tuple[int, int]) -> Painted:
    """A key to draw with.

    pixels: RGB (H, W, 3) uint8.  alpha: (H, W) uint8.  positions: height and width of maps.
    """
    soft = cv2.GaussianBlur(pixels, (0, 0), SHARPEN_RADIUS)
    sharp = cv2.addWeighted(pixels, 1 + SHARPEN, soft, -SHARPEN, 0)
    small = cv2.resize(pixels, positions[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return Painted(sharp, alpha, cv2.GaussianBlur(small, (0, 0), BROAD))


class Drawer:
    """Draws one frame after the other.

    Args:
        painting_of: the painting of a key, by number.
    """

    def __init__(self, painting_of: Callable[[int], Painted]) -> None:
        self._painting_of = painting_of
        self._last: np.ndarray | None = None

    def draw(self, plan: Plan, source: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The painting of a frame, and how opaque it is.

        Args:
            plan: of the frame.
            source: RGB (H, W, 3) uint8, the frame at the size of the keys.

        Returns:
            RGB (H, W, 3) uint8, which must not be written to, and alpha (H, W) uint8 or None.
        """
        height, width = source.shape[:2]
        positions = plan.uncovered.shape
        weights, pictures, alphas = [], [], []
        change = np.zeros((*positions, 3), np.float32)
        for layer in plan.layers:
            key = self._painting_of(layer.key)
            way = _way(layer.shift, height, width)
            pictures.append(_remapped(key.pixels, way, cv2.INTER_CUBIC))
            alphas.append(None if key.alpha is None else _remapped(key.alpha, way, cv2.INTER_LINEAR))
            weights.append(layer.weight)
            more = layer.colors - layer.weight
            if np.abs(more).max() > LEAST_SHOWN:
                broad = key.broad if layer.shift is None else sample(key.broad, layer.shift)
                change += broad * more[..., None]
        np.clip(change, -MOST_CHANGE, MOST_CHANGE, out=change)
        if plan.uncovered.max() > LEAST_SHOWN or not pictures:
            pictures.append(self._beneath(plan, source))
            weights.append(plan.uncovered)
            alphas.append(None)
        result = np.empty_like(source)
        blend(result, np.stack(pictures), np.stack(weights), change)
        self._last = result
        return result, _blended_alpha(alphas, weights, (height, width))

    def _beneath(self, plan: Plan, source: np.ndarray) -> np.ndarray:
        """What shows where no key does: the last picture, moved along, or the frame itself."""
        if self._last is None or plan.flow is None or self._last.shape != source.shape:
            return source
        return _remapped(self._last, _way(plan.flow, *source.shape[:2]), cv2.INTER_LINEAR)


def moved(picture: np.ndarray, shift: np.ndarray | None, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """A picture (H, W) or (H, W, C) at every place plus its shift (h, w, 2), in positions."""
    return _remapped(picture, _way(shift, *picture.shape[:2]), interpolation)


def _way(shift: np.ndarray | None, height: int, width: int) -> np.ndarray | None:
    """Where the pixels of a picture are to be taken from, (H, W, 2); None for where they are."""
    if shift is None:
        return None
    scale = np.array([width / shift.shape[1], height / shift.shape[0]], np.float32)
    return np.asarray(
        cv2.add(cv2.resize(shift * scale, (width, height), interpolation=cv2.INTER_LINEAR), grid(height, width))
    )


def _remapped(picture: np.ndarray, way: np.ndarray | None, interpolation: int) -> np.ndarray:
    if way is None:
        return picture
    remap: Callable[..., np.ndarray] = cv2.remap
    return remap(picture, way, None, interpolation, borderMode=cv2.BORDER_REPLICATE)


def _blended_alpha(
    alphas: list[np.ndarray | None], weights: list[np.ndarray], size: tuple[int, int]
) -> np.ndarray | None:
    """(H, W) uint8.  What is painted for want of a key is as opaque as the keys are there; None if all are opaque."""
    if all(alpha is None for alpha in alphas):
        return None
    height, width = size
    total, known = np.zeros(size, np.float32), np.full(size, 1e-6, np.float32)
    for alpha, weight in zip(alphas, weights, strict=True):
        if alpha is not None:
            share = cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR) + np.float32(1e-3)
            total += share * alpha
            known += share
    return np.clip(np.rint(total / known), 0, 255).astype(np.uint8)


@numba.njit(nogil=True, fastmath=True, cache=True)
def blend(out: np.ndarray, pictures: np.ndarray, weights: np.ndarray, change: np.ndarray) -> None:
    """Mix pictures by weights, and change their colours.

    Args:
        out: (H, W, 3) uint8, to be drawn.
        pictures: (K, H, W, 3) uint8.
        weights: (K, h, w) float32, interpolated between positions; they come to 1.
        change: (h, w, 3) float32, grey levels that are added.
    """
    height, width = out.shape[:2]
    count, h, w = weights.shape
    one, half = np.float32(1), np.float32(0.5)
    for y in range(height):
        place = min(max((y + 0.5) * h / height - 0.5, 0.0), h - 1.0)
        top = int(place)
        bottom = min(top + 1, h - 1)
        down = np.float32(place - top)
        for x in range(width):
            across = min(max((x + 0.5) * w / width - 0.5, 0.0), w - 1.0)
            left = int(across)
            right = min(left + 1, w - 1)
            f = np.float32(across - left)
            a, b = (one - down) * (one - f), (one - down) * f
            c, d = down * (one - f), down * f
            red = green = blue = np.float32(0)
            for k in range(count):
                share = (
                    a * weights[k, top, left]
                    + b * weights[k, top, right]
                    + c * weights[k, bottom, left]
                    + d * weights[k, bottom, right]
                )
                if share > 0:
                    red += share * pictures[k, y, x, 0]
                    green += share * pictures[k, y, x, 1]
                    blue += share * pictures[k, y, x, 2]
            for channel in range(3):
                more = (
                    a * change[top, left, channel]
                    + b * change[top, right, channel]
                    + c * change[bottom, left, channel]
                    + d * change[bottom, right, channel]
                )
                value = (red if channel == 0 else (green if channel == 1 else blue)) + more + half
                out[y, x, channel] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))
