"""Painted frames from elsewhere that a live stream shows wherever it sees their places again."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from vidstyle.stream.key_maps import Key
from vidstyle.stream.memory import Memory
from vidstyle.stream.motion import find_motion, small_picture
from vidstyle.stream.planes import resized

SEEN_AGAIN = 0.04
"""Share of a picture that a painted frame has to cover to be laid over it."""
LOST = 0.5
"""Share of what it covered when it was laid, below which it is looked for again."""
LOOK_FRAMES = 12
"""Frames between two looks."""


class Pinned:
    """A frame that has been painted elsewhere, and where it is in memories.

    Args:
        source: pixels of the frame.
        painting: of the same kind and size.
    """

    def __init__(self, source: np.ndarray, painting: np.ndarray) -> None:
        self._source, self._painting = source, painting
        # While one style fades into another, each has a memory of its own.
        self._keys: WeakKeyDictionary[Memory, tuple[Key, float]] = WeakKeyDictionary()
        self._wait = 0

    def find(
        self, memory: Memory, size: tuple[int, int], picture: np.ndarray, taken: Callable[[np.ndarray], Any]
    ) -> None:
        """Lay it over a frame, unless it is there.

        Args:
            memory: of the stream, which has been carried on to the frame.
            size: width and height at which the frame is painted.
            picture: its `small_picture`.
            taken: see vidstyle.stream.pixel_operations.PixelOperations.
        """
        key, before_covered = self._keys.get(memory, (None, 0.0))
        if key is not None and key in memory.keys and memory.share(key) > LOST * before_covered:
            return
        self._wait -= 1
        if self._wait > 0:
            return
        self._wait = LOOK_FRAMES
        own = small_picture(resized(self._source, size))
        motion = find_motion(own, picture)
        if motion is None:
            return
        painting: Future[Any] = Future()
        painting.set_result(taken(resized(self._painting, size)))
        found = memory.pin(own, painting, motion)
        covered = memory.share(found)
        before = key if key is not None and key in memory.keys else None
        if covered < SEEN_AGAIN or (before is not None and covered <= memory.share(before)):
            memory.drop(found)
            return
        if before is not None:
            memory.drop(before)
        self._keys[memory] = found, covered

    def drop(self) -> None:
        """Show it no more."""
        for memory, (key, _) in self._keys.items():
            if key in memory.keys:
                memory.drop(key)
        self._keys.clear()
