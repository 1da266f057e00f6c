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
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from typing import Any

import cv2
import numpy as np

from vidstyle.engines import never
from vidstyle.media.frame import Frame
from vidstyle.processor import usable_cores
from vidstyle.stream.composing import Look
from vidstyle.stream.frame_painters import Paints, PaintsFrames, may_begin_warm, painting_ahead
from vidstyle.stream.laying import Layout
from vidstyle.stream.lifting import painted_size
from vidstyle.stream.memory import Memory
from vidstyle.stream.motion import FINER, Motion, find_motion, small_picture
from vidstyle.stream.opencv_threads import opencv_threads
from vidstyle.stream.pinned import Pinned
from vidstyle.stream.pixel_operations import Lays, PixelOperations, ProcessorOperations, operations_on
from vidstyle.stream.planes import picture_size
from vidstyle.stream.sequence import Drawing, PlannedFrame, ShownFrame, StyleSequence, WaitingFrame, always, is_painted
from vidstyle.stream.state import State, numbers, part, within

SEARCHES = 2
"""Of the frames that are in here, those between which motion is being looked for, where the processor paints."""
MOST_SEARCHES = 8
"""Where a GPU paints, and the processor's cores have nothing else to do."""
BLEND_SECONDS = 0.25
"""How long one style fades into the next while live."""
MOST_PINNED = 2
"""Painted frames from elsewhere that a live stream shows."""
USUAL_SECONDS = 1 / 25
"""Between two frames that do not say when they are."""


