"""Loops over pixels that no library has in one pass, compiled by Numba for the processor at hand.

The first call compiles for some seconds; what comes of it is kept on disk.
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled

VISIBLE = 0.004
"""Share below which nothing is drawn: a grey level."""
UNCHANGED, ALONE, MIXED = 0, 1, 2
"""Between four positions: nothing is to be drawn, all that shows is the key on top, or more does."""
CUBIC = -0.75
"""The slope of cubic convolution (Keys 1981, equation 4, with a free slope) at its first zero; OpenCV's."""


@compiled(part=True)
def _whole(x: Any) -> Any:
    """The place left of one that is not negative, as an index without a sign: one with a sign is looked at twice."""
    return np.uintp(np.int64(x))


@compiled(part=True)
def _linear(planes: np.ndarray, number: Any, x: Any, y: Any) -> Any:
    height, width = planes.shape[1:]
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    left, top = _whole(x), _whole(y)
    right, bottom = min(left + np.uintp(1), np.uintp(width - 1)), min(top + np.uintp(1), np.uintp(height - 1))
    fx, fy = x - np.float32(left), y - np.float32(top)
    a, b = np.float32(planes[number, top, left]), np.float32(planes[number, top, right])
    c, d = np.float32(planes[number, bottom, left]), np.float32(planes[number, bottom, right])
    above = a + fx * (b - a)
    return above + fy * (c + fx * (d - c) - above)


@compiled(part=True)
def cubic_weights(t: Any) -> Any:
    """Of the four places around one that lies a share `t` (float32) behind the second; see CUBIC."""
    a, s = np.float32(CUBIC), np.float32(1) - t
    w0, w3 = a * t * s * s, a * s * t * t
    w1 = ((a + np.float32(2)) * t - (a + np.float32(3))) * t * t + np.float32(1)
    return w0, w1, np.float32(1) - w0 - w1 - w3, w3


@compiled(part=True)
def _cubic(planes: np.ndarray, number: Any, x: Any, y: Any) -> Any:
    height, width = planes.shape[1:]
    if x < np.float32(1) or y < np.float32(1) or x >= np.float32(width - 2) or y >= np.float32(height - 2):
        return _linear(planes, number, x, y)
    left, top = _whole(x), _whole(y)
    w0, w1, w2, w3 = cubic_weights(x - np.float32(left))
    v0, v1, v2, v3 = cubic_weights(y - np.float32(top))
    a, b, c, d = left - np.uintp(1), left, left + np.uintp(1), left + np.uintp(2)
    total = np.float32(0)
    for row, v in ((top - np.uintp(1), v0), (top, v1), (top + np.uintp(1), v2), (top + np.uintp(2), v3)):
        near = w1 * np.float32(planes[number, row, b]) + w2 * np.float32(planes[number, row, c])
        far = w0 * np.float32(planes[number, row, a]) + w3 * np.float32(planes[number, row, d])
        total += v * (near + far)
    return total


@compiled(part=True)
def _side(maps: np.ndarray, n: int, top: int, bottom: int, x: int, down: Any) -> Any:
    """A map (n, h, w) between two rows of positions."""
    above = maps[n, top, x]
    return above + down * (maps[n, bottom, x] - above)


@compiled(part=True)
def _cells(changed: np.ndarray, overs: np.ndarray, fading: np.ndarray) -> np.ndarray:
    """(h, w) uint8, of what lies right and below of each position: UNCHANGED, ALONE or MIXED."""
    h, w = changed.shape
    least = np.float32(VISIBLE)
    kinds = np.empty((h, w), np.uint8)
    for top in range(h):
        bottom = min(top + 1, h - 1)
        for left in range(w):
            right = min(left + 1, w - 1)
            if not (changed[top, left] or changed[top, right] or changed[bottom, left] or changed[bottom, right]):
                kinds[top, left] = UNCHANGED
                continue
            covered = min(overs[0, top, left], overs[0, top, right], overs[0, bottom, left], overs[0, bottom, right])
            fades = max(fading[top, left], fading[top, right], fading[bottom, left], fading[bottom, right])
            only = covered > np.float32(1) - least and fades < least
            kinds[top, left] = ALONE if only else MIXED
    return kinds


