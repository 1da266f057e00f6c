"""One viewer's sequence of frames, painted: seldom, and shown always.

    frame ─▶ small picture ─▶ motion ─▶ memory: paint now? ── frame ─▶ painter ─▶ key
                                           │                                        │
                                           └─▶ what shows ─▶ laid over ◀────────────┘
                                                                 │
                                               lifted to full size, mixed with the source ─▶ shown

Whoever paints holds nothing of the sequence, and may paint for others meanwhile.
"""

import dataclasses
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vidstyle.media.frame import Frame
from vidstyle.stream.composing import Look, composed, mixed
from vidstyle.stream.laying import Layout
from vidstyle.stream.lifting import lifted, painted_size
from vidstyle.stream.memory import Memory, View
from vidstyle.stream.motion import Motion, find_motion, small_picture
from vidstyle.stream.planes import picture_size, resized

LOOK_AHEAD = 8
"""Frames of a file that are in here at a time, so that one is being painted while those before it are shown."""
SEARCHES = 2
"""Of them, those between which motion is being looked for."""
USUAL_SECONDS = 1 / 25
"""Between two frames that do not say when they are."""


class Paints(Protocol):
    """What paints frames: vidstyle.engines.PaintingQueue, or anything else."""

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        """Begin to paint pixels; see vidstyle.media.frame.Frame.  What comes of it has the same shape."""


@dataclass
class _Coat:
    """What one style makes of the sequence."""

    painter: Paints
    memory: Memory = field(default_factory=Memory)
    layout: Layout = field(default_factory=Layout)
    began: bool = False


@dataclass(frozen=True)
class _Waiting:
    """A frame, and the search for where everything in it was."""

    frame: Frame
    small: np.ndarray
    picture: np.ndarray
    motion: "Future[Motion | None] | None"


@dataclass(frozen=True)
class _Planned:
    """A frame, and what is shown of it in up to two styles: the second one's share."""

    frame: Frame
    small: np.ndarray
    shown: tuple[tuple[_Coat, View | None, "Future[np.ndarray] | None", bool], ...]
    share: float


class Stream:
    """Paints the frames of one sequence, in order.

    Which frames are painted depends on the frames alone, so that the same input gives the same output.

    Args:
        styles: what paints, each from a time on, seconds from the first frame; between two times one fades into the
            other.
        look: how much of the painting to show; may be replaced at any time.
        steady: paint seldom, and carry paint along with what moves; otherwise each frame is painted by itself.
        stroke_size: see vidstyle.stream.lifting.painted_size.
        look_ahead: frames that may be in here at a time; 1 where they come one by one.

    Attributes:
        depth: how many frames may be in here: as many may be submitted before the first result is taken.
        paintings: frames that have been painted so far.
    """

    def __init__(
        self,
        styles: Sequence[tuple[float, Paints]],
        look: Look = Look(),
        *,
        steady: bool = True,
        stroke_size: float = 1.0,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        self.look = look
        self.depth = look_ahead
        self.paintings = 0
        self._times = [time for time, _ in styles]
        self._coats = [_Coat(painter) for _, painter in styles]
        self._steady, self._stroke_size = steady, stroke_size
        self._waiting: deque[_Waiting] = deque()
        self._planned: deque[_Planned] = deque()
        self._searches = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-motion")
        self._begin: float | None = None
        self._time = -math.inf
        self._before: Frame | None = None
        self._picture: np.ndarray | None = None
        self._shown: np.ndarray | None = None

    def submit(self, frame: Frame) -> None:
        """Take the next frame, which must not be written to while it is in here."""
        if self.look.strength == 0:
            small = picture = frame.pixels
            motion = None
        else:
            small = resized(frame.pixels, painted_size(picture_size(frame.pixels), self._stroke_size))
            picture, motion = self._search(frame, small) if self._steady else (small, None)
        self._waiting.append(_Waiting(frame, small, picture, motion))
        while len(self._waiting) > min(SEARCHES, self.depth - 1):
            self._plan()

    def result(self) -> Frame:
        """The oldest frame in here, as it is shown; its pixels must not be written to.

        Raises:
            Exception: what the painter raises; the next frame is painted afresh.
        """
        if not self._planned:
            self._plan()
        planned = self._planned.popleft()
        frame = planned.frame
        if not planned.shown:
            return frame
        painting: np.ndarray | None = None
        for coat, view, own, fresh in planned.shown:
            if fresh:
                coat.layout.forget()
            if view is not None:
                pixels = coat.layout.draw(view, planned.small)
            else:
                assert own is not None
                pixels = own.result()
            painting = pixels if painting is None else mixed(painting, pixels, planned.share)
        assert painting is not None
        shown = composed(frame.pixels, lifted(painting, planned.small, frame.pixels), self.look)
        return dataclasses.replace(frame, pixels=shown)

    def close(self) -> None:
        """Look for nothing more.  The painters are their owner's."""
        self._searches.shutdown(wait=False, cancel_futures=True)

    def _search(self, frame: Frame, small: np.ndarray) -> tuple[np.ndarray, "Future[Motion | None] | None"]:
        picture, before = small_picture(small), self._picture
        self._picture = picture
        if before is None or frame.discontinuity or before.shape != picture.shape:
            return picture, None
        return picture, self._searches.submit(find_motion, before, picture)

    def _plan(self) -> None:
        """Find out what is shown of the next frame, and have it painted if that takes it."""
        waiting = self._waiting.popleft()
        frame = waiting.frame
        if self.look.strength == 0:
            self._planned.append(_Planned(frame, waiting.small, (), 0.0))
            return
        if self._begin is None:
            self._begin = frame.time
        seconds = frame.time - self._time
        self._time = frame.time
        index, share = self._place(frame.time - self._begin)
        coats = self._coats[index : index + 1 + (share > 0)]
        for gone in self._coats[:index]:
            gone.memory.forget()
            gone.layout.forget()
        motion = waiting.motion.result() if waiting.motion is not None else None
        shown = tuple(self._coated(coat, waiting, motion, seconds) for coat in coats)
        self._planned.append(_Planned(frame, waiting.small, shown, share))

    def _coated(
        self, coat: _Coat, waiting: _Waiting, motion: Motion | None, seconds: float
    ) -> tuple[_Coat, View | None, "Future[np.ndarray] | None", bool]:
        if not self._steady:
            self.paintings += 1
            return coat, None, coat.painter.start(waiting.small), False
        fresh = motion is None or not coat.memory.keys
        if motion is None:
            coat.memory.forget()
        else:
            coat.memory.carry(motion, seconds if 0 < seconds < math.inf else USUAL_SECONDS)
        if coat.memory.wants_painting:
            self.paintings += 1
            coat.memory.add(waiting.picture, coat.painter.start(waiting.small))
        return coat, coat.memory.view(None if fresh else motion, waiting.picture), None, fresh

    def _place(self, time: float) -> tuple[int, float]:
        """The last style that begins before `time`, and how far it is on the way to the next, 0 to 1."""
        later = [index for index, at in enumerate(self._times) if at > time]
        if not later:
            return len(self._times) - 1, 0.0
        following = later[0]
        if following == 0:
            return 0, 0.0
        begin, end = self._times[following - 1 : following + 1]
        return following - 1, (time - begin) / (end - begin)
