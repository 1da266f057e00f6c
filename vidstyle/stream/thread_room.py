"""Room that a thread keeps for what it computes again and again.

Arrays that are made and let go of for every frame are given back to the operating system and asked for again, which
takes as long as some of the loops that fill them.
"""

import itertools
import math
import threading

import numpy as np

MOST_KNOWN = 64
"""Shapes whose arrays are remembered at the most."""


class ThreadRoom(threading.local):
    """Room of each thread that uses it; it grows as far as it has to."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.float32)
        self._parts: dict[tuple[tuple[int, ...], ...], list[np.ndarray]] = {}

    def arrays(self, *shapes: tuple[int, ...]) -> list[np.ndarray]:
        """Arrays of float32, uninitialised: this thread's until it asks again."""
        if shapes not in self._parts:
            ends = list(itertools.accumulate(math.prod(shape) for shape in shapes))
            if ends[-1] > self._room.size:
                self._room = np.empty(ends[-1], np.float32)
                self._parts.clear()
            elif len(self._parts) == MOST_KNOWN:
                self._parts.clear()
            parts = np.split(self._room[: ends[-1]], ends[:-1])
            self._parts[shapes] = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return self._parts[shapes]