class Stream:
    """Paints the frames of one sequence, in order.

    Which frames are painted depends on the frames alone, so that the same input gives the same output.

    Args:
        styles: what paints, each from a time on, seconds from the first frame; between two times one fades into the
            other.  Anything with `paint(frame)` does, see vidstyle.stream.frame_painters.PaintsFrames.
        look: how much of the painting to show, all of it by default; may be replaced at any time.
        steady: paint seldom, and carry paint along with what moves; otherwise each frame is painted by itself.
        stroke_size: see vidstyle.stream.lifting.painted_size.
        look_ahead: frames that may be in here at a time; 1 where they come one by one.
        live: never wait for the painter: the newest frame is painted whenever it is free, and joins what is shown when
            it is ready.  Which ones are depends on the clock then.
        masks: whether the source shows where a frame's mask says so; otherwise whoever takes frames sees to that, and
            masks say only what is worth painting.
        operations: what works on pixels; see vidstyle.stream.pixel_operations.operations_on.  Frames come out in the
            memory in which they came.

    Attributes:
        depth: how many frames may be in here: as many may be submitted before the first result is taken.
        paintings: frames that have been painted so far.
        look, stroke_size: as above; may be replaced at any time.
        waits: whether a live stream waits for a painting where none is done of what it shows.
        wears_paint: whether one was done of the frame that was taken last, before it waited.
        blend: how much shows of the style that a live stream goes over to, 0 to 1, for as long as it is a number; it
            goes on by itself where it is None.
    """

    def __init__(
        self,
        styles: Sequence[tuple[float, Paints | PaintsFrames]],
        look: Look | None = None,
        *,
        steady: bool = True,
        stroke_size: float = 1.0,
        look_ahead: int = 1,
        live: bool = False,
        masks: bool = True,
        operations: PixelOperations | None = None,
    ) -> None:
        self._operations = operations or operations_on("cpu")
        self._search_count = searches_on(self._operations)
        self.look = look or Look()
        self.stroke_size = stroke_size
        self.depth = look_ahead
        self.paintings = 0
        self.blend: float | None = None
        self.waits = self.wears_paint = False
        self._times = [time for time, _ in styles]
        self._sequences = [self._sequence_of(painting_ahead(painter)) for _, painter in styles]
        self._steady, self._live, self._masks = steady, live, masks
        self._fade_begin: float | None = None
        self._named: list[tuple[str, Pinned]] = []
        self._waiting: deque[WaitingFrame] = deque()
        self._planned: deque[PlannedFrame] = deque()
        self._searches = ThreadPoolExecutor(max(1, self._search_count - 1), thread_name_prefix="vidstyle-motion")
        self._begin: float | None = None
        self._time = self._last_time = -math.inf
        self._picture: Any = None
        self._small_shape: tuple[int, ...] = ()
        self._result: ShownFrame | None = None
        opencv_threads.hold()
        # Of one that nobody has closed as well.
        self._let_go = weakref.finalize(self, opencv_threads.let_go)

    def submit(self, frame: Frame[Any]) -> None:
        """Take the next frame, which must not be written to while it is in here."""
        if self.look.strength == 0:
            waiting = WaitingFrame(frame, None, None, np.empty(0), False, None)
            self._picture = None
        else:
            source = self._operations.taken(frame.pixels)
            small = self._operations.resized(source, painted_size(picture_size(frame.pixels), self.stroke_size))
            waiting = self._looked_at(frame, source, small)
        self._waiting.append(waiting)
        while len(self._waiting) > min(self._search_count, self.depth - 1):
            self._plan()

    def result(self) -> Frame[Any]:
        """The oldest frame in here, as it is shown; its pixels must not be written to.

        Raises:
            Exception: what the painter raises; the next frame is painted afresh.
        """
        return self.drawn()()

    def drawn(self) -> Callable[[], Frame[Any]]:
        """The same in two steps, of which the second, what this gives, may be done beside whatever comes next.

        It is done once for each frame, in their order, by one thread at a time.
        """
        if not self._planned:
            self._plan()
        planned = self._planned.popleft()
        if not planned.shown:
            return lambda: planned.frame
        try:
            drawn = [drawing.draw(planned.small, self._operations) for drawing in planned.shown]
        except Exception:
            self._forget()
            raise
        if self._operations.beside:
            return partial(self._finished, planned, drawn)
        finished = self._finished(planned, drawn)
        return lambda: finished

    def _finished(self, planned: PlannedFrame, drawn: list[Any]) -> Frame[Any]:
        """What is shown of a frame, of what was drawn in each style, at the size that is painted."""
        operations, source, frame = self._operations, planned.source, planned.frame
        painting = operations.mixed(drawn[0], drawn[-1], planned.share)
        result, mask = self._result, frame.mask if self._masks else None
        if result is None or mask is not None or not result.serves(source, painting, planned.look, operations):
            finished = operations.finished(painting, planned.small, source, planned.look)
            if mask is not None:
                finished = operations.masked(finished, source, mask)
            pixels = operations.given(finished, frame.pixels)
            result = ShownFrame(source, painting, planned.look, pixels)
            # Another frame has another mask.
            self._result = result if mask is None else None
        return dataclasses.replace(frame, pixels=result.pixels)

    def close(self) -> None:
        """Look for nothing more.  The painters are their owner's."""
        self._searches.shutdown(wait=False, cancel_futures=True)
        self._let_go()

    def begin_at(self, time: float) -> None:
        """The sequence began at a time, seconds, though its first frame here is a later one."""
        self._begin = time

    def pass_over(self) -> None:
        """Let go of the oldest frame in here, which is not shown, but remembered as if it were."""
        if not self._planned:
            self._plan()
        self._planned.popleft()

    def state(self) -> State:
        """What the sequence has come to, once all results have been taken; waits for what is being painted.

        A stream that is made with the same arguments and goes on from there shows the same frames.  Of streams whose
        pixels the processor works on.
        """
        assert not self._waiting
        assert not self._planned
        begin = math.nan if self._begin is None else self._begin
        state = {"numbers": numbers(begin, self._time, self._last_time, self.paintings)}
        if self._picture is not None:
            state |= {"picture": self._picture, "shape": np.array(self._small_shape)}
        for place, sequence in enumerate(self._sequences):
            layout = _processors(sequence.layout)
            if layout.last is not None:
                state[f"last{place}"] = layout.last
            state |= within(f"memory{place}", sequence.memory.state())
        return state

    def restore(self, state: State) -> None:
        """Go on from where another stream was."""
        begin, self._time, self._last_time, paintings = map(float, state["numbers"])
        self._begin = None if math.isnan(begin) else begin
        self.paintings = int(paintings)
        self._picture, self._small_shape = state.get("picture"), tuple(map(int, state.get("shape", ())))
        for place, sequence in enumerate(self._sequences):
            sequence.memory.restore(part(f"memory{place}", state))
            if f"last{place}" in state:
                _processors(sequence.layout).go_on_from(state[f"last{place}"])

    def _forget(self) -> None:
        """What comes next has nothing to do with what was."""
        self._picture = None
        for sequence in self._sequences:
            sequence.memory.forget()
            sequence.painting = None

    def _looked_at(self, frame: Frame[Any], source: Any, small: Any) -> WaitingFrame:
        picture = small_picture(self._operations.on_processor(small, frame.pixels)) if self._steady else small
        before, self._picture = self._picture, picture
        another_size, self._small_shape = small.shape != self._small_shape, small.shape
        if before is None or frame.discontinuity or another_size:
            return WaitingFrame(frame, source, small, picture, False, None)
        if not self._steady:
            return WaitingFrame(frame, source, small, picture, self._operations.same(picture, before), None)
        motion = self._searches.submit(find_motion, before, picture)
        return WaitingFrame(frame, source, small, picture, False, motion)

    def _sequence_of(self, painter: Paints) -> StyleSequence:
        return StyleSequence(painter, self._operations.layout(), Memory(self._operations.key_maps()))

    def _plan(self) -> None:
        """Find out what is shown of the next frame, and have it painted if that takes it."""
        waiting = self._waiting.popleft()
        frame = waiting.frame
        if waiting.source is None:
            self._planned.append(PlannedFrame(frame, None, None, (), 0.0, self.look))
            return
        if self._begin is None:
            self._begin = frame.time
        seconds = frame.time - self._time
        self._last_time, self._time = self._time, frame.time
        if self._live:
            share = self._changed_share(frame.time)  # may let go of a style
            sequences = self._sequences
        else:
            sequences, share = self._at(frame.time - self._begin)
        motion = waiting.motion.result() if waiting.motion is not None else None
        # What a live stream goes over to is painted first, should both be painted by the same painter.
        for sequence in reversed(sequences) if self._live else sequences:
            self._carry(sequence, waiting, motion, seconds)
        # What a live stream goes over to does not show before it is painted.
        shown = tuple(self._shown(sequence, waiting, motion) for sequence in sequences[: 1 + (share > 0)])
        self._planned.append(PlannedFrame(frame, waiting.source, waiting.small, shown, share, self.look))

    def _carry(self, sequence: StyleSequence, waiting: WaitingFrame, motion: Motion | None, seconds: float) -> None:
        """Go on to a frame, and have it painted if that takes it."""
        memory = sequence.memory
        memory.cares = _cares(waiting) if self._steady else None
        if not self._steady:
            if sequence.painting is None or not waiting.repeats:
                self.paintings += 1
                sequence.painting = sequence.painter.start(self._operations.for_painter(waiting.small))
            return
        if motion is None:
            memory.forget()
        else:
            memory.carry(motion, seconds if 0 < seconds < math.inf else USUAL_SECONDS)
        if self._live:
            sequence.learn_colors()
            for _, pinned in self._named if sequence is self._sequences[-1] else ():
                pinned.find(memory, picture_size(waiting.small), waiting.picture, self._operations.taken)
        if self._gains(sequence) if self._live else memory.wants_painting:
            self.paintings += 1
            self._paint(sequence, waiting)
            sequence.newest = memory.keys[-1]

    @staticmethod
    def _gains(sequence: StyleSequence) -> bool:
        """Whether to give a painter who makes nobody wait something to do."""
        memory, painter = sequence.memory, sequence.painter
        return painter.is_free() and (memory.gains_from_painting or (memory.comes_nearer and may_begin_warm(painter)))

    def _paint(self, sequence: StyleSequence, waiting: WaitingFrame) -> None:
        """Have a frame painted that becomes a key."""
        memory, painter, pixels = sequence.memory, sequence.painter, self._operations.for_painter(waiting.small)
        hurries = self._live and memory.hurries
        if not hurries and may_begin_warm(painter) and (start := memory.warm_start()) is not None:
            begin = partial(self._operations.begun, start=start)
            hurried = (lambda: memory.hurries) if self._live else never
            painting = painter.start_from(pixels, begin, hurried)
            memory.add(waiting.picture, painting, start.worn, replaces=self._live and memory.comes_nearer)
        else:
            memory.add(waiting.picture, painter.start(pixels))

    def _shown(self, sequence: StyleSequence, waiting: WaitingFrame, motion: Motion | None) -> Drawing:
        if sequence.painting is not None:
            return Drawing(sequence, sequence.painting)
        self.wears_paint = any(is_painted(key) for key in sequence.memory.keys)
        waits = not self._live or (self.waits and not self.wears_paint)
        return Drawing(sequence, sequence.memory.view(motion, waiting.picture, always if waits else is_painted))

    def change(self, painter: Paints) -> None:
        """Of a live stream: go over to another style as soon as something is painted in it."""
        if self._changed_share(self._time) >= 0.5:
            # In the middle of a change, from what shows more.
            self._sequences = self._sequences[1:]
        self._sequences[1:] = [] if painter is self._sequences[0].painter else [self._sequence_of(painter)]
        self._fade_begin = None

    def pin(self, name: str, source: np.ndarray, painting: np.ndarray) -> None:
        """Of a live stream: show a painted frame wherever its places are seen again, in the style that shows.

        Args:
            name: of the frame; what had that name before is shown no more.
            source: its pixels, as in the frames that come.
            painting: of the same kind and size.
        """
        stay = [(other, pinned) for other, pinned in self._named if other != name][1 - MOST_PINNED :]
        for known in self._named:
            if known not in stay:
                known[1].drop()
        self._named = [*stay, (name, Pinned(source, painting))]

    @property
    def painters(self) -> list[Paints]:
        """What the stream still paints with."""
        return [sequence.painter for sequence in self._sequences]

    def _changed_share(self, time: float) -> float:
        """How much shows of the style that a live stream goes over to."""
        if len(self._sequences) == 1:
            return 0.0
        if self._fade_begin is None:
            if not any(key.painting.done() for key in self._sequences[1].memory.keys):
                return 0.0
            self._fade_begin = self._last_time
        if self.blend is not None:
            return self.blend
        share = (time - self._fade_begin) / BLEND_SECONDS
        if share < 1:
            return share
        self._sequences = self._sequences[1:]
        self._fade_begin = None
        return 0.0

    def _at(self, time: float) -> tuple[list[StyleSequence], float]:
        """The styles that show at a time, and the share of the second one."""
        index, share = self._place(time)
        for gone in self._sequences[:index]:
            gone.memory.forget()
        return self._sequences[index : index + 1 + (share > 0)], share

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


