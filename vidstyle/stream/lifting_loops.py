"""What lifting does to pixels that no library does in one pass, in loops compiled by Numba for the processor at hand.

The first call compiles for some seconds; what comes of it is kept on disk.
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled


@compiled(part=True)
def spline_weights(t: Any) -> tuple[Any, Any, Any, Any]:
    """Of the four places around one that lies a share `t` (float32) behind the second: the cubic B-spline."""
    s, sixth, half = np.float32(1) - t, np.float32(1 / 6), np.float32(0.5)
    w0, w3 = sixth * s * s * s, sixth * t * t * t
    w1 = np.float32(2 / 3) + t * t * (half * t - np.float32(1))
    return w0, w1, np.float32(1) - w0 - w1 - w3, w3


@compiled(part=True)
def _columns(w: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixels of a row lie among its `w` positions.

    Returns:
        columns: (width,) int64, the position before the one that each lies behind, counted from two beyond the border.
        weights: (5, width) float32, of four from there on for a cubic B-spline, and how far it lies behind the second.
    """
    columns, weights = np.empty(width, np.int64), np.empty((5, width), np.float32)
    for x in range(width):
        place = (x + 0.5) * w / width - 0.5
        left = int(np.floor(place))
        t = np.float32(place - left)
        weights[0, x], weights[1, x], weights[2, x], weights[3, x] = spline_weights(t)
        weights[4, x] = t
        columns[x] = left + 1
    return columns, weights


@compiled(part=True)
def _bordered(out: np.ndarray, row: np.ndarray) -> None:
    """A row (w,) with its ends two positions beyond the border, (w + 4,)."""
    w = row.shape[0]
    out[0] = out[1] = row[0]
    out[w + 2] = out[w + 3] = row[w - 1]
    for x in range(w):
        out[x + 2] = row[x]


@compiled(part=True)
def _enlarge(
    own: np.ndarray, shares: np.ndarray, bare: np.ndarray, gain: np.ndarray, columns: np.ndarray, weights: np.ndarray
) -> None:
    """A row of each of both fields of lift_plane, (width,), of one of what they are made of, (w + 4,)."""
    for x in range(own.shape[0]):
        a = np.uintp(columns[x])
        b, c, d = a + np.uintp(1), a + np.uintp(2), a + np.uintp(3)
        own[x] = weights[0, x] * bare[a] + weights[1, x] * bare[b] + weights[2, x] * bare[c] + weights[3, x] * bare[d]
        shares[x] = gain[b] + weights[4, x] * (gain[c] - gain[b])


@compiled()
def lift_plane(
    out: np.ndarray,
    bare: np.ndarray,
    gain: np.ndarray,
    luma: np.ndarray,
    fine: np.ndarray,
    level: float,
    finest: float,
) -> None:
    """One channel of a lifted painting; see vidstyle.stream.lifting.

    Args:
        out: (H, W) uint8, to be drawn.
        bare: (h, w) float32, coefficients of a cubic B-spline: the painting's own share.
        gain: (h, w) float32, the share of the source's luma, enlarged linearly.
        luma, fine: (H, W) uint8, the source's, and its finest details, of `level` more.
        level: what stands for no detail.
        finest: how much of what a share of the finest details lacks of 1 is made up for.
    """
    height, width = out.shape
    h, w = bare.shape
    stronger, none = np.float32(finest), np.float32(level)
    one, half, nothing, most = np.float32(1), np.float32(0.5), np.float32(0), np.float32(255)
    # First along rows, which are fewer before they are enlarged; each is kept as long as four in a row may ask for it.
    columns, weights = _columns(w, width)
    own, shares = np.empty((4, width), np.float32), np.empty((4, width), np.float32)
    bordered = np.empty((2, w + 4), np.float32)
    kept = np.full(4, -1, np.int64)
    for y in range(height):
        place = (y + 0.5) * h / height - 0.5
        top = int(np.floor(place))
        down = np.float32(place - top)
        u0, u1, u2, u3 = spline_weights(down)
        for row in range(max(top - 1, 0), min(top + 2, h - 1) + 1):
            slot = row & 3
            if kept[slot] != row:
                kept[slot] = row
                _bordered(bordered[0], bare[row])
                _bordered(bordered[1], gain[row])
                _enlarge(own[slot], shares[slot], bordered[0], bordered[1], columns, weights)
        a, b = max(top - 1, 0) & 3, max(top, 0) & 3
        c, d = min(top + 1, h - 1) & 3, min(top + 2, h - 1) & 3
        for x in range(width):
            share = shares[b, x] + down * (shares[c, x] - shares[b, x])
            value = u0 * own[a, x] + u1 * own[b, x] + u2 * own[c, x] + u3 * own[d, x]
            value += share * np.float32(luma[y, x])
            value += stronger * max(one - share, nothing) * (np.float32(fine[y, x]) - none)
            out[y, x] = np.uint8(np.int32(min(max(value + half, nothing), most)))


