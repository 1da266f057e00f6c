"""What a row of a plane is drawn from: which of its pixels, where they come from, and maps as wide as it is.

In loops that Numba compiles for the processor at hand; what is drawn of it is in vidstyle.stream.plane_drawing.  A loop
that another one calls takes hold of its arrays and lets go of them each time, which takes as long as some pixels do: so
each of these does all of a row, or of two, at once.
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.gathering import number_at, put, taken

VISIBLE = 0.004
"""Share below which nothing is drawn: a grey level."""
PAD, OUTSIDE = 12, 9
"""Pixels around a plane that is resampled, and those of a key that can be seen: what lies farther outside is as there.
Of the last output it is one."""
WHOLE = 8
"""Pixels of a row that are resampled together, though something may show in some of them only."""


@compiled("numpy")
def mark(
    overs: np.ndarray,
    uncovered: np.ndarray,
    fading: np.ndarray,
    changed: np.ndarray,
    runs: np.ndarray,
    counts: np.ndarray,
) -> None:
    """What is to be drawn between four positions each; see `draw_planes`.

    Args:
        overs: (n, h, w) float32, how far each layer covers what is below it.
        uncovered, fading: (h, w) float32, of the View.
        changed: (h, w) bool, where anything is to be drawn anew.
        runs, counts: (n + 3, h, w / 2 + 1, 2) int16 and (n + 3, h) int64, to be written.
    """
    layers, h, w = overs.shape
    least, one, two = np.float32(VISIBLE), np.uint32(1), np.uint32(2)
    # Bits: of each layer whether it covers anything, and whether what is above it leaves it any room; then the others.
    bits, room = np.zeros((h + 1, w + 1), np.uint32), np.empty(w, np.float32)
    for y in range(h):
        for x in range(w):
            bits[y, x] = np.uint32(uncovered[y, x] >= least) | np.uint32(fading[y, x] >= least) << one
            bits[y, x] |= np.uint32(changed[y, x]) << two
            room[x] = np.float32(1)
        for k in range(layers):
            first = np.uint32(2 * k + 3)
            for x in range(w):
                shows = np.uint32(overs[k, y, x] >= least) | np.uint32(room[x] >= least) << one
                bits[y, x] |= shows << first
                room[x] *= np.float32(1) - overs[k, y, x]
    marks = np.zeros(w + 1, np.uint32)
    for y in range(h):
        for x in range(w):
            bits[y, x] |= bits[y, x + 1] | bits[y + 1, x] | bits[y + 1, x + 1]
        for x in range(w):
            alters = bits[y, x] >> two & one
            shows = (bits[y, x] & one | bits[y, x] & two) * alters
            marks[x] = shows << np.uint32(layers) | (alters ^ one) << np.uint32(layers + 2)
        for k in range(layers):
            first = np.uint32(2 * k + 3)
            for x in range(w):
                shows = bits[y, x] >> first & bits[y, x] >> (first + one) & bits[y, x] >> two & one
                marks[x] |= shows << np.uint32(k)
        for k in range(layers + 3):
            counts[k, y] = 0
        before = np.uint32(0)
        for x in range(w + 1):
            here = marks[x]
            if here != before:
                for k in range(layers + 3):
                    if (here ^ before) >> np.uint32(k) & one:
                        if here >> np.uint32(k) & one:
                            runs[k, y, counts[k, y], 0] = x
                        else:
                            runs[k, y, counts[k, y], 1] = x
                            counts[k, y] += 1
                before = here


@compiled("numpy", part=True)
def find_spans(
    runs: np.ndarray, run_counts: np.ndarray, row: Any, begins: np.ndarray, spans: np.ndarray, counts: np.ndarray
) -> None:
    """The pixels of runs of positions in a row; see `draw_planes`.

    Args:
        begins: (w + 1,) int64, the pixel that each position begins at.
        spans, counts: (n + 3, m, 2) and (n + 3,) int64, to be written: begins and ends, and how many there are.
    """
    width, last = begins[begins.shape[0] - 1], counts.shape[0] - 1
    for k in range(last + 1):
        found = 0
        whole = WHOLE if k < last else 1
        for n in range(run_counts[k, row]):
            begin = begins[runs[k, row, n, 0]] // whole * whole
            end = min((begins[runs[k, row, n, 1]] + whole - 1) // whole * whole, width)
            if found and begin <= spans[k, found - 1, 1]:
                spans[k, found - 1, 1] = end
            else:
                spans[k, found, 0], spans[k, found, 1] = begin, end
                found += 1
        counts[k] = found


@compiled("numpy", part=True)
def widen(
    maps: np.ndarray,
    first: Any,
    size: Any,
    rows: Any,
    each: Any,
    left: np.ndarray,
    share: np.ndarray,
    wide: np.ndarray,
    to: Any,
) -> None:
    """Two rows of maps as wide as the pixels of a plane; what lies before the first position is as there.

    Args:
        maps: (n, h, w) float32 in a row.
        first: the one to begin with.
        size: how many, h and w.
        rows: which.
        each: pixels of a position, 0 if they are not a whole number.
        left, share: (W,) int32 and float32: the position before each pixel, and how far it lies behind it.
        wide: float32, to be written from `to` on: W numbers for each row, both of one map beside each other.
    """
    count, h, w = size
    width = np.int64(left.shape[0])
    for n in range(2 * count):
        row = ((first + n // 2) * h + rows[n % 2]) * w
        if each == 4:
            # LLVM stores these for many positions at once, where looking each pixel up takes three times as long.
            for x in range(w - 1):
                a, at = number_at(maps, row + x), to + 4 * x
                change = number_at(maps, row + x + 1) - a
                put(wide, at + 2, a + np.float32(0.125) * change)
                put(wide, at + 3, a + np.float32(0.375) * change)
                put(wide, at + 4, a + np.float32(0.625) * change)
                put(wide, at + 5, a + np.float32(0.875) * change)
        elif each == 2:
            for x in range(w - 1):
                a, at = number_at(maps, row + x), to + 2 * x
                change = number_at(maps, row + x + 1) - a
                put(wide, at + 1, a + np.float32(0.25) * change)
                put(wide, at + 2, a + np.float32(0.75) * change)
        else:
            for x in range(width):
                at = np.int64(number_at(left, x))
                a = number_at(maps, row + at)
                put(wide, to + x, a + number_at(share, x) * (number_at(maps, row + min(at + 1, w - 1)) - a))
        for x in range(each // 2):
            put(wide, to + x, number_at(maps, row))
            put(wide, to + width - 1 - x, number_at(maps, row + w - 1))
        to += width


@compiled(part=True)
def down_from(wide: np.ndarray, at: Any, width: Any, down: Any) -> Any:
    """A number of a map so far behind one row of it, of two that have been widened, one after the other."""
    first = taken(wide, at)
    return first + down * (taken(wide, at + width) - first)


@compiled("numpy", part=True)
def place_spans(
    spans: np.ndarray,
    k: Any,
    count: Any,
    wide: np.ndarray,
    ways: Any,
    row: Any,
    limits: Any,
    places: np.ndarray,
    behind: np.ndarray,
) -> None:
    """Where the pixels of spans come from: what they lie behind in a padded plane, and how far.

    Args:
        spans: see `find_spans`; `count` of the k-th.
        wide: what has been widened.
        ways: where x and y of where it is taken from begin in it, in positions away.
        row: of the pixels, in the padded plane; and how far it lies behind the first of two rows of positions.
        limits: pixels of a row, and of a position along x and y; the first place that can be taken from, the last along
            x and y; and the stride of the padded plane.
        places: (W,) int32, to be written.
        behind: (2 W,) float32, along x and then y, to be written.
    """
    (width, scale_x, scale_y), (first, last_x, last_y), stride = limits
    across, along = ways
    line, down = row
    for n in range(count):
        for x in range(spans[k, n, 0], spans[k, n, 1]):
            px = np.float32(PAD) + np.float32(np.int32(x)) + scale_x * down_from(wide, across + x, width, down)
            py = line + scale_y * down_from(wide, along + x, width, down)
            px, py = min(max(px, first), last_x), min(max(py, first), last_y)
            whole_x, whole_y = np.int32(px), np.int32(py)
            put(places, x, whole_y * np.int32(stride) + whole_x)
            put(behind, x, px - np.float32(whole_x))
            put(behind, width + x, py - np.float32(whole_y))
