"""What is shown of every frame between two keys: drawn up before anything is painted.

Each key is carried both ways through the frames around it.  A place shows the key that saw it best: what it has in
common with the key's frame, how far in time that is, and how much its paint has been pulled out of shape.  From one
key to the next places go over patch by patch, each within a few frames, since two paintings laid over each other for
long would blur into one; their broad colours, which nobody sees the strokes in, go over slowly (as in Burt and Adelson
1983, "A Multiresolution Spline").
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vidstyle.keys.scouting import Seen
from vidstyle.keys.traces import Trace, Walk, walked_back, walked_on
from vidstyle.stream.key_maps import patches
from vidstyle.stream.planes import sample

LONGEST = 120
"""Frames that are known at a time: keys further apart are carried back so far only, so that memory is bounded."""
CARRIED = 3
"""Keys that are carried on at the end of a stretch, those painted for what no key has seen among them."""
FILLERS, LEAST_HOLE = 4, 0.012
"""Frames of LONGEST that are painted for what no key has seen, at the most, and the share of a picture for which one
is."""
TRUST = 3.0
"""Of how well a key sees a place, against its distance in time as a share of that between two keys."""
SPREAD = 0.6
"""Of that share, over which patches go over from one key to the next."""
FADE_FRAMES = 4.0
"""In which each patch does."""
LONE_FRAMES = 48
"""Frames that stand for the distance between two keys where there is but one."""
BEHIND = 1.0
"""Distance that a frame painted for what no key has seen has beyond its own."""
RATE = 0.3
"""Change of a key's weight at a place from frame to frame, at the most."""
SEAM = 0.6
"""Positions over which seams are softened."""
LEAST_SHOWN = 0.004


@dataclass(frozen=True)
class KeyLayer:
    """A key in what is shown of a frame.

    Attributes:
        key: its number: that of its frame, or minus one less than that if it is painted for what no key has seen.
        shift: see Trace.
        weight: (h, w) float32, its share of the picture, 0 to 1.
        colors: (h, w) float32, its share of the broad colours.
    """

    key: int
    shift: np.ndarray | None
    weight: np.ndarray
    colors: np.ndarray


@dataclass(frozen=True)
class Plan:
    """What is shown of a frame.

    Attributes:
        index, pts: of the frame.
        layers: keys; their weights come to 1 less what is uncovered.
        uncovered: (h, w) float32, where the last output, moved along, has to do.
        flow: (h, w, 2) float32, from each position to where it was in the frame before; None if nothing leads there.
        skipped: whether the frame is drawn already.
    """

    index: int
    pts: int
    layers: tuple[KeyLayer, ...]
    uncovered: np.ndarray
    flow: np.ndarray | None
    skipped: bool = False