@compiled()
def own_share(
    painted: np.ndarray, source: np.ndarray, gain: np.ndarray, seen: np.ndarray, level: float, finest: float
) -> np.ndarray:
    """What of a painted luma is neither a share of the source's nor of its finest details, (h, w) float32.

    Args:
        painted, source: (h, w) uint8.
        gain: (h, w) float32, the share of the source's luma.
        seen: (h, w) uint8, the source's finest details as they are seen at this size, of `level` more.
        level, finest: see lift_plane.
    """
    h, w = painted.shape
    out = np.empty((h, w), np.float32)
    one, nothing, stronger, none = np.float32(1), np.float32(0), np.float32(finest), np.float32(level)
    for y in range(h):
        for x in range(w):
            share = gain[y, x]
            detail = stronger * max(one - share, nothing) * (np.float32(seen[y, x]) - none)
            out[y, x] = np.float32(painted[y, x]) - share * np.float32(source[y, x]) - detail
    return out


@compiled(part=True)
def _add_row(sums: np.ndarray, painted: np.ndarray, source: np.ndarray, row: int, sign: Any) -> None:
    """A row of what `following` sums, mirrored beyond the border, to the sums of its columns, or off them."""
    h, w = source.shape
    row = abs(row)
    row = min(row, 2 * (h - 1) - row)
    for x in range(w):
        one, other = np.float32(source[row, x]), np.float32(painted[row, x])
        sums[0, x + 2] += sign * one
        sums[1, x + 2] += sign * other
        sums[2, x + 2] += sign * one * one
        sums[3, x + 2] += sign * one * other


@compiled("numpy")
def following(painted: np.ndarray, source: np.ndarray, flat: float, least: float) -> np.ndarray:
    """How far one luma follows another in the 5 x 5 pixels around each: covariance by variance, (h, w) float32.

    Args:
        painted, source: (h, w) uint8, of three pixels and more along each side.
        flat: the variance that counts as none.
        least: what it is where there is none.
    """
    h, w = source.shape
    out = np.empty((h, w), np.float32)
    # Down each column of the window; whole numbers below 2^24, so that what comes in can be taken off exactly.
    sums = np.zeros((4, w + 4), np.float32)
    one, share = np.float32(1), np.float32(1 / 25)
    plain, nothing = np.float32(flat), np.float32(least * flat)
    for row in range(-2, 2):
        _add_row(sums, painted, source, row, one)
    for y in range(h):
        _add_row(sums, painted, source, y + 2, one)
        for n in range(4):
            sums[n, 0], sums[n, 1] = sums[n, 4], sums[n, 3]
            sums[n, w + 2], sums[n, w + 3] = sums[n, w], sums[n, w - 1]
        a, b, c, d = sums[0], sums[1], sums[2], sums[3]
        for x in range(w):
            mean = share * (a[x] + a[x + 1] + a[x + 2] + a[x + 3] + a[x + 4])
            other = share * (b[x] + b[x + 1] + b[x + 2] + b[x + 3] + b[x + 4])
            square = share * (c[x] + c[x + 1] + c[x + 2] + c[x + 3] + c[x + 4])
            product = share * (d[x] + d[x + 1] + d[x + 2] + d[x + 3] + d[x + 4])
            out[y, x] = (product - mean * other + nothing) / (square - mean * mean + plain)
        _add_row(sums, painted, source, y - 2, -one)
    return out
