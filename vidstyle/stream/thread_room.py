"""Room that a thread keeps for what it computes again and again.

Arrays that are made and let go of for every frame are given back to the operating system and asked for again, which
takes as long as some of the loops that fill them.
"""

import itertools
import math
import threading
from collections.abc import Sequence

import numpy as np


class ThreadRoom(threading.local):
    """Room of each thread that uses it; it grows as far as it has to."""

    def __init__(self) -> None:
        self._room = np.empty(0, np.float32)

    def arrays(self, *shapes: Sequence[int]) -> list[np.ndarray]:
        """Arrays of float32, uninitialised: this thread's until it asks again."""
        ends = list(itertools.accumulate(math.prod(shape) for shape in shapes))
        if ends[-1] > self._room.size:
            self._room = np.empty(ends[-1], np.float32)
        parts = np.split(self._room[: ends[-1]], ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
