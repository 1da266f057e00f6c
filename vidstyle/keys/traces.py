"""A key, carried through a shot: where its places have come to in each frame, and how far it can be trusted there."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from vidstyle.keys.scouting import Seen
from vidstyle.stream.memory import Key
from vidstyle.stream.motion import Motion, ramp
from vidstyle.stream.planes import sample

STRAYS = (0.5, 1.5)
"""Positions by which a way there and back may miss its beginning, and from which on there is no such way: what is at
one end is hidden at the other."""
_UNPAINTED: "Future[np.ndarray]" = Future()


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

    Args:
        small: `small_picture` of the key's frame.

    Attributes:
        trace: where it is.
    """

    def __init__(self, small: np.ndarray) -> None:
        self._key = Key(0, small, _UNPAINTED)
        self._in_sight = np.ones(self._key.shown.shape, np.float32)
        self.trace = Trace(None, self._key.shown)

    def step(self, motion: Motion, back: Motion) -> Trace:
        """Go on to the next frame.

        Args:
            motion: where everything in that frame was in the last one.
            back: where everything in the last one is in that frame.
        """
        self._key.carry(motion, 0.0)
        if not motion.still:
            self._in_sight = np.minimum(sample(self._in_sight, motion.flow), in_sight(motion.flow, back.flow))
        shown = self._key.shown * self._in_sight
        self.trace = Trace(self._key.shift if self._key.moved else None, shown)
        return self.trace


def in_sight(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Where the way along one flow (h, w, 2) and back along the other ends where it began: (h, w) float32, 0 to 1.

    Of Sundaram, Brox and Keutzer 2010, "Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow",
    equation 5, with a ramp in place of a threshold.
    """
    missed = flow + sample(back, flow)
    length = np.sqrt((missed * missed).sum(-1))
    far = np.sqrt((flow * flow).sum(-1))
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
