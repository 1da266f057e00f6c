"""A flow made smoother where the pictures allow it, in loops that Numba compiles for the processor at hand.

It is the variational refinement of Brox et al. (2004, "High Accuracy Optical Flow Estimation Based on a Theory for
Warping", equation 4): grey levels and their slopes stay what they are along the flow, and the flow changes little from
pixel to pixel, all with robust penalties.  One linear system is made of it and solved by successive over-relaxation,
red and black pixels in turns.
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.gathering import number_at, number_between, put
from vidstyle.stream.thread_room import ThreadRoom

SMOOTHNESS, LEVELS, SLOPES = 10.0, 2.5, 5.0
"""Weights of the flow's slopes, of grey levels and of their slopes, all slopes over two pixels."""
ROBUST = 1e-6
"""Squared size from which on a penalty grows with size, rather than with its square."""
FLAT = 0.01
"""Squared slope that everything has."""
ROUNDS = 2
"""In which the weights that make penalties robust are taken from what there is, and the system is solved."""
SWEEPS, OMEGA = 4, 1.9
"""Of over-relaxation in each: how often over all pixels, and by how much too far."""
EDGE = 2
"""Pixels around a picture, as many as slopes of slopes reach."""


_held = ThreadRoom()


def refine(picture: np.ndarray, searched: np.ndarray, pad: int, flow: np.ndarray) -> None:
    """Change a flow (2, H, W) float32, x before y, so that it fits two pictures and is smooth.

    Args:
        picture: (H, W) float32, grey levels.
        searched: (H + 2 pad, W + 2 pad) float32, the other picture.
    """
    height, width = picture.shape
    framed, whole = (height + 2 * EDGE, width + 2 * EDGE), (2, height + 2, width + 2)
    # Pixels of even and of odd columns apart, with one of zero around: those of one colour are beside each other.
    apart = (2, height + 2, (width + 1) // 2 + 2)
    mean, change, before, after, system, edges, step = _held.arrays(
        framed, framed, whole, whole, (5, *apart), (2, *apart), (2, *apart)
    )
    _begin(picture, searched, pad, flow, mean, change, before, after)
    edges[:], step[:] = 0, 0
    for _ in range(ROUNDS):
        _set_up(mean, change, before, after, system, edges)
        _solve(system, edges, step, before, after)
    flow[:] = after[:, 1:-1, 1:-1]


@compiled(part=True)
def _repeat_border(framed: np.ndarray) -> None:
    """Fill the EDGE pixels around a picture with those next to them."""
    height, width = framed.shape[0] - EDGE, framed.shape[1] - EDGE
    for y in range(EDGE, height):
        for x in range(EDGE):
            framed[y, x] = framed[y, EDGE]
            framed[y, width + x] = framed[y, width - 1]
    for y in range(EDGE):
        for x in range(width + EDGE):
            framed[y, x] = framed[EDGE, x]
            framed[height + y, x] = framed[height - 1, x]


@compiled(error_model="numpy")
def _begin(
    picture: np.ndarray,
    searched: np.ndarray,
    pad: int,
    flow: np.ndarray,
    mean: np.ndarray,
    change: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> None:
    """Write what `_set_up` takes, of a flow that has not changed yet."""
    height, width = picture.shape
    stride, pixels = np.int64(searched.shape[1]), searched.reshape(-1)
    zero, end_x, end_y = np.float32(0), np.float32(width - 1), np.float32(height - 1)
    edge, half = np.int64(EDGE), np.float32(0.5)
    for y in range(height):
        along, down, still = flow[0, y], flow[1, y], picture[y]
        to_mean, to_change = mean[y + EDGE], change[y + EDGE]
        row = np.float32(y)
        for x in range(width):
            at = np.int64(x)
            px = min(max(np.float32(np.int32(x)) + number_at(along, at), zero), end_x)
            py = min(max(row + number_at(down, at), zero), end_y)
            left, top = np.int32(px), np.int32(py)
            fx, fy = px - np.float32(left), py - np.float32(top)
            corner = np.int64((top + np.int32(pad)) * np.int32(stride) + left + np.int32(pad))
            moved = number_between(pixels, corner, np.int64(1), stride, fx, fy)
            put(to_mean, at + edge, (moved + number_at(still, at)) * half)
            put(to_change, at + edge, moved - number_at(still, at))
    _repeat_border(mean)
    _repeat_border(change)
    for n in range(2):
        for one in (before[n], after[n]):
            one[0, :] = one[height + 1, :] = zero
            for y in range(height):
                one[y + 1, 0] = one[y + 1, width + 1] = zero
                for x in range(width):
                    one[y + 1, x + 1] = flow[n, y, x]


@compiled(error_model="numpy", part=True)
def _smoothness(flow: np.ndarray, y: Any, right: np.ndarray, below: np.ndarray) -> None:
    """Weights of the edges from a row of pixels to those right of them and below, (W,) float32; none at the border.

    flow: (2, H + 2, W + 2) float32, with a border; y: the row, without it.
    """
    one, two = np.uintp(1), np.uintp(2)
    for x in range(np.uintp(flow.shape[2] - 2)):
        u, v = flow[0, y + one, x + one], flow[1, y + one, x + one]
        ux, vx = flow[0, y + one, x + two] - u, flow[1, y + one, x + two] - v
        uy, vy = flow[0, y + two, x + one] - u, flow[1, y + two, x + one] - v
        weight = np.float32(SMOOTHNESS) / np.sqrt(ux * ux + vx * vx + uy * uy + vy * vy + np.float32(ROBUST))
        right[x] = weight
        below[x] = weight
    right[-1] = np.float32(0)
    if y == np.uintp(flow.shape[1] - 3):
        below[:] = np.float32(0)


@compiled(error_model="numpy")
def _set_up(
    mean: np.ndarray, change: np.ndarray, before: np.ndarray, after: np.ndarray, system: np.ndarray, edges: np.ndarray
) -> None:
    """The linear system of the change of a flow.

    Args:
        mean, change: (H + 2 EDGE, W + 2 EDGE) float32, of the two pictures along the flow.
        before, after: (2, H + 2, W + 2) float32, the flow without and with the change as far as it is known.
        system: (5, 2, H + 2, W / 2 + 2) float32, to be written, even and odd columns apart: one over the diagonal for
            x, what x and y share, one over the diagonal for y, and the right sides for x and y.
        edges: (2, 2, H + 2, W / 2 + 2) float32, to be written: weights of the pixel on the right, and of the one below.
    """
    height, width = before.shape[1] - 2, before.shape[2] - 2
    one, two = np.uintp(1), np.uintp(2)
    rows = np.zeros((5, width + 1), np.float32)
    right, below, above = (
        np.zeros(width + 2, np.float32),
        np.zeros(width + 2, np.float32),
        np.zeros(width + 2, np.float32),
    )
    flat, robust = np.float32(FLAT), np.float32(ROBUST)
    for y in range(np.uintp(height)):
        for x in range(np.uintp(width + 2)):  # all at once would take four seconds more to compile
            above[x] = below[x]
        _smoothness(after, y, right[1:-1], below[1:-1])
        t, c, b = y + one, y + two, y + two + one
        for x in range(np.uintp(width)):
            r, m, s = x + one, x + two, x + two + one  # left, middle, right
            ix, iy, iz = mean[c, s] - mean[c, r], mean[b, m] - mean[t, m], change[c, m]
            xz, yz = change[c, s] - change[c, r], change[b, m] - change[t, m]
            twice = mean[c, m] + mean[c, m]
            xx, yy = mean[c, s + one] + mean[c, x] - twice, mean[b + one, m] + mean[y, m] - twice
            xy = mean[b, s] - mean[b, r] - mean[t, s] + mean[t, r]
            u, v = after[0, t, r] - before[0, t, r], after[1, t, r] - before[1, t, r]
            norm = np.float32(1) / (ix * ix + iy * iy + flat)
            error = iz + ix * u + iy * v
            norm *= np.float32(LEVELS) / np.sqrt(error * error * norm + robust)
            norm_x, norm_y = np.float32(1) / (xx * xx + xy * xy + flat), np.float32(1) / (yy * yy + xy * xy + flat)
            error_x, error_y = xz + xx * u + xy * v, yz + xy * u + yy * v
            slopes = np.float32(SLOPES) / np.sqrt(error_x * error_x * norm_x + error_y * error_y * norm_y + robust)
            norm_x *= slopes
            norm_y *= slopes
            rows[0, x] = flat + norm * ix * ix + norm_x * xx * xx + norm_y * xy * xy
            rows[1, x] = norm * ix * iy + (norm_x * xx + norm_y * yy) * xy
            rows[2, x] = flat + norm * iy * iy + norm_x * xy * xy + norm_y * yy * yy
            rows[3, x] = -norm * iz * ix - norm_x * xx * xz - norm_y * xy * yz
            rows[4, x] = -norm * iz * iy - norm_x * xy * xz - norm_y * yy * yz
        for x in range(np.uintp(width)):
            total = right[x + one] + right[x] + below[x + one] + above[x + one]
            rows[0, x] = np.float32(1) / (rows[0, x] + total)
            rows[2, x] = np.float32(1) / (rows[2, x] + total)
        for n in range(np.uintp(2)):
            for x in range(np.uintp(width)):
                m, middle = x + one, before[n, t, x + one]
                across = right[m] * (before[n, t, x + two] - middle) + right[x] * (before[n, t, x] - middle)
                down = below[m] * (before[n, c, m] - middle) + above[m] * (before[n, y, m] - middle)
                rows[np.uintp(3) + n, x] += across + down
        for side in range(np.uintp(2)):
            count = np.uintp((width + 1 - np.int64(side)) // 2)
            for n in range(np.uintp(5)):
                for k in range(count):
                    system[n, side, t, k + one] = rows[n, two * k + side]
            for k in range(count):
                edges[0, side, t, k + one] = right[two * k + side + one]
                edges[1, side, t, k + one] = below[two * k + side + one]


@compiled(error_model="numpy")
def _solve(system: np.ndarray, edges: np.ndarray, step: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """Bring the change of a flow nearer to what solves the system.

    Args:
        system, edges: as in `_set_up`.
        step: (2, 2, H + 2, W / 2 + 2) float32, x and y of the change, even and odd columns apart.
        before, after: (2, H + 2, W + 2) float32, the flow without and with the change; `after` is written.
    """
    height, width = before.shape[1] - 2, before.shape[2] - 2
    one, omega = np.uintp(1), np.float32(OMEGA)
    du, dv = step[0], step[1]
    for turn in range(2 * SWEEPS):
        for y in range(one, np.uintp(height + 1)):
            side = np.uintp((np.int64(y) + turn) % 2)
            other = one - side
            count = np.uintp((width + 1) // 2 if side == 0 else width // 2)
            for k in range(one, count + one):
                near, far = k - other, k + side
                wr, wl = edges[0, side, y, k], edges[0, other, y, near]
                wd, wu = edges[1, side, y, k], edges[1, side, y - one, k]
                u, v, shared = du[side, y, k], dv[side, y, k], system[1, side, y, k]
                around = wr * du[other, y, far] + wl * du[other, y, near]
                around += wd * du[side, y + one, k] + wu * du[side, y - one, k]
                u += omega * ((around + system[3, side, y, k] - v * shared) * system[0, side, y, k] - u)
                around = wr * dv[other, y, far] + wl * dv[other, y, near]
                around += wd * dv[side, y + one, k] + wu * dv[side, y - one, k]
                v += omega * ((around + system[4, side, y, k] - u * shared) * system[2, side, y, k] - v)
                du[side, y, k], dv[side, y, k] = u, v
    for n in range(np.uintp(2)):
        for y in range(one, np.uintp(height + 1)):
            for odd in range(np.uintp(2)):
                for k in range(np.uintp((width + 1 - np.int64(odd)) // 2)):
                    place = k + k + odd + one
                    after[n, y, place] = before[n, y, place] + step[n, odd, y, k + one]
