"""Optical flow between two small pictures by patches, in loops that Numba compiles for the processor at hand.

It is DIS (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"), with whole steps of Gauss and Newton:
one of them does what several of OpenCV's do, whose steps are an eighth as long.  Each level of a pyramid begins with
the flow of the level below, finds that of patches, lays these over each other, and smooths what comes of it
(vidstyle.stream.flow_refinement).
"""

import math
from typing import Any

import cv2
import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.flow_refinement import refine

PATCH = 8
"""Pixels along the side of a patch."""
STRIDE = 3
"""Pixels from patch to patch."""
PAD = PATCH + 1
"""Pixels around a picture that is searched, so that patches may leave it."""
PASSES = 2
"""There and back again."""
STEP = np.float32(0.35)
"""Share of a step that is taken: what the level below has found counts as well."""
APART = 0.03
"""Pixels between what two neighbours have found, from which on it is worth comparing."""
RIDGE = 1.0
"""Added to the squared slopes of a patch, grey levels a pixel: what is plain goes nowhere."""
SHORTEST = 32
"""Pixels along the longer side of the smallest picture, about."""


def dense_flow(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Where each pixel was: (2, H, W) float32, x before y, pixels.

    Args:
        now, before: luma (H, W) uint8, at least PATCH pixels along each side.

    Raises:
        ValueError: if they are smaller, or of two sizes; the loops do not look where they write.
    """
    if now.shape != before.shape or min(now.shape) < PATCH:
        raise ValueError(
            f"motion is found in pictures alike of {PATCH} pixels a side or more: {now.shape}, {before.shape}"
        )
    pairs = [(now, before)]
    height, width = now.shape
    levels = min(round(math.log2(max(height, width) / SHORTEST)), int(math.log2(min(height, width) / PATCH)))
    for level in range(1, levels + 1):
        size = width >> level, height >> level
        pairs.append((_halved(pairs[-1][0], size), _halved(pairs[-1][1], size)))
    flow = np.zeros((2, *pairs[-1][0].shape), np.float32)
    for one, other in reversed(pairs):
        if one.shape != flow.shape[1:]:
            flow = _enlarged(flow, one.shape)
        picture = one.astype(np.float32)
        across = cv2.Scharr(picture, cv2.CV_32F, 1, 0, scale=1 / 32, borderType=cv2.BORDER_REPLICATE)
        down = cv2.Scharr(picture, cv2.CV_32F, 0, 1, scale=1 / 32, borderType=cv2.BORDER_REPLICATE)
        searched = cv2.copyMakeBorder(other, PAD, PAD, PAD, PAD, cv2.BORDER_REPLICATE).astype(np.float32)
        found = search_patches(picture, across, down, searched, flow, STRIDE, PASSES)
        lay_patches(picture, searched, found, STRIDE, flow)
        refine(picture, searched, PAD, flow)
    return flow


def _halved(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _enlarged(flow: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A flow of twice as many pixels, about, twice as far."""
    height, width = shape
    larger = np.empty((2, *shape), np.float32)
    for part, to in zip(flow, larger, strict=True):
        cv2.resize(part, (width, height), dst=to)
    larger *= 2
    return larger


@compiled(error_model="numpy", part=True)
def _corner(place: Any, limit: Any) -> Any:
    """The pixel of a padded picture left of where a patch begins, and the share behind it; it stays in what is padded.

    place: float32, in the picture; limit: its pixels along that side.
    """
    place = min(max(place, np.float32(1 - PATCH)), np.float32(limit - 1)) + np.float32(PAD)
    whole = np.uintp(np.int64(place))
    return whole, place - np.float32(whole)


@compiled(error_model="numpy", part=True)
def _between(searched: np.ndarray, y: Any, x: Any, share: Any) -> Any:
    """What lies a share of a pixel right of one."""
    return searched[y, x] + share * (searched[y, x + np.uintp(1)] - searched[y, x])


@compiled(error_model="numpy", part=True)
def _differ(picture: np.ndarray, searched: np.ndarray, top: Any, left: Any, u: Any, v: Any) -> Any:
    """Squared difference between a patch and what lies (u, v) from it, without that of their means."""
    one = np.uintp(1)
    y, fy = _corner(np.float32(top) + v, picture.shape[0])
    x, fx = _corner(np.float32(left) + u, picture.shape[1])
    total, squares = np.float32(0), np.float32(0)
    # Columns outside, so that eight of them are computed at a time.
    for k in range(np.uintp(PATCH)):
        above = _between(searched, y, x + k, fx)
        for r in range(np.uintp(PATCH)):
            below = _between(searched, y + r + one, x + k, fx)
            change = above + fy * (below - above) - picture[top + r, left + k]
            total += change
            squares += change * change
            above = below
    return squares - total * total * np.float32(1 / PATCH**2)


@compiled(error_model="numpy", part=True)
def _step(
    picture: np.ndarray, across: np.ndarray, down: np.ndarray, searched: np.ndarray, top: Any, left: Any, u: Any, v: Any
) -> Any:
    """The step of Gauss and Newton from (u, v), x before y, pixels; equation 3 of Kroeger et al., without means."""
    one = np.uintp(1)
    y, fy = _corner(np.float32(top) + v, picture.shape[0])
    x, fx = _corner(np.float32(left) + u, picture.shape[1])
    zero = np.float32(0)
    total, sum_x, sum_y, with_x, with_y, xx, xy, yy = zero, zero, zero, zero, zero, zero, zero, zero
    for k in range(np.uintp(PATCH)):
        above = _between(searched, y, x + k, fx)
        for r in range(np.uintp(PATCH)):
            below = _between(searched, y + r + one, x + k, fx)
            change = above + fy * (below - above) - picture[top + r, left + k]
            above = below
            gx, gy = across[top + r, left + k], down[top + r, left + k]
            total += change
            sum_x += gx
            sum_y += gy
            with_x += change * gx
            with_y += change * gy
            xx += gx * gx
            xy += gx * gy
            yy += gy * gy
    share = np.float32(1 / PATCH**2)
    with_x -= total * sum_x * share
    with_y -= total * sum_y * share
    xx += np.float32(RIDGE) - sum_x * sum_x * share
    yy += np.float32(RIDGE) - sum_y * sum_y * share
    xy -= sum_x * sum_y * share
    inverse = np.float32(1) / (xx * yy - xy * xy)
    return (xy * with_y - yy * with_x) * inverse, (xy * with_x - xx * with_y) * inverse


@compiled(error_model="numpy")
def search_patches(
    picture: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    searched: np.ndarray,
    flow: np.ndarray,
    stride: int,
    passes: int,
) -> np.ndarray:
    """Flow of patches, (rows, columns, 2) float32, x before y; the last of a row ends where the picture does.

    Each begins with what the flow says, or one of the neighbours that came before, whichever fits best.

    Args:
        picture, across, down: (H, W) float32, grey levels, and their slopes.
        searched: (H + 2 PAD, W + 2 PAD) float32, the other picture.
        flow: (2, H, W) float32, where to begin.
        stride: pixels from patch to patch.
        passes: 1 from the top left to the bottom right, 2 and back again.
    """
    height, width = picture.shape
    rows, columns = (height - PATCH + stride - 1) // stride + 1, (width - PATCH + stride - 1) // stride + 1
    found, least = np.empty((rows, columns, 2), np.float32), np.empty((rows, columns), np.float32)
    half = np.uintp(PATCH // 2)
    for turn in range(passes):
        way = 1 if turn % 2 == 0 else -1
        for nth_row in range(rows):
            i = nth_row if way == 1 else rows - 1 - nth_row
            top = np.uintp(min(i * stride, height - PATCH))
            for nth in range(columns):
                j = nth if way == 1 else columns - 1 - nth
                left = np.uintp(min(j * stride, width - PATCH))
                if turn == 0:
                    u, v = flow[0, top + half, left + half], flow[1, top + half, left + half]
                    best = _differ(picture, searched, top, left, u, v)
                else:
                    u, v, best = found[i, j, 0], found[i, j, 1], least[i, j]
                for side in range(2):
                    if (nth if side == 0 else nth_row) == 0:
                        continue
                    beside_u = found[i, j - way, 0] if side == 0 else found[i - way, j, 0]
                    beside_v = found[i, j - way, 1] if side == 0 else found[i - way, j, 1]
                    if max(abs(beside_u - u), abs(beside_v - v)) > np.float32(APART):
                        other = _differ(picture, searched, top, left, beside_u, beside_v)
                        if other < best:
                            best, u, v = other, beside_u, beside_v
                step_u, step_v = _step(picture, across, down, searched, top, left, u, v)
                step_u, step_v = u + STEP * step_u, v + STEP * step_v
                # Farther than that it has lost its way.
                if abs(step_u - u) + abs(step_v - v) < np.float32(PATCH):
                    other = _differ(picture, searched, top, left, step_u, step_v)
                    if other < best:
                        best, u, v = other, step_u, step_v
                found[i, j, 0], found[i, j, 1], least[i, j] = u, v, best
    return found


@compiled(error_model="numpy")
def lay_patches(picture: np.ndarray, searched: np.ndarray, found: np.ndarray, stride: int, flow: np.ndarray) -> None:
    """Each pixel's flow, the mean of its patches' by how well they fit there: equation 9 of Kroeger et al.

    Args:
        flow: (2, H, W) float32, to be written; the others as in `search_patches`.
    """
    height, width = picture.shape
    one = np.uintp(1)
    weights, shares = np.zeros((height, width), np.float32), np.empty((PATCH, PATCH), np.float32)
    flow[:] = np.float32(0)
    for i in range(found.shape[0]):
        top = np.uintp(min(i * stride, height - PATCH))
        for j in range(found.shape[1]):
            left = np.uintp(min(j * stride, width - PATCH))
            u, v = found[i, j, 0], found[i, j, 1]
            y, fy = _corner(np.float32(top) + v, height)
            x, fx = _corner(np.float32(left) + u, width)
            for k in range(np.uintp(PATCH)):
                above = _between(searched, y, x + k, fx)
                for r in range(np.uintp(PATCH)):
                    below = _between(searched, y + r + one, x + k, fx)
                    change = above + fy * (below - above) - picture[top + r, left + k]
                    shares[r, k] = np.float32(1) / max(np.float32(1), abs(change))
                    above = below
            for r in range(np.uintp(PATCH)):
                for k in range(np.uintp(PATCH)):
                    weights[top + r, left + k] += shares[r, k]
                for k in range(np.uintp(PATCH)):
                    flow[0, top + r, left + k] += u * shares[r, k]
                for k in range(np.uintp(PATCH)):
                    flow[1, top + r, left + k] += v * shares[r, k]
    for row in range(np.uintp(height)):
        for column in range(np.uintp(width)):
            share = np.float32(1) / weights[row, column]
            flow[0, row, column] *= share
            flow[1, row, column] *= share