def _cares(waiting: WaitingFrame) -> np.ndarray | None:
    """What of a frame shows by its mask, (h, w) float32 for its positions; None if it has no mask."""
    mask = waiting.frame.mask
    if mask is None:
        return None
    height, width = waiting.picture.shape[:2]
    small = cv2.resize(mask, (width // FINER, height // FINER), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def searches_on(operations: PixelOperations) -> int:
    """Frames between which motion is looked for at a time: pairs have nothing to do with each other."""
    if isinstance(operations, ProcessorOperations):
        return SEARCHES
    return max(SEARCHES, min(usable_cores(), MOST_SEARCHES))


def _processors(layout: Lays) -> Layout:
    """What is laid, where the processor does that."""
    assert isinstance(layout, Layout)
    return layout


class _Unpainted:
    """Paints nothing, at once."""

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        done: Future[np.ndarray] = Future()
        done.set_result(pixels)
        return done

    def is_free(self) -> bool:
        return True


def prepare(*, planar: bool) -> None:
    """Do now, once for a machine, what the first frames would have to wait for: loops are compiled for the processor.

    planar: whether frames will be planes of 4:2:0 rather than RGB.
    """
    # Of what is painted smaller than it is.
    stream = Stream([(0.0, _Unpainted())], stroke_size=2.0)
    pixels = np.zeros((96, 64) if planar else (64, 64, 3), np.uint8)
    try:
        for number in range(2):
            # The first painting is shown as it is: loops run where something has changed.
            stream.submit(Frame(pixels, number, Fraction(1, 25)))
            stream.result()
            pixels = pixels.copy()
            pixels[24:40, 24:40] = 255
    finally:
        stream.close()
