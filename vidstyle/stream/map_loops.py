"""What becomes of a key's map in one frame, in loops that Numba compiles for the processor at hand.

vidstyle.stream.key_maps says what it is for; a dozen calls of OpenCV and NumPy would take four times as long.
Maps have two positions a side at the least: the loops do not look where they read.
"""

from typing import Any

import numpy as np

from vidstyle.compiled import compiled
from vidstyle.stream.gathering import between, number_at, number_between, put, taken, word_at
from vidstyle.stream.plane_drawing import ONE_ON, THREE_ON, TWO_ON, byte_of

BEYOND = 2.0
"""Positions outside of a picture up to which a key shows, mirrored: what comes in at the border while a camera pans, as
long as it looks like what is beside it, and where nothing moves but the last digit of motion."""
ALIKE_SIDE = 3
"""Positions along the square in which `likeness` judges."""


@compiled(part=True)
def _placed(place: Any, end: Any) -> Any:
    """Where a place lies in a row or column of `end` + 1: the one before it, which has another behind it, and how far
    behind that."""
    place = min(max(place, np.float32(0)), np.float32(end))
    whole = min(np.int32(place), np.int32(end) - np.int32(1))
    return np.int64(whole), place - np.float32(whole)


@compiled(part=True)
def _shift_at(ways: np.ndarray, x: Any) -> Any:
    """Of a row of shifts, x and y in turns, one of them."""
    return number_at(ways, np.int64(2 * x)), number_at(ways, np.int64(2 * x + 1))


@compiled(part=True)
def _come_from(x: Any, row: Any, shift: Any, h: Any, w: Any) -> Any:
    """Where a place comes from in a map (h, w): the number of the place before that, and how far behind it lies."""
    left, fx = _placed(np.float32(np.int32(x)) + shift[0], w - 1)
    top, fy = _placed(row + shift[1], h - 1)
    return top * w + left, fx, fy


@compiled(part=True)
def _is_there(px: Any, py: Any, h: Any, w: Any) -> Any:
    """Whether a place lies in a map (h, w), or no farther from it than BEYOND."""
    begin, end_x, end_y = np.float32(-BEYOND), np.float32(w - 1 + BEYOND), np.float32(h - 1 + BEYOND)
    return (px >= begin) & (py >= begin) & (px <= end_x) & (py <= end_y)


@compiled(part=True)
def _byte_between(words: Any, first: Any, second: Any, fx: Any, fy: Any) -> Any:
    """One channel between four pixels, of each row two words: so far behind in the first one, and in the second."""
    one, two, three, four = words
    left, right = byte_of(one, first), byte_of(two, second)
    return between(left, right, byte_of(three, first), byte_of(four, second), fx, fy) + np.float32(0.5)


@compiled("numpy")
def carry_map(
    shift: np.ndarray,
    trust: np.ndarray,
    flow: np.ndarray,
    moved: np.ndarray,
    carried: np.ndarray,
) -> None:
    """A map moved along: where each place came from, by where it was in the last frame.

    Args:
        shift, flow: (h, w, 2) float32, x before y, positions; see vidstyle.stream.key_maps.
        trust: (h, w) float32.
        moved, carried: the same as `shift` and `trust`, to be written.
    """
    h, w = trust.shape
    for y in range(h):
        ways, places, levels = flow[y].reshape(-1), shift.reshape(-1), trust.reshape(-1)
        to, level = moved[y].reshape(-1), carried[y]
        row = np.float32(y)
        for x in range(w):
            along, down = _shift_at(ways, x)
            at, fx, fy = _come_from(x, row, (along, down), h, w)
            put(to, np.int64(2 * x), number_between(places, 2 * at, np.int64(2), 2 * w, fx, fy) + along)
            put(to, np.int64(2 * x + 1), number_between(places, 2 * at + 1, np.int64(2), 2 * w, fx, fy) + down)
            put(level, np.int64(x), number_between(levels, at, np.int64(1), w, fx, fy))


