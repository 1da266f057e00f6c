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
from vidstyle.stream.gathering import put, taken
from vidstyle.stream.lanes import all_eight, at_least_one, eight_at, put_eight, sum_of_eight
from vidstyle.stream.thread_room import ThreadRoom

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
OF_PATCH = 11
"""Numbers that are known of a patch: its flow, x before y, and what is left of its difference then; what `_slopes`
gives; sums of the difference times slopes, as its next step takes them; and whether that step is worth a try."""

_held = ThreadRoom()


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
        height, width = one.shape
        rows, columns = (-(-(side - PATCH) // STRIDE) + 1 for side in (height, width))
        picture, across, down, weights, searched, patches = _held.arrays(
            *[one.shape] * 4, (height + 2 * PAD, width + 2 * PAD), (rows, columns, OF_PATCH)
        )
        picture[:] = one
        cv2.Scharr(picture, cv2.CV_32F, 1, 0, across, 1 / 32, borderType=cv2.BORDER_REPLICATE)
        cv2.Scharr(picture, cv2.CV_32F, 0, 1, down, 1 / 32, borderType=cv2.BORDER_REPLICATE)
        searched[:] = cv2.copyMakeBorder(other, PAD, PAD, PAD, PAD, cv2.BORDER_REPLICATE)
        search_patches(picture, across, down, searched, flow, patches)
        lay_patches(picture, searched, patches, weights, flow)
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
    whole = np.int64(place)
    return whole, place - np.float32(whole)


@compiled(part=True)
def _eight_between(numbers: np.ndarray, at: Any, share: Any) -> Any:
    """What lies a share of a pixel right of eight."""
    left = eight_at(numbers, at)
    return left + share * (eight_at(numbers, at + 1) - left)


@compiled(error_model="numpy", part=True)
def _slopes(across: np.ndarray, down: np.ndarray, place: Any, width: Any) -> Any:
    """Of a patch the sums of its slopes, x before y, and minus the inverse of H in equation 3 of Kroeger et al.: what
    belongs to x, to both and to y.  Their means are taken out."""
    none = all_eight(np.float32(0))
    all_x, all_y, all_xx, all_xy, all_yy = none, none, none, none, none
    for _ in range(PATCH):
        gx, gy = eight_at(across, place), eight_at(down, place)
        all_x, all_y = all_x + gx, all_y + gy
        all_xx, all_xy, all_yy = all_xx + gx * gx, all_xy + gx * gy, all_yy + gy * gy
        place += width
    sum_x, sum_y, share = sum_of_eight(all_x), sum_of_eight(all_y), np.float32(1 / PATCH**2)
    xx = sum_of_eight(all_xx) + np.float32(RIDGE) - sum_x * sum_x * share
    yy = sum_of_eight(all_yy) + np.float32(RIDGE) - sum_y * sum_y * share
    xy = sum_of_eight(all_xy) - sum_x * sum_y * share
    inverse = np.float32(1) / (xx * yy - xy * xy)
    return sum_x, sum_y, -yy * inverse, xy * inverse, -xx * inverse


@compiled(error_model="numpy", part=True)
def _fit(
    picture: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    searched: np.ndarray,
    size: Any,
    top: Any,
    left: Any,
    u: Any,
    v: Any,
) -> Any:
    """How a patch and what lies (u, v) from it differ.

    Returns:
        The squared difference without that of means, the mean one, and sums of it times the slopes, x before y.
    """
    height, width = size
    y, fy = _corner(np.float32(top) + v, height)
    x, fx = _corner(np.float32(left) + u, width)
    stride = width + 2 * PAD
    at, place = y * stride + x, top * width + left
    right, below = all_eight(fx), all_eight(fy)
    none = all_eight(np.float32(0))
    total, squares, with_x, with_y = none, none, none, none
    upper = _eight_between(searched, at, right)
    for _ in range(PATCH):
        at += stride
        lower = _eight_between(searched, at, right)
        change = upper + below * (lower - upper) - eight_at(picture, place)
        total, squares = total + change, squares + change * change
        with_x, with_y = with_x + change * eight_at(across, place), with_y + change * eight_at(down, place)
        upper = lower
        place += width
    whole = sum_of_eight(total)
    mean = whole * np.float32(1 / PATCH**2)
    return sum_of_eight(squares) - whole * mean, mean, sum_of_eight(with_x), sum_of_eight(with_y)


@compiled(error_model="numpy")
def search_patches(
    picture: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    searched: np.ndarray,
    flow: np.ndarray,
    patches: np.ndarray,
) -> None:
    """Find the flow of patches, STRIDE pixels from each other; the last of a row ends where the picture does.

    Each begins with what the flow says, or one of the neighbours that came before, whichever fits best, and takes a
    step of Gauss and Newton from there, should it fit better.

    Args:
        picture, across, down: (H, W) float32, grey levels, and their slopes.
        searched: (H + 2 PAD, W + 2 PAD) float32, the other picture.
        flow: (2, H, W) float32, where to begin.
        patches: (rows, columns, OF_PATCH) float32, to be written; see there.
    """
    height, width = np.int64(picture.shape[0]), np.int64(picture.shape[1])
    size = height, width
    own, others = picture.reshape(-1), searched.reshape(-1)
    gx, gy = across.reshape(-1), down.reshape(-1)
    rows, columns, _ = patches.shape
    half, nothing = PATCH // 2, np.float32(0)
    for turn in range(PASSES):
        way = 1 if turn % 2 == 0 else -1
        for nth_row in range(rows):
            i = nth_row if way == 1 else rows - 1 - nth_row
            top = min(np.int64(i) * STRIDE, height - PATCH)
            for nth in range(columns):
                j = nth if way == 1 else columns - 1 - nth
                left = min(np.int64(j) * STRIDE, width - PATCH)
                if turn == 0:
                    sum_x, sum_y, of_x, both, of_y = _slopes(gx, gy, top * width + left, width)
                    patches[i, j, 3], patches[i, j, 4] = sum_x, sum_y
                    patches[i, j, 5], patches[i, j, 6], patches[i, j, 7] = of_x, both, of_y
                    u, v = flow[0, top + half, left + half], flow[1, top + half, left + half]
                    best, mean, with_x, with_y = _fit(own, gx, gy, others, size, top, left, u, v)
                    goes_on = True
                else:
                    u, v, best = patches[i, j, 0], patches[i, j, 1], patches[i, j, 2]
                    sum_x, sum_y = patches[i, j, 3], patches[i, j, 4]
                    of_x, both, of_y = patches[i, j, 5], patches[i, j, 6], patches[i, j, 7]
                    mean, with_x, with_y = nothing, patches[i, j, 8], patches[i, j, 9]
                    goes_on = patches[i, j, 10] > nothing
                for side in range(2):
                    if (nth if side == 0 else nth_row) == 0:
                        continue
                    beside_u = patches[i, j - way, 0] if side == 0 else patches[i - way, j, 0]
                    beside_v = patches[i, j - way, 1] if side == 0 else patches[i - way, j, 1]
                    if max(abs(beside_u - u), abs(beside_v - v)) > np.float32(APART):
                        fit = _fit(own, gx, gy, others, size, top, left, beside_u, beside_v)
                        if fit[0] < best:
                            best, mean, with_x, with_y = fit
                            u, v, goes_on = beside_u, beside_v, True
                if goes_on:
                    with_x, with_y = with_x - mean * sum_x, with_y - mean * sum_y
                    by_u, by_v = STEP * (of_x * with_x + both * with_y), STEP * (both * with_x + of_y * with_y)
                    goes_on = False
                    # Farther than that it has lost its way.
                    if abs(by_u) + abs(by_v) < np.float32(PATCH):
                        by_u, by_v = u + by_u, v + by_v
                        other, mean, with_x, with_y = _fit(own, gx, gy, others, size, top, left, by_u, by_v)
                        if other < best:
                            best, u, v, goes_on = other, by_u, by_v, True
                            patches[i, j, 8], patches[i, j, 9] = with_x - mean * sum_x, with_y - mean * sum_y
                patches[i, j, 0], patches[i, j, 1], patches[i, j, 2] = u, v, best
                patches[i, j, 10] = np.float32(1) if goes_on else nothing


@compiled(error_model="numpy")
def lay_patches(
    picture: np.ndarray, searched: np.ndarray, patches: np.ndarray, weights: np.ndarray, flow: np.ndarray
) -> None:
    """Each pixel's flow, the mean of its patches' by how well they fit there: equation 9 of Kroeger et al.

    Args:
        weights: (H, W) float32, whose content does not matter.
        flow: (2, H, W) float32, to be written; the others as in `search_patches`.
    """
    height, width = np.int64(picture.shape[0]), np.int64(picture.shape[1])
    stride = width + 2 * PAD
    pixels, others = picture.reshape(-1), searched.reshape(-1)
    total, flow_x, flow_y = weights.reshape(-1), flow[0].reshape(-1), flow[1].reshape(-1)
    total[:] = np.float32(0)
    flow[:] = np.float32(0)
    one = all_eight(np.float32(1))
    for i in range(patches.shape[0]):
        top = min(np.int64(i) * STRIDE, height - PATCH)
        for j in range(patches.shape[1]):
            left = min(np.int64(j) * STRIDE, width - PATCH)
            u, v = patches[i, j, 0], patches[i, j, 1]
            y, fy = _corner(np.float32(top) + v, height)
            x, fx = _corner(np.float32(left) + u, width)
            along, down, right, below = all_eight(u), all_eight(v), all_eight(fx), all_eight(fy)
            at, to = y * stride + x, top * width + left
            upper = _eight_between(others, at, right)
            for _ in range(PATCH):
                at += stride
                lower = _eight_between(others, at, right)
                change = upper + below * (lower - upper) - eight_at(pixels, to)
                upper = lower
                share = one / at_least_one(change)
                put_eight(total, to, eight_at(total, to) + share)
                put_eight(flow_x, to, eight_at(flow_x, to) + along * share)
                put_eight(flow_y, to, eight_at(flow_y, to) + down * share)
                to += width
    for place in range(height * width):
        share = np.float32(1) / taken(total, place)
        put(flow_x, place, taken(flow_x, place) * share)
        put(flow_y, place, taken(flow_y, place) * share)