class Planner:
    """Draws up plans for all frames of a film.

    Args:
        keys: numbers of the frames that are painted.
        fill: has a frame painted that no key sees well enough: takes its number as a key, and its pixels.  None if
            there is nothing to paint it with.
    """

    def __init__(self, keys: Iterable[int], fill: Callable[[int, np.ndarray], None] | None) -> None:
        self._keys, self._fill = frozenset(keys), fill
        self._left: list[tuple[int, Walk]] = []
        self._weights: dict[int, np.ndarray] = {}
        self.holes = 0.0
        """Mean share of the pictures so far that no key of the film covers."""
        self._planned = 0

    def plans(self, frames: Iterable[Seen]) -> Iterator[Plan]:
        """One for each frame, in order; at most LONGEST frames are held."""
        piece: list[Seen] = []
        for frame in frames:
            if frame.begins_shot:
                yield from self._planned_piece(piece, None)
                piece, self._left, self._weights = [], [], {}
            if frame.skipped:
                self._left = [(frame.index, Walk(frame.small))] if frame.index in self._keys else []
                yield Plan(frame.index, frame.pts, (), np.zeros(_shape(frame), np.float32), None, skipped=True)
                continue
            piece.append(frame)
            if frame.index in self._keys:
                yield from self._planned_piece(piece, frame)
                piece = []
            elif len(piece) >= LONGEST:
                yield from self._planned_piece(piece, None)
                piece = []
        yield from self._planned_piece(piece, None)

    def _planned_piece(self, piece: Sequence[Seen], right: Seen | None) -> Iterator[Plan]:
        if not piece:
            return
        traces = {number: walked_on(walk, piece) for number, walk in self._left}
        found = [number for number in traces if number >= 0]
        left = max(found, default=None)
        if right is not None:
            traces[right.index] = walked_back(right.small, piece)
            found.append(right.index)
        uncovered = [_uncovered([traces[n][i] for n in found], frame) for i, frame in enumerate(piece)]
        self._planned += len(piece)
        self.holes += (sum(float(hole.mean()) for hole in uncovered) - self.holes * len(piece)) / self._planned
        for number in traces.keys() - set(found):
            uncovered = [np.minimum(u, 1 - t.shown) for u, t in zip(uncovered, traces[number], strict=True)]
        walks = self._left + self._filled(piece, traces, uncovered)
        if right is not None:
            walks.append((right.index, Walk(right.small)))
        # Of painted keys the newest goes on alone, so that a stretch hangs on the two keys at its ends.
        newest = max((number for number, _ in walks if number >= 0), default=-1)
        worth = {n: float(traces[n][-1].shown.mean()) for n, _ in walks}
        walks = [(n, walk) for n, walk in walks if n == newest or (n < 0 and worth[n] > LEAST_HOLE)]
        walks.sort(key=lambda walk: (walk[0] == newest, _frame(walk[0])), reverse=True)
        self._left = walks[:CARRIED]
        span = right.index - left if right is not None and left is not None else LONE_FRAMES
        sides = left, (right.index if right is not None else None)
        for i, frame in enumerate(piece):
            yield self._plan(frame, {n: t[i] for n, t in traces.items()}, sides, span)

    def _filled(
        self, piece: Sequence[Seen], traces: dict[int, list[Trace]], uncovered: list[np.ndarray]
    ) -> list[tuple[int, Walk]]:
        """Have frames painted until no hole is left, and carry them both ways."""
        walks: list[tuple[int, Walk]] = []
        while self._fill is not None and len(walks) < FILLERS:
            areas = [float(hole.mean()) for hole in uncovered]
            worst = int(np.argmax(areas))
            number = -1 - piece[worst].index
            if areas[worst] < LEAST_HOLE or number in traces:
                break
            self._fill(number, piece[worst].pixels)
            walk = Walk(piece[worst].small)
            traces[number] = walked_back(piece[worst].small, piece[: worst + 1]) + walked_on(walk, piece[worst + 1 :])
            walks.append((number, walk))
            uncovered[:] = [np.minimum(u, 1 - t.shown) for u, t in zip(uncovered, traces[number], strict=True)]
        return walks

    def _plan(self, frame: Seen, traces: dict[int, Trace], sides: tuple[int | None, int | None], span: float) -> Plan:
        flow = None if frame.begins_shot or frame.forward is None else frame.forward.flow
        shown = {n: t for n, t in traces.items() if t.shown.max() > LEAST_SHOWN}
        if not shown:
            self._weights = {}
            return Plan(frame.index, frame.pts, (), np.ones(_shape(frame), np.float32), flow)
        covered = np.max([t.shown for t in shown.values()], axis=0)
        wanted = _shares(shown, frame.index, span)
        if flow is not None:
            wanted = self._slowly(wanted, shown, flow)
        total = sum(wanted.values()) + np.float32(1e-6)
        weights = {n: share * covered / total for n, share in wanted.items()}
        colors = _broad_shares(shown, weights, frame.index, sides)
        self._weights = wanted
        # One that shows nothing yet gives its colours.
        seen = (n for n in shown if max(weights[n].max(), colors[n].max()) > LEAST_SHOWN)
        layers = (KeyLayer(n, shown[n].shift, weights[n], colors[n]) for n in seen)
        uncovered = 1 - covered if flow is not None else np.zeros_like(covered)
        if flow is None:
            weights = {n: share / total for n, share in wanted.items()}
            layers = (KeyLayer(n, shown[n].shift, weights[n], colors[n]) for n in shown)
        return Plan(frame.index, frame.pts, tuple(layers), uncovered.astype(np.float32), flow)

    def _slowly(
        self, wanted: dict[int, np.ndarray], shown: dict[int, Trace], flow: np.ndarray
    ) -> dict[int, np.ndarray]:
        """The shares, none of which changes by more than RATE from where it was in the frame before."""
        result = {}
        for number, share in wanted.items():
            before = self._weights.get(number)
            if before is None:
                before = np.zeros_like(share) if self._weights else share
            moved = sample(before, flow)
            slow = moved + np.clip(share - moved, -RATE, RATE)
            # What a key does not see any more is not shown for being used to.
            result[number] = np.minimum(slow, shown[number].shown)
        return result


