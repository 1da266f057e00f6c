"""What there is to know of a film before anything of it is painted: small pictures, and motion both ways."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from vidstyle.media.frame import Frame
from vidstyle.stream.motion import LESS, Motion, find_motion, small_picture

SEARCHES = 2
"""Threads that look for motion: both ways at a time."""
AHEAD = 3
"""Frames between which it is being looked for."""


@dataclass(frozen=True)
class Seen:
    """A frame before it is painted.

    Attributes:
        index: in the film, from 0 on.
        pts: as of its Frame.
        pixels: RGB, at the size that it has been scouted at.
        small: its `small_picture`.
        forward: where everything in it was in the frame before; None at the beginning of a shot.
        backward: where everything in the frame before is in it; None as well.
        skipped: whether it is drawn already, and no motion was looked for.
    """

    index: int
    pts: int
    pixels: np.ndarray
    small: np.ndarray
    forward: Motion | None
    backward: Motion | None
    skipped: bool = False

    @property
    def begins_shot(self) -> bool:
        """Whether nothing leads here from the frame before."""
        return self.forward is None or self.backward is None


def scouted(
    frames: Iterable[Frame], first: int = 0, skips: Callable[[int], bool] = lambda _: False
) -> Generator[Seen, None, None]:
    """The frames of a film, of which the first one has the number `first`, each with its motion.

    Whoever stops in the middle closes the iterator.

    skips: says of which frames, by number, no motion is to be looked for.
    """
    waiting: deque[tuple[Frame, int, np.ndarray, Future[Motion | None] | None, Future[Motion | None] | None]] = deque()

    def known() -> Seen:
        frame, index, small, forward, backward = waiting.popleft()
        there, back = (None if way is None else way.result() for way in (forward, backward))
        return Seen(index, frame.pts, frame.pixels, small, there, back, skipped=skips(index))

    before: np.ndarray | None = None
    searches = ThreadPoolExecutor(SEARCHES, thread_name_prefix="vidstyle-motion")
    try:
        for index, frame in enumerate(frames, first):
            small = small_picture(frame.pixels)
            if before is None or frame.discontinuity or skips(index):
                waiting.append((frame, index, small, None, None))
            else:
                forward = searches.submit(find_motion, before, small, LESS)
                waiting.append((frame, index, small, forward, searches.submit(find_motion, small, before, LESS)))
            before = small
            if len(waiting) > AHEAD:
                yield known()
        while waiting:
            yield known()
    finally:
        searches.shutdown(wait=False, cancel_futures=True)
