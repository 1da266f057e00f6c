"""Loops over pixels that no library has in one pass, compiled by Numba for the processor at hand.

The first call compiles for some seconds; what comes of it is kept on disk.
"""

from typing import Any

import numba
import numpy as np

VISIBLE = 0.004
"""Share below which nothing is drawn: a grey level."""
CUBIC = -0.75
"""The slope of cubic convolution (Keys 1981, equation 4, with a free slope) at its first zero; OpenCV's."""


@numba.njit(nogil=True, fastmath=True, cache=True, inline="always")
def _linear(planes: np.ndarray, number: int, x: Any, y: Any) -> Any:
    height, width = planes.shape[1:]
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    left, top = np.int64(x), np.int64(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    fx, fy = x - np.float32(left), y - np.float32(top)
    a, b = np.float32(planes[number, top, left]), np.float32(planes[number, top, right])
    c, d = np.float32(planes[number, bottom, left]), np.float32(planes[number, bottom, right])
    above = a + fx * (b - a)
    return above + fy * (c + fx * (d - c) - above)


@numba.njit(nogil=True, fastmath=True, cache=True, inline="always")
def _cubic(planes: np.ndarray, number: int, x: Any, y: Any) -> Any:
    height, width = planes.shape[1:]
    if x < np.float32(1) or y < np.float32(1) or x >= np.float32(width - 2) or y >= np.float32(height - 2):
        return _linear(planes, number, x, y)
    left, top = np.int64(x), np.int64(y)
    t, u = x - np.float32(left), y - np.float32(top)
    a = np.float32(CUBIC)
    one, two, three = np.float32(1), np.float32(2), np.float32(3)
    s = one - t
    w0, w3 = a * t * s * s, a * s * t * t
    w1 = ((a + two) * t - (a + three)) * t * t + one
    w2 = one - w0 - w1 - w3
    s = one - u
    v0, v3 = a * u * s * s, a * s * u * u
    v1 = ((a + two) * u - (a + three)) * u * u + one
    v2 = one - v0 - v1 - v3
    total = np.float32(0)
    for row in range(4):
        at = top - 1 + row
        line = (
            w0 * np.float32(planes[number, at, left - 1])
            + w1 * np.float32(planes[number, at, left])
            + w2 * np.float32(planes[number, at, left + 1])
            + w3 * np.float32(planes[number, at, left + 2])
        )
        total += (v0 if row == 0 else (v1 if row == 1 else (v2 if row == 2 else v3))) * line
    return total


@numba.njit(nogil=True, fastmath=True, cache=True)
def draw_plane(
    out: np.ndarray,
    last: np.ndarray,
    keys: np.ndarray,
    slots: np.ndarray,
    shifts: np.ndarray,
    overs: np.ndarray,
    flow: np.ndarray,
    held: np.ndarray,
    fading: np.ndarray,
    changed: np.ndarray,
    fill: np.ndarray,
    cubic: bool,
) -> None:
    """Draw one plane of what a View shows; see vidstyle.stream.laying.

    Args:
        out: (H, W) uint8, to be drawn.
        last: (1, H, W) uint8, the last output.
        keys: (K, H, W) uint8, the planes of keys.
        slots: (n,) int64, which of them are the layers, the one on top first.
        shifts, overs: (n, h, w, 2) and (n, h, w) float32, of each layer; see vidstyle.stream.memory.Layer.
        flow, held, fading: (h, w, 2) and (h, w) float32; see vidstyle.stream.memory.View.
        changed: (h, w) bool; where nothing has, `out` is `last`.
        fill: (H, W) uint8, where nothing else is there.
        cubic: whether keys are resampled by cubic convolution rather than linearly.
    """
    height, width = out.shape
    h, w = changed.shape
    layers = slots.shape[0]
    one, half, nothing, least = np.float32(1), np.float32(0.5), np.float32(0), np.float32(VISIBLE)
    scale_x, scale_y = np.float32(width / w), np.float32(height / h)
    # Pixels between two positions are drawn together: where they begin, and how far the first one has come.
    begins = np.empty(w + 1, np.int64)
    begins[0], begins[w] = 0, width
    for x in range(1, w):
        begins[x] = min(width, max(0, np.int64(np.ceil((x + 0.5) * scale_x - 0.5))))
    step = one / scale_x
    # Maps of one row of pixels.
    over, sx, sy = (
        np.empty((layers, w), np.float32),
        np.empty((layers, w), np.float32),
        np.empty((layers, w), np.float32),
    )
    fx, fy = np.empty(w, np.float32), np.empty(w, np.float32)
    hold, fade = np.empty(w, np.float32), np.empty(w, np.float32)
    dirty = np.empty(w, np.bool_)
    for y in range(height):
        place = min(max((y + 0.5) / scale_y - 0.5, 0.0), h - 1.0)
        top = int(place)
        bottom = min(top + 1, h - 1)
        down = np.float32(place - top)
        for x in range(w):
            dirty[x] = changed[top, x] or changed[bottom, x]
            hold[x] = held[top, x] + down * (held[bottom, x] - held[top, x])
            fade[x] = fading[top, x] + down * (fading[bottom, x] - fading[top, x])
            fx[x] = flow[top, x, 0] + down * (flow[bottom, x, 0] - flow[top, x, 0])
            fy[x] = flow[top, x, 1] + down * (flow[bottom, x, 1] - flow[top, x, 1])
        for k in range(layers):
            for x in range(w):
                over[k, x] = overs[k, top, x] + down * (overs[k, bottom, x] - overs[k, top, x])
                sx[k, x] = shifts[k, top, x, 0] + down * (shifts[k, bottom, x, 0] - shifts[k, top, x, 0])
                sy[k, x] = shifts[k, top, x, 1] + down * (shifts[k, bottom, x, 1] - shifts[k, top, x, 1])
        for left in range(w):
            right = min(left + 1, w - 1)
            begin, end = begins[left], begins[left + 1]
            if not (dirty[left] or dirty[right]):
                for x in range(begin, end):
                    out[y, x] = last[0, y, x]
                continue
            f = min(max((np.float32(begin) + half) / scale_x - half - np.float32(left), nothing), one)
            bare = fade[left] < least and fade[right] < least
            if bare and layers and over[0, left] > one - least and over[0, right] > one - least:
                # Nearly everywhere one key is all that shows.
                slot = slots[0]
                ax, bx = scale_x * sx[0, left], scale_x * (sx[0, right] - sx[0, left])
                ay, by = scale_y * sy[0, left], scale_y * (sy[0, right] - sy[0, left])
                for x in range(begin, end):
                    px, py = np.float32(x) + ax + f * bx, np.float32(y) + ay + f * by
                    f += step
                    value = _cubic(keys, slot, px, py) if cubic else _linear(keys, slot, px, py)
                    out[y, x] = np.uint8(min(max(value + half, nothing), np.float32(255)))
                continue
            for x in range(begin, end):
                rest, total = one, nothing
                for k in range(layers):
                    share = over[k, left] + f * (over[k, right] - over[k, left])
                    if share < least:
                        continue
                    px = np.float32(x) + scale_x * (sx[k, left] + f * (sx[k, right] - sx[k, left]))
                    py = np.float32(y) + scale_y * (sy[k, left] + f * (sy[k, right] - sy[k, left]))
                    slot = slots[k]
                    value = _cubic(keys, slot, px, py) if cubic else _linear(keys, slot, px, py)
                    total += rest * share * value
                    rest *= one - share
                    if rest < least:
                        break
                faded = fade[left] + f * (fade[right] - fade[left])
                if rest < least:
                    total /= one - rest
                if rest >= least or faded >= least:
                    px = np.float32(x) + scale_x * (fx[left] + f * (fx[right] - fx[left]))
                    py = np.float32(y) + scale_y * (fy[left] + f * (fy[right] - fy[left]))
                    moved = _linear(last, 0, px, py)
                    if rest >= least:
                        stays = hold[left] + f * (hold[right] - hold[left])
                        total += rest * (stays * moved + (one - stays) * np.float32(fill[y, x]))
                    total += faded * (moved - total)
                f += step
                out[y, x] = np.uint8(min(max(total + half, nothing), np.float32(255)))
