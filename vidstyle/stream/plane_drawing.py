"""Drawing planes of what a View shows, in loops that Numba compiles for the processor at hand.

A row is drawn at a time: the keys that show in it, the one on top first, are resampled and added up, each only where it
shows, many pixels at once (vidstyle.stream.gathering).
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.gathering import between, number_at, put, taken, word_at

VISIBLE = 0.004
"""Share below which nothing is drawn: a grey level."""
PAD = 3
"""Pixels around a plane that is resampled: what lies farther outside than one pixel is as there."""
WHOLE = 16
"""Pixels of a row that are resampled together, though something may show in some of them only."""
CUBIC = -0.75
"""The slope of cubic convolution (Keys 1981, equation 4, with a free slope) at its first zero; OpenCV's."""
BYTE, ONE_ON, TWO_ON, THREE_ON = np.uint32(255), np.uint32(8), np.uint32(16), np.uint32(24)
"""Of a word of four pixels: the first, and how far the others lie behind it."""


@compiled(part=True)
def byte_of(word: Any, behind: Any) -> Any:
    """One pixel of four."""
    return np.float32(np.int32((word >> behind) & BYTE))


@compiled(part=True)
def cubic_weights(t: Any) -> Any:
    """Of the four places around one that lies a share `t` (float32) behind the second; see CUBIC."""
    a, s = np.float32(CUBIC), np.float32(1) - t
    w0, w3 = a * t * s * s, a * s * t * t
    w1 = ((a + np.float32(2)) * t - (a + np.float32(3))) * t * t + np.float32(1)
    return w0, w1, np.float32(1) - w0 - w1 - w3, w3


@compiled(part=True)
def _cubic_row(pixels: np.ndarray, at: Any, weights: Any) -> Any:
    """Four pixels of a plane beside each other, from a place on, by weights."""
    word = word_at(pixels, at)
    near = weights[1] * byte_of(word, ONE_ON) + weights[2] * byte_of(word, TWO_ON)
    return near + weights[0] * np.float32(np.int32(word & BYTE)) + weights[3] * np.float32(np.int32(word >> THREE_ON))


@compiled(part=True)
def _cubic(pixels: np.ndarray, at: Any, stride: Any, fx: Any, fy: Any) -> Any:
    """A padded plane, so far behind the pixel at a place along x and y, by cubic convolution."""
    weights = cubic_weights(fx)
    v0, v1, v2, v3 = cubic_weights(fy)
    at -= stride + 1
    near = v1 * _cubic_row(pixels, at + stride, weights) + v2 * _cubic_row(pixels, at + 2 * stride, weights)
    return near + v0 * _cubic_row(pixels, at, weights) + v3 * _cubic_row(pixels, at + 3 * stride, weights)


@compiled(part=True)
def _linear(pixels: np.ndarray, at: Any, stride: Any, fx: Any, fy: Any) -> Any:
    """The same, linearly."""
    above, below, first = word_at(pixels, at), word_at(pixels, at + stride), np.uint32(0)
    left, right = byte_of(above, first), byte_of(above, ONE_ON)
    return between(left, right, byte_of(below, first), byte_of(below, ONE_ON), fx, fy)


@compiled(part=True)
def _between(line: np.ndarray, at: Any, f: Any) -> Any:
    """A number between two in a row."""
    first = number_at(line, at)
    return first + f * (number_at(line, at + 1) - first)


@compiled("numpy", part=True)
def _blend_row(maps: np.ndarray, rows: Any, line: np.ndarray) -> None:
    """A map (h, w) between two of its rows, and how far behind the first one: (w + 1,), the last one twice."""
    top, bottom, down = rows
    w = maps.shape[1]
    for x in range(w):
        above = maps[top, x]
        line[x] = above + down * (maps[bottom, x] - above)
    line[w] = line[w - 1]


