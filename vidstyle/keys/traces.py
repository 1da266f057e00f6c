"""A key, carried through a shot: where its places have come to in each frame, and how far it can be trusted there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vidstyle.keys.scouting import Seen
from vidstyle.stream.key_maps import SURE, pull
from vidstyle.stream.motion import Motion, alike, averaged, ramp
from vidstyle.stream.planes import places, sample

STRAYS = (0.5, 1.5)
"""Positions by which a way there and back may miss its beginning, and from which on there is no such way: what is at
one end is hidden at the other."""
PATIENT = 2.5
"""Times as much as for a stream's own keys that a place may have changed and still show the key."""
PULLED = (0.6, 1.2)
"""Change of a map between neighbours up to which strokes look natural, and from which on they do not."""
TORN, CALM, CALM_RADIUS = (0.15, 0.4), 0.5, 2.0
"""Change of a map from which on it is smoothed more and more; share by which it is in each frame at the most; and over
how many positions."""
EDGE = 0.75
"""Positions beyond the frame that are taken for its border: flow is never so exact."""
RECOVERY = 0.03
"""Trust that a place gains a frame at the most, where it looks right again."""


@dataclass(frozen=True)
class Trace:
    """A key in one frame.

    Attributes:
        shift: (h, w, 2) float32: from each position to where it was in the key, in positions; None for nowhere else.
        shown: (h, w) float32: how far it can be trusted, 0 to 1: by whether it looks the same, has been pulled out of
            shape, and has been in sight all the time.
    """

    shift: np.ndarray | None
    shown: np.ndarray


class Walk:
    """A key on its way from frame to frame, in either direction.

    It is trusted further than a stream trusts its own keys (vidstyle.stream.memory): whoever has painted a frame wants
    to see that painting, and what would come in its place is another's.

    Args:
        small: `small_picture` of the key's frame.

    Attributes:
        trace: where it is.
    """

    def __init__(self, small: np.ndarray) -> None:
        self._source = averaged(small)
        height, width = self._source.shape[:2]
        # Where it was in the key, x and y, its trust, and whether it has been in sight.
        self._state = np.zeros((height, width, 4), np.float32)
        self._state[..., 2:] = 1
        self._moved = False
        self.trace = Trace(None, np.ones((height, width), np.float32))

    def step(self, motion: Motion, back: Motion) -> Trace:
        """Go on to the next frame.

        Args:
            motion: where everything in that frame was in the last one.
            back: where everything in the last one is in that frame.
        """
        state = self._state
        natural: np.ndarray | float = 1.0
        if not motion.still:
            state = sample(state, motion.flow)
            state[..., :2] = unwound(state[..., :2] + motion.flow)
            np.minimum(state[..., 3], in_sight(motion.flow, back.flow), out=state[..., 3])
            self._moved = True
        shift = np.ascontiguousarray(state[..., :2]) if self._moved else None
        seen = self._source if shift is None else sample(self._source, shift)
        if shift is not None:
            natural = (1 - ramp(pull(shift), *PULLED)) * within(shift)
        low, high = motion.alike_levels
        same = alike(seen, motion.now, (PATIENT * low, PATIENT * high)) * natural
        state[..., 2] = np.minimum(state[..., 2] + RECOVERY, same)
        self._state = state
        self.trace = Trace(shift, (ramp(state[..., 2], *SURE) * state[..., 3]).astype(np.float32))
        return self.trace


def within(shift: np.ndarray) -> np.ndarray:
    """Which places plus their shifts (h, w, 2) are in the frame or a hair's breadth beyond it, (h, w) bool."""
    height, width = shift.shape[:2]
    beyond = cv2.inRange(places(shift), (-EDGE, -EDGE), (width - 1 + EDGE, height - 1 + EDGE))
    return np.asarray(beyond > 0)


def unwound(shift: np.ndarray) -> np.ndarray:
    """A map (h, w, 2), smoother where it changes much from place to place.

    What glitters, such as water, gives optical flow nothing to follow, and its errors add up: paint would be torn.
    """
    torn = ramp(pull(shift), *TORN)
    if not torn.any():
        return shift
    share = cv2.GaussianBlur(torn.astype(np.float32), (0, 0), 1.0)[..., None] * CALM
    return shift + share * (cv2.GaussianBlur(shift, (0, 0), CALM_RADIUS) - shift)


def in_sight(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where the way along one flow (h, w, 2) and back along the other ends where it began: (h, w) float32, 0 to 1.

    Of Sundaram, Brox and Keutzer 2010, "Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow",
    equation 5, with a ramp in place of a threshold.
    """
    missed = flow + sample(back, flow)
    # NumPy's own sums over so few values would take ten times as long.
    length, far = (cv2.magnitude(*cv2.split(vectors)) for vectors in (missed, flow))
    return (1 - ramp(length - 0.05 * far, *STRAYS)).astype(np.float32)


def walked_on(walk: Walk, frames: Sequence[Seen]) -> list[Trace]:
    """The traces of a key in the frames that follow the one where it is."""
    return [walk.step(*_ways(frame)) for frame in frames]


def walked_back(small: np.ndarray, frames: Sequence[Seen]) -> list[Trace]:
    """The traces of a key of the last of these frames in all of them."""
    walk = Walk(small)
    traces = [walk.trace]
    traces += list(steps_back(walk, frames))
    return traces[::-1]


def steps_back(walk: Walk, frames: Sequence[Seen]) -> Iterator[Trace]:
    """The traces of a key that is in the last of these frames in those before it, the nearest first."""
    for after in reversed(frames[1:]):
        forward, backward = _ways(after)
        yield walk.step(backward, forward)


def _ways(frame: Seen) -> tuple[Motion, Motion]:
    assert frame.forward is not None
    assert frame.backward is not None
    return frame.forward, frame.backward
