"""Drawing what a Plan says: keys, each moved to where its places are, laid into each other."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vidstyle.compiled import compiled
from vidstyle.keys.stretches import LEAST_SHOWN, KeyLayer, Plan
from vidstyle.stream.lifting_loops import spline_weights
from vidstyle.stream.planes import grid, sample

BROAD = 2.5
"""Positions over which colours are averaged to be broad ones: more than a stroke is wide."""
MOST_CHANGE = 96.0
"""Grey levels by which broad colours are changed, at the most."""
MOST_LAYERS = 6
"""Keys that show in one frame."""
POLE, TAPS = math.sqrt(3) - 2, 10
"""Of the filter that gives the coefficients of a cubic B-spline, and how far that is followed (Unser, Aldroubi and Eden
1993, "B-Spline Signal Processing: Part II", table I)."""
STEPS, EDGE = 16, 2
"""Of a grey level, in which coefficients are kept, and places around a key that have some."""


@dataclass(frozen=True)
class PaintedKey:
    """A painted key at the size that is drawn at.

    Attributes:
        coefficients: (H + 2 EDGE, W + 2 EDGE, 3) int16, STEPS times those of the cubic B-spline that goes through its
            pixels: moved by half a pixel, it keeps what cubic convolution would soften.
        alpha: (H, W) uint8; None if it is opaque.
        broad: (h, w, 3) float32, its colours at the positions of maps, without strokes.
    """

    coefficients: np.ndarray
    alpha: np.ndarray | None
    broad: np.ndarray


def painted(pixels: np.ndarray, alpha: np.ndarray | None, positions: tuple[int, int]) -> PaintedKey:
    """A key to draw with.

    pixels: RGB (H, W, 3) uint8.  alpha: (H, W) uint8.  positions: height and width of maps.
    """
    small = cv2.resize(pixels, positions[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return PaintedKey(_coefficients(pixels), alpha, cv2.GaussianBlur(small, (0, 0), BROAD))


def _coefficients(pixels: np.ndarray) -> np.ndarray:
    """See PaintedKey."""
    taps = math.sqrt(3) * POLE ** np.abs(np.arange(-TAPS, TAPS + 1))
    exact = cv2.sepFilter2D(pixels, cv2.CV_32F, taps, taps, borderType=cv2.BORDER_REFLECT_101)
    kept = np.rint(exact * STEPS).astype(np.int16)
    return np.asarray(cv2.copyMakeBorder(kept, EDGE, EDGE, EDGE, EDGE, cv2.BORDER_REFLECT_101))


class Drawer:
    """Draws one frame after the other.

    Args:
        painting_of: the painting of a key, by number.
    """

    def __init__(self, painting_of: Callable[[int], PaintedKey]) -> None:
        self._painting_of = painting_of
        self._last: np.ndarray | None = None
        self._keys = np.empty((0, 0, 0, 3), np.int16)
        self._slots: dict[int, int] = {}

    def draw(self, plan: Plan, source: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The painting of a frame, and how opaque it is.

        Args:
            plan: of the frame.
            source: RGB (H, W, 3) uint8, the frame at the size of the keys.

        Returns:
            RGB (H, W, 3) uint8, which must not be written to, and alpha (H, W) uint8 or None.
        """
        height, width = source.shape[:2]
        if self._keys.shape[1:3] != (height + 2 * EDGE, width + 2 * EDGE):
            self._keys = np.empty((MOST_LAYERS, height + 2 * EDGE, width + 2 * EDGE, 3), np.int16)
            self._slots, self._last = {}, None
        layers = sorted(plan.layers, key=lambda layer: -float(layer.weight.sum()))[:MOST_LAYERS]
        keys = [self._painting_of(layer.key) for layer in layers]
        positions = plan.uncovered.shape
        still = np.zeros((*positions, 2), np.float32)
        shifts = [still if layer.shift is None else layer.shift for layer in layers]
        weights = [layer.weight for layer in layers]
        slots = self._kept([layer.key for layer in layers], keys)
        change = np.zeros((*positions, 3), np.float32)
        for layer, key in zip(layers, keys, strict=True):
            more = layer.colors - layer.weight
            if np.abs(more).max() > LEAST_SHOWN:
                broad = key.broad if layer.shift is None else sample(key.broad, layer.shift)
                change += broad * more[..., None]
        np.clip(change, -MOST_CHANGE, MOST_CHANGE, out=change)
        beneath = plan.uncovered.max() > LEAST_SHOWN or not layers
        below = source  # looked at only where it shows
        if beneath:
            # The last picture, moved along, or the frame itself.
            if self._last is not None and plan.flow is not None:
                below, flow = self._last, plan.flow
            else:
                below, flow = source, still
            shifts.append(flow)
            weights.append(plan.uncovered)
        result = np.empty_like(source)
        blend(
            result,
            self._keys,
            np.array(slots, np.int64),
            np.ascontiguousarray(below),
            np.stack(shifts).astype(np.float32, copy=False),
            np.stack(weights).astype(np.float32, copy=False),
            change,
        )
        self._last = result
        return result, _blended_alpha(layers, keys, source.shape[:2])

    def _kept(self, numbers: list[int], keys: list[PaintedKey]) -> list[int]:
        """Where the coefficients of keys are, once they are."""
        self._slots = {number: slot for number, slot in self._slots.items() if number in numbers}
        for number, key in zip(numbers, keys, strict=True):
            if number not in self._slots:
                slot = min(set(range(MOST_LAYERS)) - set(self._slots.values()))
                self._keys[slot] = key.coefficients
                self._slots[number] = slot
        return [self._slots[number] for number in numbers]


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