@compiled("numpy", part=True)
def _spans(shows: np.ndarray, begins: np.ndarray, whole: Any, spans: np.ndarray) -> Any:
    """Where something shows in a row of positions (w,): the pixels at which it begins and ends, and how often.

    whole: pixels that are taken or left together.
    """
    w, width, count = shows.shape[0], begins[shows.shape[0]], 0
    for x in range(w):
        if shows[x]:
            begin = begins[x] // whole * whole
            end = min((begins[x + 1] + whole - 1) // whole * whole, width)
            if count and begin <= spans[count - 1, 1]:
                spans[count - 1, 1] = end
            else:
                spans[count, 0], spans[count, 1] = begin, end
                count += 1
    return count


@compiled("numpy")
def mark(overs: np.ndarray, uncovered: np.ndarray, fading: np.ndarray, changed: np.ndarray, marks: np.ndarray) -> None:
    """What is to be drawn between four positions each; see `draw_planes`.

    Args:
        overs: (n, h, w) float32, how far each layer covers what is below it.
        uncovered, fading: (h, w) float32, of the View.
        changed: (h, w) bool, where anything is to be drawn anew.
        marks: (n + 3, h, w) uint8, 0 or 1, to be written.
    """
    layers, h, w = overs.shape
    least = np.float32(VISIBLE)
    # Bits: of each layer whether it covers anything, and whether what is above it leaves it any room; then the others.
    bits, room = np.zeros((h + 1, w + 1), np.uint32), np.empty(w, np.float32)
    for y in range(h):
        for x in range(w):
            bits[y, x] = np.uint32(uncovered[y, x] >= least) | np.uint32(fading[y, x] >= least) << np.uint32(1)
            bits[y, x] |= np.uint32(changed[y, x]) << np.uint32(2)
            room[x] = np.float32(1)
        for k in range(layers):
            first = np.uint32(2 * k + 3)
            for x in range(w):
                shows = np.uint32(overs[k, y, x] >= least) | np.uint32(room[x] >= least) << np.uint32(1)
                bits[y, x] |= shows << first
                room[x] *= np.float32(1) - overs[k, y, x]
    one = np.uint32(1)
    for y in range(h):
        for x in range(w):
            bits[y, x] |= bits[y, x + 1] | bits[y + 1, x] | bits[y + 1, x + 1]
        for x in range(w):
            alters = bits[y, x] >> np.uint32(2) & one
            marks[layers, y, x] = bits[y, x] & alters
            marks[layers + 1, y, x] = bits[y, x] >> one & alters
            marks[layers + 2, y, x] = alters ^ one
        for k in range(layers):
            first = np.uint32(2 * k + 3)
            for x in range(w):
                shows = bits[y, x] >> first & bits[y, x] >> (first + one)
                marks[k, y, x] = shows & bits[y, x] >> np.uint32(2) & one


@compiled("numpy", part=True)
def _place(
    span: Any, columns: Any, lines: Any, scales: Any, row: Any, ends: Any, stride: Any, places: np.ndarray, behind: Any
) -> None:
    """Where the pixels of a span come from: what they lie behind in a padded plane, and how far.

    Args:
        span: its begin and end.
        columns: (W,) int32 and float32: the position before each pixel, and how far it lies behind it.
        lines: (w + 1,) each, x and y of where it is taken from, in positions away.
        scales: pixels of a position along x and y.
        row: of the pixels, in the padded plane.
        ends: the first place that can be taken from, and the last along x and y.
        stride: of the padded plane.
        places: (W,) int32, to be written.
        behind: (W,) float32 each, along x and y, to be written.
    """
    left, share = columns
    for x in range(span[0], span[1]):
        at, f = np.int64(number_at(left, x)), number_at(share, x)
        px = np.float32(PAD) + np.float32(np.int32(x)) + scales[0] * _between(lines[0], at, f)
        py = row + scales[1] * _between(lines[1], at, f)
        px, py = min(max(px, ends[0]), ends[1]), min(max(py, ends[0]), ends[2])
        whole_x, whole_y = np.int32(px), np.int32(py)
        put(places, x, whole_y * np.int32(stride) + whole_x)
        put(behind[0], x, px - np.float32(whole_x))
        put(behind[1], x, py - np.float32(whole_y))


@compiled("numpy")
def draw_planes(
    out: np.ndarray,
    last: np.ndarray,
    keys: np.ndarray,
    slots: np.ndarray,
    shifts: np.ndarray,
    overs: np.ndarray,
    flow: np.ndarray,
    fields: np.ndarray,
    tints: np.ndarray,
    marks: np.ndarray,
    luma: np.ndarray,
    cubic: bool,
) -> None:
    """Draw planes of one size of what a View shows; see vidstyle.stream.laying.

    Args:
        out: (C, H, W) uint8, to be drawn.
        last: (C, H + 2 PAD, W + 2 PAD) uint8, the last output, with its border repeated around it.
        keys: (2, C, K, H + 2 PAD, W + 2 PAD) uint8, the planes of keys, likewise: as painted, which is what is drawn
            where nothing has moved, and to be resampled.
        slots: (n,) int64, which of them are the layers, the one on top first; at least one.
        shifts, overs: (2 n, h, w), x and y in turns, and (n, h, w) float32, of each layer; see
            vidstyle.stream.key_maps.Layer.
        flow: (2, h, w) float32, x and y; see vidstyle.stream.key_maps.View.
        fields: (2, h, w) float32: `held` and `fading` of the View.
        tints: (2 C, h, w) float32, gain and offset in turns by which the frame's luma becomes what is drawn where
            nothing else is there.
        marks: (n + 3, h, w) uint8, 0 or 1, of what lies right and below of each position: where each layer shows,
            where none does, where the last output does as well, and where nothing changes and `out` is `last`.
        luma: (H, W) or (2 H, 2 W) uint8, the frame's own, contiguous.
        cubic: whether keys are resampled by cubic convolution rather than linearly.
    """
    count, height, width = out.shape
    h, w = marks.shape[1:]
    layers = slots.shape[0]
    stride = np.int64(width + 2 * PAD)
    area = stride * (np.int64(height) + 2 * PAD)
    moved_keys = np.int64(keys.shape[1]) * keys.shape[2] * area
    finer = np.int64(luma.shape[1] // width)
    painted, before, light = keys.reshape(-1), last.reshape(-1), luma.reshape(-1)
    one, half, nothing, least = np.float32(1), np.float32(0.5), np.float32(0), np.float32(VISIBLE)
    most = np.float32(255)
    scales = (np.float32(width / w), np.float32(height / h))
    ends = (np.float32(PAD - 1), np.float32(width + PAD), np.float32(height + PAD))
    left, share = np.empty(width, np.int32), np.empty(width, np.float32)
    columns = (left, share)
    begins = np.empty(w + 1, np.int64)
    begins[:] = width
    for x in range(width - 1, -1, -1):
        # What lies before the first position is as there.
        place = min(max((x + 0.5) / scales[0] - 0.5, 0.0), w - 1.0)
        left[x] = np.int32(place)
        share[x] = np.float32(place - left[x])
        begins[left[x]] = x
    for x in range(w - 1, -1, -1):
        begins[x] = min(begins[x], begins[x + 1])
    across, along, covers = np.empty(w + 1, np.float32), np.empty(w + 1, np.float32), np.empty(w + 1, np.float32)
    lines = (across, along)
    gains, offsets = np.empty(w + 1, np.float32), np.empty(w + 1, np.float32)
    places, behind_x, behind_y = np.empty(width, np.int32), np.empty(width, np.float32), np.empty(width, np.float32)
    behind = (behind_x, behind_y)
    totals, rest, shown = np.empty((count, width), np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    spans, counts = np.empty((layers + 3, w // 2 + 1, 2), np.int64), np.zeros(layers + 3, np.int64)
    bare, fades, stays = layers, layers + 1, layers + 2
    looked_at = -1
    for y in range(height):
        place = min(max((y + 0.5) / scales[1] - 0.5, 0.0), h - 1.0)
        top = int(place)
        rows, row = (top, min(top + 1, h - 1), np.float32(place - top)), np.float32(y + PAD)
        if top != looked_at:
            looked_at = top
            for k in range(layers + 3):
                counts[k] = _spans(marks[k, top], begins, WHOLE if k != stays else 1, spans[k])
        if counts[stays] != 1 or spans[stays, 0, 1] - spans[stays, 0, 0] != width:
            totals[:] = nothing
            rest[:] = one
            for k in range(layers):
                own = (np.int64(y) + PAD) * stride + PAD
                if counts[k]:
                    _blend_row(shifts[2 * k], rows, across)
                    _blend_row(shifts[2 * k + 1], rows, along)
                    _blend_row(overs[k], rows, covers)
                for n in range(counts[k]):
                    span = (spans[k, n, 0], spans[k, n, 1])
                    _place(span, columns, lines, scales, row, ends, stride, places, behind)
                    for x in range(span[0], span[1]):
                        under = taken(rest, x)
                        over = under * _between(covers, np.int64(number_at(left, x)), number_at(share, x))
                        put(shown, x, over)
                        put(rest, x, under - over)
                    for c in range(count):
                        total, begin = totals[c], (c * keys.shape[2] + slots[k]) * area
                        for x in range(span[0], span[1]):
                            at = np.int64(taken(places, x))
                            fx, fy = taken(behind_x, x), taken(behind_y, x)
                            stands = at == own + np.int64(x) and fx == nothing and fy == nothing
                            at += begin if stands else begin + moved_keys
                            if cubic:
                                value = _cubic(painted, at, stride, fx, fy)
                            else:
                                value = _linear(painted, at, stride, fx, fy)
                            put(total, x, taken(total, x) + taken(shown, x) * value)
            if counts[bare] or counts[fades]:
                _blend_row(flow[0], rows, across)
                _blend_row(flow[1], rows, along)
                _blend_row(fields[0], rows, covers)
            lit = np.int64(y) * finer * luma.shape[1]
            for n in range(counts[bare]):
                span = (spans[bare, n, 0], spans[bare, n, 1])
                _place(span, columns, lines, scales, row, ends, stride, places, behind)
                for x in range(span[0], span[1]):
                    under = rest[x]
                    shown[x] = under if under >= least else nothing
                    rest[x] = under - shown[x]
                for c in range(count):
                    _blend_row(tints[2 * c], rows, gains)
                    _blend_row(tints[2 * c + 1], rows, offsets)
                    total = totals[c]
                    for x in range(span[0], span[1]):
                        at, f = np.int64(number_at(left, x)), number_at(share, x)
                        held = _between(covers, at, f)
                        lumen = np.float32(np.int32(number_at(light, lit + x * finer)))
                        colored = lumen * _between(gains, at, f) + _between(offsets, at, f)
                        at = c * area + np.int64(taken(places, x))
                        moved = _linear(before, at, stride, taken(behind_x, x), taken(behind_y, x))
                        value = held * moved + (one - held) * colored
                        put(total, x, taken(total, x) + taken(shown, x) * value)
            for x in range(width):
                # What shows too little to be looked at is made up for.
                rest[x] = one / max(one - rest[x], least)
            for c in range(count):
                total = totals[c]
                for x in range(width):
                    total[x] *= rest[x]
            if counts[fades]:
                _blend_row(fields[1], rows, covers)
            for n in range(counts[fades]):
                span = (spans[fades, n, 0], spans[fades, n, 1])
                _place(span, columns, lines, scales, row, ends, stride, places, behind)
                for c in range(count):
                    total = totals[c]
                    for x in range(span[0], span[1]):
                        at, value = c * area + np.int64(taken(places, x)), taken(total, x)
                        moved = _linear(before, at, stride, taken(behind_x, x), taken(behind_y, x))
                        faded = _between(covers, np.int64(number_at(left, x)), number_at(share, x))
                        put(total, x, value + faded * (moved - value))
            for c in range(count):
                for x in range(width):
                    out[c, y, x] = np.uint8(np.int32(min(max(totals[c, x] + half, nothing), most)))
        for c in range(count):
            for n in range(counts[stays]):
                for x in range(spans[stays, n, 0], spans[stays, n, 1]):
                    out[c, y, x] = last[c, y + PAD, x + PAD]