def _shape(frame: Seen) -> tuple[int, int]:
    return Walk(frame.small).trace.shown.shape[:2]


def _frame(number: int) -> int:
    """The frame that a key is painted from."""
    return number if number >= 0 else -1 - number


def _uncovered(traces: Sequence[Trace], frame: Seen) -> np.ndarray:
    if not traces:
        return np.ones(_shape(frame), np.float32)
    return np.asarray(1 - np.max([t.shown for t in traces], axis=0))


def _shares(shown: dict[int, Trace], index: int, span: float) -> dict[int, np.ndarray]:
    """How much of each key is to show at each position, (h, w) each, 0 to 1."""
    scores = {}
    for number, trace in shown.items():
        distance = abs(index - _frame(number)) / span + BEHIND * (number < 0)
        order = _order(*trace.shown.shape)
        if trace.shift is not None:
            order = sample(order, trace.shift)
        # Keys on both sides have opposite orders: alike, they would cancel out, and all go over at once.
        side = 1 if _frame(number) <= index else -1
        scores[number] = TRUST * trace.shown - distance + SPREAD * (order - 0.5) * side
    best = np.max(list(scores.values()), axis=0)
    # Two scores pass each other by 2 / span from frame to frame.
    softness = max(0.5 * FADE_FRAMES / span, 0.02)
    result = {}
    for number, score in scores.items():
        share = np.exp(np.maximum((score - best) / softness, -20)) * shown[number].shown
        result[number] = cv2.GaussianBlur(share, (0, 0), SEAM) * (shown[number].shown > 0)
    return result


@lru_cache(maxsize=16)
def _order(height: int, width: int) -> np.ndarray:
    """(h, w) float32, 0 to 1: when each position goes over, patch by patch, and as many at any time as at any other."""
    ranks = np.empty(height * width, np.float32)
    ranks[np.argsort(patches(height, width).ravel(), kind="stable")] = np.linspace(0, 1, height * width)
    return ranks.reshape(height, width)


def _broad_shares(
    shown: dict[int, Trace], weights: dict[int, np.ndarray], index: int, sides: tuple[int | None, int | None]
) -> dict[int, np.ndarray]:
    """How much of each key's broad colours is to show, (h, w) each: they change all the way from key to key."""
    left, right = sides
    if left is None or right is None or left not in shown or right not in shown:
        return weights
    # In percent: a stretch may be one frame long.
    far = (index - left) / (right - left)
    both = {left: (1 - far) * shown[left].shown, right: far * shown[right].shown}
    total = both[left] + both[right]
    certain = np.clip(total * 4, 0, 1)
    covered = sum(weights.values())
    result = {}
    for number, weight in weights.items():
        own = both[number] / (total + 1e-4) * covered if number in both else np.zeros_like(weight)
        result[number] = np.asarray(certain * own + (1 - certain) * weight, np.float32)
    return result
