"""Live sessions step by step: a clock that goes as the frames do, and what paints by it."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np
from media_files import HEIGHT, WIDTH, barcode
from waiting import PATIENCE

from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Color, Frame

FPS = 30


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something at a later time."""
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), act))

    def advance(self, to: float) -> None:
        """Let time pass, and do what is due."""
        while self._due and self._due[0][0] <= to:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = to


class Steps:
    """A camera whose next frame comes when the last one has been shown, a frame's time later by the clock.

    Args:
        pictures: of the frames.
        clock: goes as they do.
        gaps: seconds more before the frames of these numbers.

    Attributes:
        at: the number of the last frame taken.
    """

    name, notice, rate = "steps", "", float(FPS)
    color: Color | None = None
    sound = None

    def __init__(self, pictures: list[np.ndarray], clock: Clock, gaps: dict[int, float] | None = None) -> None:
        self.pictures, self._clock, self._gaps = pictures, clock, gaps or {}
        first = pictures[0]
        self.height, self.width = first.shape[:2] if first.ndim == 3 else (first.shape[0] * 2 // 3, first.shape[1])
        self._shown = threading.Semaphore(0)
        self._closed = False
        self.at = -1

    def frames(self) -> Iterator[Frame]:
        due = 0.0
        for number, picture in enumerate(self.pictures):
            due += self._gaps.get(number, 0.0) + (1 / FPS if number else 0.0)
            self._clock.advance(due)
            self.at = number
            if self._closed:
                return
            yield Frame(picture, round(due / MICROSECOND), MICROSECOND, discontinuity=number == 0)
            assert self._shown.acquire(timeout=PATIENCE), "a frame was not shown"

    def step(self) -> None:
        """The last frame has been shown."""
        self._shown.release()

    def close(self) -> None:
        self._closed = True
        self._shown.release()


class Viewer:
    """A sink that keeps what it is given, and lets the source go on.

    Args:
        source: whose next frame comes then.
        step: called before, with the number of the frame.
    """

    name, waiting, repeats, planes, notice = "viewer", 1, None, True, ""

    def __init__(self, source: Steps, step: Callable[[int], None] = lambda _: None) -> None:
        self._source, self._step = source, step
        self.frames: list[Frame] = []

    def write(self, frame: Frame) -> None:
        self._step(len(self.frames))
        self.frames.append(frame)
        self._source.step()

    def close(self) -> None:
        """Nothing to finish."""

    @property
    def pictures(self) -> list[np.ndarray]:
        return [frame.pixels for frame in self.frames]

    @property
    def times(self) -> list[float]:
        return [frame.time for frame in self.frames]


class Painter:
    """Does something simple to pixels, which takes some time by the clock; at once without one.

    Attributes:
        taken: what it was given.
    """

    engine, device, notice = "simple", "cpu", ""

    def __init__(
        self, change: Callable[[np.ndarray], np.ndarray] = np.copy, clock: Clock | None = None, seconds: float = 0.0
    ) -> None:
        self._change, self._clock, self._seconds = change, clock, seconds
        self._in_flight: Future[np.ndarray] | None = None
        self.taken: list[np.ndarray] = []
        self.closed = False

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        assert self.is_free()
        self.taken.append(pixels)
        painting: Future[np.ndarray] = Future()

        def finish() -> None:
            try:
                painting.set_result(self._change(pixels))
            except Exception as error:
                painting.set_exception(error)

        if self._clock is None:
            finish()
        else:
            self._clock.after(self._seconds, finish)
        self._in_flight = painting
        return painting

    def is_free(self) -> bool:
        return self._in_flight is None or self._in_flight.done()

    def close(self) -> None:
        self.closed = True


def black(pixels: np.ndarray) -> np.ndarray:
    return np.zeros_like(pixels)


def white(pixels: np.ndarray) -> np.ndarray:
    return np.full_like(pixels, 255)


def inverted(pixels: np.ndarray) -> np.ndarray:
    return 255 - pixels


def numbered(count: int) -> list[np.ndarray]:
    """Pictures with their numbers as bar codes, RGB."""
    return [barcode(number, WIDTH, HEIGHT) for number in range(count)]
