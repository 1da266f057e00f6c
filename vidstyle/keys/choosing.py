"""Which frames of a film are worth painting: the fewest from which all others can be drawn."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vidstyle.errors import InputError, parameter
from vidstyle.keys.key_requests import COVER
from vidstyle.keys.scouting import Seen
from vidstyle.keys.traces import PULLED, Trace, Walk, walked_back, walked_on
from vidstyle.stream.key_maps import pull
from vidstyle.stream.motion import inside

MOST_GAP = 100
"""Frames between two keys at the most, unless the film stands still."""
MOST_MOVED = 2.4
"""Positions that everything has moved by since the last key, frame by frame and on average, at which the next one is
due where keys cost a program's time alone: what is far on its way has the errors of all the motion on it, and halfway
between two keys patches of both meet."""
STILL = 0.02
"""Positions a frame, on average, below which everything stands still."""
STILL_GAP = 2
"""Times as far as MOST_GAP that keys of what stands still may be apart."""
TAIL = 0.04
"""By how much less of the last frames of a shot has to be covered, which would take a key for a moment's sake."""
FIRST_LOOK, LOOKS = 4, 1.3
"""Frames after a key at which it is first asked whether the next one is due, and by how much later each time."""

SHOT, SIGHT, WORN, MOVED, EVEN = "shot", "sight", "worn", "moved", "even"
"""Why a frame is a key: it is the first of a shot; enough has come into sight; paint has been pulled out of shape, or
what it is on has changed; it has come far; nothing calls for one, but it would be far to the next."""
WHY = {
    SHOT: "first of a shot",
    SIGHT: "where enough has come into sight",
    WORN: "where paint would be worn",
    MOVED: "where paint has come far",
    EVEN: "evenly, where little moves",
}


@dataclass(frozen=True)
class Choice:
    """A frame that is worth painting.

    Attributes:
        index: its number in the film, from 0 on.
        why: one of WHY.
    """

    index: int
    why: str


def check_cover(cover: float) -> None:
    """Raises InputError for what no share can be."""
    if not 0 < cover < 1:
        raise InputError(f"{parameter('cover', cover)}: takes a share above 0 and below 1, such as {COVER:g}")


def chosen(frames: Iterable[Seen], cover: float = COVER, most_moved: float = math.inf) -> Iterator[Choice]:
    """The frames to paint, in order.

    Greedily, which is the least of intervals that have to be covered: each next key is as far from the last one as
    all frames between them are covered, by the one carried on or the other carried back.

    Args:
        frames: of a film.
        cover: share of every frame that a key has to see.
        most_moved: see MOST_MOVED; where a person paints, keys are as few as cover the film.
    """
    check_cover(cover)
    shot: _Shot | None = None
    for whole in frames:
        # Pixels are not looked at, and there are many.
        frame = dataclasses.replace(whole, pixels=whole.pixels[:0])
        if shot is None or frame.begins_shot:
            if shot is not None:
                yield from shot.ended()
            shot = _Shot(frame, cover, most_moved)
            yield Choice(frame.index, SHOT)
        else:
            yield from shot.take(frame)
    if shot is not None:
        yield from shot.ended()


