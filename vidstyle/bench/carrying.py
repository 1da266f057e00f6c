"""What the processor does so that paint is carried along, and lifted to the size of the frame."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np

from vidstyle.media.frame import Frame
from vidstyle.stream.laying import Layout
from vidstyle.stream.lifting import lifted, painted_size
from vidstyle.stream.memory import Memory
from vidstyle.stream.motion import Motion, find_motion, small_picture
from vidstyle.stream.opencv_threads import opencv_threads
from vidstyle.stream.planes import picture_size, resized


class _Stopwatch:
    """Counts the seconds of all cores."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        begin = time.process_time()
        yield
        self.seconds += time.process_time() - begin


def measure_carrying(frames: Iterable[Frame]) -> dict[str, float]:
    """Milliseconds a frame, of all cores, of what a steady vidstyle.stream.Stream does beside painting.

    Each frame is taken for its own painting, which costs nothing and takes as long to carry along as any other.  The
    first one, of which everything is new, does not count.

    Args:
        frames: of one video, at least two.  Nothing else may be going on in this process meanwhile.

    Returns:
        `flow_ms`, looking for motion; `memory_ms`, maps and laying over; `lift_ms`, shrinking a frame to the size that
        is painted, and lifting what shows to its own.
    """
    opencv_threads.hold()
    try:
        return _measured(frames)
    finally:
        opencv_threads.let_go()


def _measured(frames: Iterable[Frame]) -> dict[str, float]:
    memory, layout = Memory(), Layout()
    flow, laying, lifting = watches = _Stopwatch(), _Stopwatch(), _Stopwatch()
    before: np.ndarray | None = None
    last = 0.0
    count = -1
    for frame in frames:
        with lifting.running():
            small = resized(frame.pixels, painted_size(picture_size(frame.pixels)))
        motion: Motion | None = None
        with flow.running():
            picture = small_picture(small)
            if before is not None:
                motion = find_motion(before, picture)
        with laying.running():
            if motion is None:
                memory.forget()
            else:
                memory.carry(motion, frame.time - last)
            if memory.wants_painting:
                memory.add(picture, _painted(small))
            shown = layout.draw(memory.view(motion, picture), small)
        with lifting.running():
            lifted(shown, small, frame.pixels)
        if before is None:
            for watch in watches:
                watch.seconds = 0.0
        before, last = picture, frame.time
        count += 1
    names = ("flow_ms", "memory_ms", "lift_ms")
    return {name: 1000 * watch.seconds / count for name, watch in zip(names, watches, strict=True)}


def _painted(pixels: np.ndarray) -> "Future[np.ndarray]":
    done: Future[np.ndarray] = Future()
    done.set_result(pixels)
    return done