@compiled("numpy", part=True)
def _pixel_along(pixels: np.ndarray, from_where: Any, w: Any, written: np.ndarray, to: Any) -> None:
    """One pixel of three bytes, from where `_come_from` says."""
    at, fx, fy = from_where
    a = 3 * at
    c = a + 3 * w
    # The second word ends where the second pixel does.
    words = (word_at(pixels, a), word_at(pixels, a + 2), word_at(pixels, c), word_at(pixels, c + 2))
    put(written, to, np.uint8(np.int32(_byte_between(words, np.uint32(0), ONE_ON, fx, fy))))
    put(written, to + 1, np.uint8(np.int32(_byte_between(words, ONE_ON, TWO_ON, fx, fy))))
    put(written, to + 2, np.uint8(np.int32(_byte_between(words, TWO_ON, THREE_ON, fx, fy))))


@compiled("numpy")
def picture_along(picture: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
    """A picture (h, w, 3) uint8 at every place plus its shift (h, w, 2), linearly; beyond the border as at it."""
    h, w = picture.shape[:2]
    for y in range(h):
        pixels, ways, written = picture.reshape(-1), shift[y].reshape(-1), out[y].reshape(-1)
        row = np.float32(y)
        for x in range(w):
            _pixel_along(pixels, _come_from(x, row, _shift_at(ways, x), h, w), w, written, np.int64(3 * x))


@compiled("numpy")
def planes_along(planes: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
    """The same of planes (n, h, w) float32, all by one shift (h, w, 2)."""
    count, h, w = planes.shape
    places, behind_x, behind_y = np.empty(w, np.int64), np.empty(w, np.float32), np.empty(w, np.float32)
    for y in range(h):
        ways, row = shift[y].reshape(-1), np.float32(y)
        for x in range(w):
            at, fx, fy = _come_from(x, row, _shift_at(ways, x), h, w)
            put(places, np.int64(x), at)
            put(behind_x, np.int64(x), fx)
            put(behind_y, np.int64(x), fy)
        for n in range(count):
            numbers, written = planes[n].reshape(-1), out[n, y]
            for x in range(w):
                at = np.int64(x)
                fx, fy = taken(behind_x, at), taken(behind_y, at)
                put(written, at, number_between(numbers, taken(places, at), np.int64(1), np.int64(w), fx, fy))


@compiled(part=True)
def _mirrored(place: Any, side: Any) -> Any:
    """A row or column one beyond the border, as OpenCV has it: mirrored at the last one."""
    return abs(place) if place < side else 2 * side - 2 - place


@compiled("numpy", part=True)
def _bordered(line: np.ndarray) -> None:
    """Mirror the ends of (w + 2,)."""
    w = line.shape[0] - 2
    line[0], line[w + 1] = line[2], line[w - 1]


@compiled(part=True)
def _apart(one: np.ndarray, other: np.ndarray, at: Any) -> Any:
    """How far two pictures differ in one number."""
    return np.int32(abs(np.int32(number_at(one, at)) - np.int32(number_at(other, at))))


@compiled(part=True)
def _three(sums: np.ndarray, at: Any) -> Any:
    """The sum of one channel of three pixels beside each other."""
    return np.int32(taken(sums, at) + taken(sums, at + 3) + taken(sums, at + 6))


@compiled("numpy")
def likeness(one: np.ndarray, other: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
    """How far two pictures look the same, 0 to 1: by the mean difference of each channel around them.

    Args:
        one, other: (h, w, 3) uint8.
        low, high: grey levels up to which they do, and from which on they do not.
        out: (h, w) float32, to be written.
    """
    h, w = np.int64(out.shape[0]), np.int64(out.shape[1])
    side = 3 * w
    first, second, written = one.reshape(-1), other.reshape(-1), out.reshape(-1)
    sums = np.empty(side + 6, np.int32)
    least, more, zero, unit = np.float32(low), np.float32(1 / (high - low)), np.float32(0), np.float32(1)
    for y in range(h):
        above, own, below = _mirrored(y - 1, h) * side, y * side, _mirrored(y + 1, h) * side
        for i in range(side):
            total = _apart(first, second, above + i) + _apart(first, second, own + i) + _apart(first, second, below + i)
            put(sums, i + 3, np.int32(total))
        for i in range(3):
            put(sums, np.int64(i), taken(sums, np.int64(i + 6)))
            put(sums, side + 3 + i, taken(sums, side - 3 + i))
        for x in range(w):
            red, green, blue = _three(sums, 3 * x), _three(sums, 3 * x + 1), _three(sums, 3 * x + 2)
            most = np.int32(max(max(red, green), blue) + np.int32(4))
            level = np.float32(np.int32(most // np.int32(9)))
            put(written, y * w + x, unit - min(max((level - least) * more, zero), unit))


@compiled("numpy", part=True)
def _around(ways: np.ndarray, levels: np.ndarray, place: tuple[int, int], size: tuple[int, int], rule: Any) -> Any:
    """Of the shifts around a place where a map is sure: how many, their mean, and how far apart they lie, squared."""
    (y, x), (h, w), (reach, sure) = place, size, rule
    zero = np.float32(0)
    count, along, down, squares = zero, zero, zero, zero
    for v in range(max(y - reach, 0), min(y + reach + 1, h)):
        for u in range(max(x - reach, 0), min(x + reach + 1, w)):
            at = np.int64(v * w + u)
            one = np.float32(1) if number_at(levels, at) >= sure else zero
            a, d = one * number_at(ways, 2 * at), one * number_at(ways, 2 * at + 1)
            count, along, down, squares = count + one, along + a, down + d, squares + a * a + d * d
    number = max(count, np.float32(1))
    along, down = along / number, down / number
    return count, along, down, squares / number - along * along - down * down


@compiled("numpy")
def go_on(
    shift: np.ndarray,
    trust: np.ndarray,
    source: np.ndarray,
    rules: tuple[int, float, float, float],
    lost: np.ndarray,
    moved: np.ndarray,
    seen: np.ndarray,
) -> None:
    """Go on with a map where it is lost: as it is on average around there.

    Args:
        shift: (h, w, 2) float32, x before y, positions.
        trust: (h, w) float32, 0 to 1.
        source: (h, w, 3) uint8, what the map leads to.
        rules: positions to each side that count as around; trust from which on the map is sure there; in how many of
            them it must be; squared positions by which it may differ between them, on average.
        lost: (h, w) bool, where to go on; no longer where it leads farther out of the picture than BEYOND, or nowhere.
        moved, seen: `shift`, and `source` where that leads to, to be written there.
    """
    h, w = np.int64(lost.shape[0]), np.int64(lost.shape[1])
    pixels, written, ways, levels = source.reshape(-1), seen.reshape(-1), shift.reshape(-1), trust.reshape(-1)
    rule = np.int64(rules[0]), np.float32(rules[1])
    for y in range(h):
        for x in range(w):
            if lost[y, x]:
                count, along, down, apart = _around(ways, levels, (y, x), (h, w), rule)
                sure = count >= rules[2] and apart <= rules[3]
                if sure:
                    moved[y, x, 0], moved[y, x, 1] = along, down
                    place = _come_from(x, np.float32(y), (along, down), h, w)
                    _pixel_along(pixels, place, w, written, 3 * (y * w + x))
                lost[y, x] = sure and _is_there(np.float32(x) + along, np.float32(y) + down, h, w)


@compiled("numpy")
def found_again(seen: np.ndarray, now: np.ndarray, lost: np.ndarray, most: float, out: np.ndarray) -> None:
    """What looks as it did.

    Args:
        seen, now: (h, w, 3) uint8.
        lost: (h, w) bool, where to look.
        most: grey levels that the mean difference of each channel around there may have, see `likeness`.
        out: (2, h, w) float32, becomes 1 there.
    """
    h, w = np.int64(lost.shape[0]), np.int64(lost.shape[1])
    first, second = seen.reshape(-1), now.reshape(-1)
    for y in range(h):
        for x in range(w):
            if lost[y, x]:
                worst = np.int32(0)
                for c in range(3):
                    total = np.int32(4)
                    for v in range(y - 1, y + 2):
                        row = _mirrored(v, h) * w
                        for u in range(x - 1, x + 2):
                            total += _apart(first, second, np.int64(3 * (row + _mirrored(u, w)) + c))
                    worst = max(worst, total)
                if np.float32(worst // np.int32(9)) <= most:
                    out[0, y, x] = out[1, y, x] = np.float32(1)


@compiled("numpy")
def natural(shift: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
    """How natural strokes look, 0 to 1, by how a map changes from place to place; 0 where it leads farther out
    of the frame than BEYOND.

    Args:
        shift: (h, w, 2) float32, x before y, positions.
        low, high: see vidstyle.stream.key_maps.PULLED.
        out: (h, w) float32, to be written.
    """
    h, w = out.shape
    rows = np.empty((3, 2, w + 2), np.float32)
    least, more, eighth = np.float32(low), np.float32(1 / (high - low)), np.float32(1 / 8)
    zero, one, two = np.float32(0), np.float32(1), np.float32(2)
    for y in range(h):
        for n in range(3):
            line = shift[_mirrored(y - 1 + n, h)].reshape(-1)
            for x in range(w):
                rows[n, 0, x + 1] = line[2 * x]
                rows[n, 1, x + 1] = line[2 * x + 1]
            _bordered(rows[n, 0])
            _bordered(rows[n, 1])
        row = np.float32(y)
        for x in range(w):
            most = zero
            for c in range(2):
                a, b, d = rows[0, c], rows[1, c], rows[2, c]
                across = a[x + 2] - a[x] + two * (b[x + 2] - b[x]) + d[x + 2] - d[x]
                down = d[x] - a[x] + two * (d[x + 1] - a[x + 1]) + d[x + 2] - a[x + 2]
                most = max(most, max(abs(across), abs(down)))
            px, py = np.float32(np.int32(x)) + rows[1, 0, x + 1], row + rows[1, 1, x + 1]
            level = one - min(max((most * eighth - least) * more, zero), one)
            out[y, x] = level if _is_there(px, py, h, w) else zero


@compiled("numpy")
def pile(overs: np.ndarray, numbers: np.ndarray, visible: np.ndarray, uncovered: np.ndarray, owner: np.ndarray) -> None:
    """What shows of layers over each other, and which of them shows most.

    Args:
        overs: (n, h, w) float32, how far each covers what is below it, the one on top first.
        numbers: (n,) int16.
        visible: (n, h, w) float32, how much of each shows; to be written, as are these:
        uncovered: (h, w) float32, how much none of them covers.
        owner: (h, w) int16, the number of the layer that shows most, -1 where more of what none covers does.
    """
    count, size = np.int64(overs.shape[0]), np.int64(owner.size)
    covers, shows = overs.reshape(-1), visible.reshape(-1)
    rest, owners, most = uncovered.reshape(-1), owner.reshape(-1), np.empty(size, np.float32)
    for i in range(size):
        put(rest, i, np.float32(1))
        put(most, i, np.float32(0))
        put(owners, i, np.int16(-1))
    for k in range(count):
        begin, number = k * size, np.int32(numbers[k])
        for i in range(size):
            room, best = taken(rest, i), taken(most, i)
            part = room * number_at(covers, begin + i)
            put(shows, begin + i, part)
            put(rest, i, room - part)
            put(owners, i, np.int16(number if part > best else np.int32(taken(owners, i))))
            put(most, i, max(part, best))
    for i in range(size):
        put(owners, i, np.int16(np.int32(taken(owners, i)) if taken(most, i) > taken(rest, i) else np.int32(-1)))


@compiled("numpy")
def mixed(pictures: np.ndarray, shares: np.ndarray, out: np.ndarray) -> None:
    """Pictures laid over each other by shares, in whole levels.

    Args:
        pictures: (n, h, w, 3) uint8.
        shares: (n, h, w) float32, which come to one.
        out: (h, w, 3) uint8, to be written.
    """
    count, h, w = shares.shape
    sums = np.empty((3, w), np.float32)
    half = np.float32(0.5)
    for y in range(h):
        for k in range(count):
            line, share = pictures[k, y].reshape(-1), shares[k, y]
            for c in range(3):
                total = sums[c]
                for x in range(w):
                    more = share[x] * np.float32(line[3 * x + c])
                    total[x] = more if k == 0 else total[x] + more
        written = out[y].reshape(-1)
        for c in range(3):
            for x in range(w):
                written[3 * x + c] = np.uint8(np.int32(sums[c, x] + half))