@compiled()
def draw_plane(
    out: np.ndarray,
    last: np.ndarray,
    keys: np.ndarray,
    slots: np.ndarray,
    shifts: np.ndarray,
    overs: np.ndarray,
    flow: np.ndarray,
    fields: np.ndarray,
    changed: np.ndarray,
    luma: np.ndarray,
    cubic: bool,
    drawn: bool,
) -> None:
    """Draw one plane of what a View shows; see vidstyle.stream.laying.

    Args:
        out: (H, W) uint8, to be drawn.
        last: (1, H, W) uint8, the last output.
        keys: (K, H, W) uint8, the planes of keys.
        slots: (n,) int64, which of them are the layers, the one on top first; at least one.
        shifts, overs: (2 n, h, w), x and y in turns, and (n, h, w) float32, of each layer; see
            vidstyle.stream.key_maps.Layer.
        flow: (2, h, w) float32, x and y; see vidstyle.stream.key_maps.View.
        fields: (4, h, w) float32: `fading` and `held` of the View, and gain and offset by which the frame's luma
            becomes what is drawn where nothing else is there.
        changed: (h, w) bool; where nothing has, `out` is `last`.
        luma: (H, W) or (2 H, 2 W) uint8, the frame's own.
        cubic: whether keys are resampled by cubic convolution rather than linearly.
        drawn: whether `out` has the layer on top already, wherever it covers all else.
    """
    height, width = out.shape
    h, w = changed.shape
    layers = slots.shape[0]
    finer = luma.shape[1] // width
    one, half, nothing, least = np.float32(1), np.float32(0.5), np.float32(0), np.float32(VISIBLE)
    scale_x, scale_y = np.float32(width / w), np.float32(height / h)
    kinds = _cells(changed, overs, fields[0])
    # Pixels between two positions are drawn together: where they begin, and how far the first one has come.
    begins = np.empty(w + 1, np.int64)
    begins[0], begins[w] = 0, width
    for x in range(1, w):
        begins[x] = min(width, max(0, np.int64(np.ceil((x + 0.5) * scale_x - 0.5))))
    step = one / scale_x
    # Of each layer that shows between two positions: its share, x and y on the left, and how much more on the right.
    shown = np.empty(layers, np.uintp)
    lines = np.empty((layers, 6), np.float32)
    for y in range(height):
        place = min(max((y + 0.5) / scale_y - 0.5, 0.0), h - 1.0)
        top = int(place)
        bottom = min(top + 1, h - 1)
        down = np.float32(place - top)
        row = np.float32(y)
        for left in range(w):
            kind = kinds[top, left]
            if kind == ALONE and drawn:
                continue
            begin, end = begins[left], begins[left + 1]
            if kind == UNCHANGED:
                for x in range(begin, end):
                    out[y, x] = last[0, y, x]
                continue
            right = min(left + 1, w - 1)
            alone = kind == ALONE
            count = 0
            for k in range(layers):
                most = max(overs[k, top, left], overs[k, top, right], overs[k, bottom, left], overs[k, bottom, right])
                if most < least:
                    continue
                shown[count] = np.uintp(slots[k])
                share = _side(overs, k, top, bottom, left, down)
                lines[count, 0], lines[count, 1] = share, _side(overs, k, top, bottom, right, down) - share
                shift = _side(shifts, 2 * k, top, bottom, left, down)
                lines[count, 2] = scale_x * shift
                lines[count, 3] = scale_x * (_side(shifts, 2 * k, top, bottom, right, down) - shift)
                shift = _side(shifts, 2 * k + 1, top, bottom, left, down)
                lines[count, 4] = row + scale_y * shift
                lines[count, 5] = scale_y * (_side(shifts, 2 * k + 1, top, bottom, right, down) - shift)
                count += 1
                if alone:
                    break
            fade = _side(fields, 0, top, bottom, left, down)
            fade_more = _side(fields, 0, top, bottom, right, down) - fade
            flow_x, flow_y = _side(flow, 0, top, bottom, left, down), _side(flow, 1, top, bottom, left, down)
            flow_x_more = _side(flow, 0, top, bottom, right, down) - flow_x
            flow_y_more = _side(flow, 1, top, bottom, right, down) - flow_y
            place_x = (np.float32(begin) + half) / scale_x - half - np.float32(left)
            for x in range(begin, end):
                # Left of the first position it is as there.
                f = min(max(place_x, nothing), one)
                place_x += step
                rest, total = one, nothing
                for n in range(count):
                    share = lines[n, 0] + f * lines[n, 1]
                    if share < least:
                        continue
                    px = np.float32(x) + lines[n, 2] + f * lines[n, 3]
                    py = lines[n, 4] + f * lines[n, 5]
                    slot = shown[n]
                    value = _cubic(keys, slot, px, py) if cubic else _linear(keys, slot, px, py)
                    total += rest * share * value
                    rest *= one - share
                    if rest < least:
                        break
                if rest < least:
                    total /= one - rest
                faded = nothing if alone else fade + f * fade_more
                if rest >= least or faded >= least:
                    px = np.float32(x) + scale_x * (flow_x + f * flow_x_more)
                    py = row + scale_y * (flow_y + f * flow_y_more)
                    moved = _linear(last, np.uintp(0), px, py)
                    if rest >= least:
                        held = _side(fields, 1, top, bottom, left, down)
                        stays = held + f * (_side(fields, 1, top, bottom, right, down) - held)
                        bare = moved
                        if stays < one - least:
                            gain = _side(fields, 2, top, bottom, left, down)
                            offset = _side(fields, 3, top, bottom, left, down)
                            gain += f * (_side(fields, 2, top, bottom, right, down) - gain)
                            offset += f * (_side(fields, 3, top, bottom, right, down) - offset)
                            colored = np.float32(luma[y * finer, x * finer]) * gain + offset
                            bare = stays * moved + (one - stays) * colored
                        total += rest * bare
                    total += faded * (moved - total)
                out[y, x] = np.uint8(min(max(total + half, nothing), np.float32(255)))


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