def _blended_alpha(layers: list[KeyLayer], keys: list[PaintedKey], size: tuple[int, ...]) -> np.ndarray | None:
    """(H, W) uint8.  What is painted for want of a key is as opaque as the keys are there; None if all are opaque."""
    if all(key.alpha is None for key in keys):
        return None
    height, width = size[:2]
    total, known = np.zeros((height, width), np.float32), np.full((height, width), 1e-6, np.float32)
    for layer, key in zip(layers, keys, strict=True):
        if key.alpha is not None:
            share = cv2.resize(layer.weight, (width, height), interpolation=cv2.INTER_LINEAR) + np.float32(1e-3)
            total += share * moved(key.alpha, layer.shift)
            known += share
    return np.clip(np.rint(total / known), 0, 255).astype(np.uint8)


@compiled()
def blend(
    out: np.ndarray,
    keys: np.ndarray,
    slots: np.ndarray,
    below: np.ndarray,
    shifts: np.ndarray,
    weights: np.ndarray,
    change: np.ndarray,
) -> None:
    """Move pictures, mix them by weights, and change their colours.

    Args:
        out: (H, W, 3) uint8, to be drawn.
        keys: (S, H + 2 EDGE, W + 2 EDGE, 3) int16, see PaintedKey.
        slots: (N,) int64, which of them are mixed.
        below: (H, W, 3) uint8, what shows where none of them does, resampled linearly, as what has been resampled.
        shifts: (K, h, w, 2) float32, x before y: where each position is taken from, in positions away; K is N, or one
            more, which is that of `below`.
        weights: (K, h, w) float32; they come to 1.
        change: (h, w, 3) float32, grey levels that are added.
    """
    height, width = out.shape[:2]
    count, h, w = weights.shape
    one, half = np.float32(1), np.float32(0.5)
    least, nothing, most = np.float32(LEAST_SHOWN), np.float32(0), np.float32(255)
    scale_x, scale_y = np.float32(width / w), np.float32(height / h)
    for y in range(height):
        place = min(max((y + 0.5) / scale_y - 0.5, 0.0), h - 1.0)
        top = int(place)
        bottom = min(top + 1, h - 1)
        down = np.float32(place - top)
        for x in range(width):
            across = min(max((np.float32(x) + half) / scale_x - half, nothing), np.float32(w - 1))
            left = int(across)
            right = min(left + 1, w - 1)
            f = across - np.float32(left)
            d = down * f
            c, b = down - d, f - d
            a = one - down - b
            red = green = blue = total = nothing
            for k in range(count):
                share = (
                    a * weights[k, top, left]
                    + b * weights[k, top, right]
                    + c * weights[k, bottom, left]
                    + d * weights[k, bottom, right]
                )
                if share < least:
                    continue
                px = np.float32(x) + scale_x * (
                    a * shifts[k, top, left, 0]
                    + b * shifts[k, top, right, 0]
                    + c * shifts[k, bottom, left, 0]
                    + d * shifts[k, bottom, right, 0]
                )
                py = np.float32(y) + scale_y * (
                    a * shifts[k, top, left, 1]
                    + b * shifts[k, top, right, 1]
                    + c * shifts[k, bottom, left, 1]
                    + d * shifts[k, bottom, right, 1]
                )
                px = min(max(px, nothing), np.float32(width - 1))
                py = min(max(py, nothing), np.float32(height - 1))
                i, j = int(px), int(py)
                t, u = px - np.float32(i), py - np.float32(j)
                total += share
                if k < slots.shape[0]:
                    s = slots[k]
                    share *= np.float32(1 / STEPS)
                    w0, w1, w2, w3 = spline_weights(t)
                    v0, v1, v2, v3 = spline_weights(u)
                    for row in range(4):
                        m = share * (v0 if row == 0 else (v1 if row == 1 else (v2 if row == 2 else v3)))
                        n, first = j + (EDGE - 1) + row, i + (EDGE - 1)
                        m0, m1, m2, m3 = m * w0, m * w1, m * w2, m * w3
                        red += (
                            m0 * keys[s, n, first, 0]
                            + m1 * keys[s, n, first + 1, 0]
                            + m2 * keys[s, n, first + 2, 0]
                            + m3 * keys[s, n, first + 3, 0]
                        )
                        green += (
                            m0 * keys[s, n, first, 1]
                            + m1 * keys[s, n, first + 1, 1]
                            + m2 * keys[s, n, first + 2, 1]
                            + m3 * keys[s, n, first + 3, 1]
                        )
                        blue += (
                            m0 * keys[s, n, first, 2]
                            + m1 * keys[s, n, first + 1, 2]
                            + m2 * keys[s, n, first + 2, 2]
                            + m3 * keys[s, n, first + 3, 2]
                        )
                else:
                    i1, j1 = min(i + 1, width - 1), min(j + 1, height - 1)
                    e, g = share * (one - u) * (one - t), share * (one - u) * t
                    o, q = share * u * (one - t), share * u * t
                    red += e * below[j, i, 0] + g * below[j, i1, 0] + o * below[j1, i, 0] + q * below[j1, i1, 0]
                    green += e * below[j, i, 1] + g * below[j, i1, 1] + o * below[j1, i, 1] + q * below[j1, i1, 1]
                    blue += e * below[j, i, 2] + g * below[j, i1, 2] + o * below[j1, i, 2] + q * below[j1, i1, 2]
            # What shows too little to be looked at is made up for.
            more = one / max(total, least)
            values = (red * more, green * more, blue * more)
            for channel in range(3):
                moved_by = (
                    a * change[top, left, channel]
                    + b * change[top, right, channel]
                    + c * change[bottom, left, channel]
                    + d * change[bottom, right, channel]
                )
                out[y, x, channel] = np.uint8(min(max(values[channel] + moved_by + half, nothing), most))
