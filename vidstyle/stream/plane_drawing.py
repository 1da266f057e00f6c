"""Drawing planes of what a View shows, in loops that Numba compiles for the processor at hand.

A row is drawn at a time: the keys that show in it, the one on top first, are resampled and added up, each only where it
shows, many pixels at once (vidstyle.stream.gathering).
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.gathering import between, number_at, put, taken, word_at
from vidstyle.stream.plane_rows import OUTSIDE, PAD, VISIBLE, down_from, find_spans, place_spans, widen

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
    runs: np.ndarray,
    run_counts: np.ndarray,
    luma: np.ndarray,
    cubic: bool,
) -> None:
    """Draw planes of one size of what a View shows; see vidstyle.stream.laying.

    Args:
        out: (C, H, W) uint8, to be drawn.
        last: (C, H + 2 PAD, W + 2 PAD) uint8, the last output, with its border repeated around it.
        keys: (2, C, K, H + 2 PAD, W + 2 PAD) uint8, the planes of keys, mirrored around them: as painted, which is what
            is drawn where nothing has moved, and to be resampled.
        slots: (n,) int64, which of them are the layers, the one on top first; at least one.
        shifts, overs: (2 n, h, w), x and y in turns, and (n, h, w) float32, of each layer; see
            vidstyle.stream.key_maps.Layer.
        flow: (2, h, w) float32, x and y; see vidstyle.stream.key_maps.View.
        fields: (2, h, w) float32: `held` and `fading` of the View.
        tints: (2 C, h, w) float32, gain and offset in turns by which the frame's luma becomes what is drawn where
            nothing else is there.
        runs: (n + 3, h, m, 2) int16, in the rows between positions the first and the one after the last of those right
            of which each layer shows, none does, the last output does as well, and nothing changes and `out` is `last`.
        run_counts: (n + 3, h) int64, how many there are.
        luma: (H, W) or (2 H, 2 W) uint8, the frame's own, contiguous.
        cubic: whether keys are resampled by cubic convolution rather than linearly.
    """
    count, height, full = out.shape
    h, w = flow.shape[1:]
    layers = slots.shape[0]
    width = np.int64(full)
    stride = width + 2 * PAD
    area = stride * (np.int64(height) + 2 * PAD)
    moved_keys = np.int64(keys.shape[1]) * keys.shape[2] * area
    finer = np.int64(luma.shape[1] // width)
    moves, hides, tinted = shifts.reshape(-1), overs.reshape(-1), tints.reshape(-1)
    moved_last, of_fields = flow.reshape(-1), fields.reshape(-1)
    painted, before, light = keys.reshape(-1), last.reshape(-1), luma.reshape(-1)
    one, half, nothing, least = np.float32(1), np.float32(0.5), np.float32(0), np.float32(VISIBLE)
    most = np.float32(255)
    scale_x, scale_y = np.float32(width / w), np.float32(height / h)
    scales, farthest = (width, scale_x, scale_y), PAD + OUTSIDE
    limits = (scales, (np.float32(PAD - 1), np.float32(width + PAD), np.float32(height + PAD)), stride)
    key_limits = (
        scales,
        (np.float32(PAD - 1 - OUTSIDE), np.float32(width + farthest), np.float32(height + farthest)),
        stride,
    )
    left, share = np.empty(width, np.int32), np.empty(width, np.float32)
    each = width // w if width % w == 0 and width // w in (2, 4) else 0
    begins = np.empty(w + 1, np.int64)
    begins[:] = width
    for x in range(width - 1, -1, -1):
        # What lies before the first position is as there.
        place = min(max((x + 0.5) / scale_x - 0.5, 0.0), w - 1.0)
        left[x] = np.int32(place)
        share[x] = np.float32(place - left[x])
        begins[left[x]] = x
    for x in range(w - 1, -1, -1):
        begins[x] = min(begins[x], begins[x + 1])
    # Two rows each of x, y and how far it covers of each layer; of the last output's x, y, `held` and `fading`; tints.
    pair = 2 * width
    of_last, of_tints = 3 * layers * pair, (3 * layers + 4) * pair
    wide = np.empty((3 * layers + 4 + 2 * count) * pair, np.float32)
    places, behind = np.empty(width, np.int32), np.empty(2 * width, np.float32)
    totals, rest, shown = np.empty(count * width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    lumens = np.empty(width, np.float32)
    spans, counts = np.empty((layers + 3, runs.shape[2], 2), np.int64), np.zeros(layers + 3, np.int64)
    bare, fades, stays = layers, layers + 1, layers + 2
    looked_at = -1
    for y in range(height):
        place = min(max((y + 0.5) / scale_y - 0.5, 0.0), h - 1.0)
        top = int(place)
        down = np.float32(place - top)
        row = (np.float32(y + PAD), down)
        if top != looked_at:
            looked_at = top
            rows = (top, min(top + 1, h - 1))
            find_spans(runs, run_counts, top, begins, spans, counts)
            for k in range(layers):
                if counts[k]:
                    widen(moves, 2 * k, (2, h, w), rows, each, left, share, wide, 3 * k * pair)
                    widen(hides, k, (1, h, w), rows, each, left, share, wide, (3 * k + 2) * pair)
            if counts[bare] or counts[fades]:
                widen(moved_last, 0, (2, h, w), rows, each, left, share, wide, of_last)
                widen(of_fields, 0, (2, h, w), rows, each, left, share, wide, of_last + 2 * pair)
            if counts[bare]:
                widen(tinted, 0, (2 * count, h, w), rows, each, left, share, wide, of_tints)
        if counts[stays] != 1 or spans[stays, 0, 1] - spans[stays, 0, 0] != width:
            totals[:] = nothing
            rest[:] = one
            own = (np.int64(y) + PAD) * stride + PAD
            for k in range(layers):
                first = 3 * k * pair
                place_spans(spans, k, counts[k], wide, (first, first + pair), row, key_limits, places, behind)
                for n in range(counts[k]):
                    span = (spans[k, n, 0], spans[k, n, 1])
                    for x in range(span[0], span[1]):
                        under = taken(rest, x)
                        over = under * down_from(wide, first + 2 * pair + x, width, down)
                        put(shown, x, over)
                        put(rest, x, under - over)
                    for c in range(count):
                        begin, total = (c * keys.shape[2] + slots[k]) * area, c * width
                        for x in range(span[0], span[1]):
                            at = taken(places, x)
                            fx, fy = taken(behind, x), taken(behind, width + x)
                            stands = at == np.int32(own + x) and fx == nothing and fy == nothing
                            at = np.int64(at) + (begin if stands else begin + moved_keys)
                            if cubic:
                                value = _cubic(painted, at, stride, fx, fy)
                            else:
                                value = _linear(painted, at, stride, fx, fy)
                            put(totals, total + x, taken(totals, total + x) + taken(shown, x) * value)
            ways, holds, fading = (of_last, of_last + pair), of_last + 2 * pair, of_last + 3 * pair
            lit = np.int64(y) * finer * luma.shape[1]
            place_spans(spans, bare, counts[bare], wide, ways, row, limits, places, behind)
            for n in range(counts[bare]):
                span = (spans[bare, n, 0], spans[bare, n, 1])
                for x in range(span[0], span[1]):
                    under = taken(rest, x)
                    over = under if under >= least else nothing
                    put(shown, x, over)
                    put(rest, x, under - over)
                if finer == 2:
                    for x in range(span[0], span[1]):
                        put(lumens, x, np.float32(np.int32(number_at(light, lit + 2 * x))))
                else:
                    for x in range(span[0], span[1]):
                        put(lumens, x, np.float32(np.int32(number_at(light, lit + x))))
                for c in range(count):
                    gains, total = of_tints + 2 * c * pair, c * width
                    for x in range(span[0], span[1]):
                        held = down_from(wide, holds + x, width, down)
                        gain = down_from(wide, gains + x, width, down)
                        colored = taken(lumens, x) * gain + down_from(wide, gains + pair + x, width, down)
                        at = c * area + np.int64(taken(places, x))
                        moved = _linear(before, at, stride, taken(behind, x), taken(behind, width + x))
                        value = held * moved + (one - held) * colored
                        put(totals, total + x, taken(totals, total + x) + taken(shown, x) * value)
            for x in range(width):
                # What shows too little to be looked at is made up for.
                rest[x] = one / max(one - rest[x], least)
            for c in range(count):
                total = c * width
                for x in range(width):
                    put(totals, total + x, taken(totals, total + x) * taken(rest, x))
            place_spans(spans, fades, counts[fades], wide, ways, row, limits, places, behind)
            for n in range(counts[fades]):
                span = (spans[fades, n, 0], spans[fades, n, 1])
                for c in range(count):
                    total = c * width
                    for x in range(span[0], span[1]):
                        at, value = c * area + np.int64(taken(places, x)), taken(totals, total + x)
                        moved = _linear(before, at, stride, taken(behind, x), taken(behind, width + x))
                        put(totals, total + x, value + down_from(wide, fading + x, width, down) * (moved - value))
            for c in range(count):
                total = c * width
                for x in range(width):
                    out[c, y, x] = np.uint8(np.int32(min(max(taken(totals, total + x) + half, nothing), most)))
        for c in range(count):
            for n in range(counts[stays]):
                for x in range(spans[stays, n, 0], spans[stays, n, 1]):
                    out[c, y, x] = last[c, y + PAD, x + PAD]