class _Shot:
    """The frames of a shot since its last key.

    Args:
        first: the first frame, which is a key.
        cover, most_moved: see `chosen`.
    """

    def __init__(self, first: Seen, cover: float, most_moved: float) -> None:
        self._cover, self._most_moved = cover, most_moved
        self._begin(first)

    def _begin(self, key: Seen) -> None:
        self._walk = Walk(key.small)
        self._frames = [key]
        self._traces = [self._walk.trace]
        self._alone = 0
        self._moved = 0.0
        self._look_at = FIRST_LOOK

    def _append(self, frame: Seen) -> None:
        self._frames.append(frame)
        self._traces += walked_on(self._walk, [frame])
        assert frame.forward is not None
        self._moved += float(np.abs(frame.forward.flow).mean())
        if self._covers_alone(len(self._frames) - 1):
            self._alone = len(self._frames) - 1

    @property
    def _far(self) -> int:
        return len(self._frames) - 1

    def _covers_alone(self, far: int) -> bool:
        return float(self._traces[far].shown.mean()) >= self._cover

    def take(self, frame: Seen) -> Iterator[Choice]:
        """The next frame, and the key that it shows to be due, if there is one."""
        self._append(frame)
        gap = MOST_GAP * (STILL_GAP if self._moved / self._far < STILL else 1)
        if self._far >= gap:
            yield self._key(self._farthest(), EVEN)
        elif self._moved > self._most_moved:
            yield self._key(self._farthest(), MOVED)
        elif self._far >= self._look_at and not self._covers_alone(self._far):
            # Not at every frame, since each look goes back over all of them.
            self._look_at = max(self._far + 1, round(self._far * LOOKS))
            if not self._joint(self._far):
                yield self._key(self._farthest(), SIGHT)

    def ended(self) -> Iterator[Choice]:
        """The keys that the rest of the shot needs, if it does."""
        while self._far and min(float(t.shown.mean()) for t in self._traces) < self._cover - TAIL:
            yield self._key(self._farthest(), SIGHT)

    def _joint(self, far: int) -> bool:
        """Whether all frames up to one are covered, were that one the next key."""
        back = walked_back(self._frames[far].small, self._frames[: far + 1])
        pairs = zip(self._traces, back, strict=False)
        return all(float(np.maximum(one.shown, other.shown).mean()) >= self._cover for one, other in pairs)

    def _farthest(self) -> int:
        """The farthest frame here that can be the next key."""
        if self._alone == self._far or self._joint(self._far):
            return self._far
        low, high = max(1, self._alone), self._far
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._joint(middle) else (low, middle)
        return low

    def _key(self, far: int, why: str) -> Choice:
        key, rest = self._frames[far], self._frames[far + 1 :]
        if why == SIGHT:
            why = _reason(self._traces[far])
        self._begin(key)
        for frame in rest:
            self._append(frame)
        return Choice(key.index, why)


def _reason(trace: Trace) -> str:
    """Why a key does not cover a frame any more."""
    if trace.shift is None:
        return WORN
    gone = trace.shown < 0.5
    if not gone.any():
        return WORN
    pulled = pull(trace.shift) > PULLED[0]
    outside = ~inside(trace.shift, beyond=0)
    return WORN if (gone & pulled & ~outside).sum() > 0.5 * gone.sum() else SIGHT


def few(choices: Sequence[Choice], frames: int, least: int, most: int) -> list[Choice]:
    """Of frames that are worth painting so many: first those that begin shots, and evenly where there are too few.

    frames: of the film.
    """
    found = sorted(choices, key=lambda choice: (choice.why != SHOT, choice.index))
    if len(found) > most:
        shots = [choice for choice in found if choice.why == SHOT]
        rest = [choice for choice in found if choice.why != SHOT]
        found = _evenly(shots, most) if len(shots) >= most else shots + _evenly(rest, most - len(shots))
    taken = {choice.index for choice in found}
    while len(found) < min(least, frames):
        # In the middle of the longest stretch without one.
        edges = [-1, *sorted(taken), frames]
        gap, at = max((b - a, (a + b) // 2) for a, b in pairwise(edges))
        if gap < 2:
            break
        taken.add(at)
        found.append(Choice(at, EVEN))
    return sorted(found, key=lambda choice: choice.index)


def _evenly(choices: Sequence[Choice], count: int) -> list[Choice]:
    return [choices[i] for i in np.linspace(0, len(choices) - 1, count).round().astype(int)]


def counts(keys: Sequence[tuple[int, str]]) -> str:
    """How many frames are keys for which reason: a part of a sentence."""
    parts = [f"{n} {text}" for why, text in WHY.items() if (n := sum(reason == why for _, reason in keys))]
    return ", ".join(parts)
