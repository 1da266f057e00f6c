"""Sequences of frames whose every pixel is known, and painters that need no network."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction

import cv2
import numpy as np

from vidstyle.engines import never
from vidstyle.media.frame import Frame
from vidstyle.stream import Look, Stream

WIDTH, HEIGHT = 192, 144
MIDDLE = (slice(24, -24), slice(24, -24))


# --- pictures, RGB (H, W, 3) uint8


def landscape(seed: int = 0, width: int = WIDTH * 2, height: int = HEIGHT * 2) -> np.ndarray:
    """Soft blobs of all colours; by default larger than a frame."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in (3, 4, 5):
        coarse = random.random((-(-height // 2**octave), -(-width // 2**octave), 3), np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (np.clip(picture / 3, 0, 1) * 255).astype(np.uint8)


def view(picture: np.ndarray, x: int, y: int = 40) -> np.ndarray:
    """A frame of a larger picture."""
    return np.ascontiguousarray(picture[y : y + HEIGHT, x : x + WIDTH])


def scene(seed: int, levels: tuple[int, int] = (0, 255)) -> np.ndarray:
    """A landscape that keeps to some levels, as a frame."""
    low, high = levels
    return (low + view(landscape(seed), 40).astype(np.float32) / 255 * (high - low)).astype(np.uint8)


def plain(level: int | tuple[int, int, int], width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """One colour."""
    return np.full((height, width, 3), level, np.uint8)


def wall(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A plain wall, lit from one side."""
    light = np.linspace(1.0, 0.85, width, dtype=np.float32)[None, :, None]
    return (np.full((height, width, 3), (164, 150, 128), np.float32) * light).astype(np.uint8)


def noisy(picture: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """As a sensor sees it."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def with_disc(picture: np.ndarray, x: int, y: int, color: tuple[int, int, int], radius: int = 9) -> np.ndarray:
    """Something in front of it."""
    return np.asarray(cv2.circle(picture.copy(), (x, y), radius, color, -1, cv2.LINE_AA))


def tumbling(count: int, degrees: float, step: int, size: int = 64) -> Iterator[tuple[np.ndarray, tuple[slice, slice]]]:
    """Something that leaps across a still picture and turns over; frames, and where it is."""
    behind, thing = view(landscape(), 40), landscape(7, 2 * size, 2 * size)
    part = slice(size // 2, size // 2 + size)
    for n in range(count):
        turn = cv2.getRotationMatrix2D((size, size), degrees * n, 1)
        turned = cv2.warpAffine(thing, turn, thing.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        y, x = 20 + round(4 * abs(n - count / 2)), 4 + step * n
        here = slice(y, y + size), slice(x, x + size)
        frame = behind.copy()
        frame[here] = turned[part, part]
        yield frame, here


def to_planes(rgb: np.ndarray) -> np.ndarray:
    """(3 H / 2, W) of 4:2:0."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420))


# --- painters


def done(pixels: np.ndarray) -> "Future[np.ndarray]":
    """Painted already."""
    painting: Future[np.ndarray] = Future()
    painting.set_result(pixels)
    return painting


class Painter:
    """Paints at once, by a function; `seen` are the pixels that it was given."""

    def __init__(self, paint: Callable[[np.ndarray], np.ndarray]) -> None:
        self.paint = paint
        self.seen: list[np.ndarray] = []

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        """Paint."""
        self.seen.append(pixels)
        return done(self.paint(pixels))

    def is_free(self) -> bool:
        """Whenever it is asked."""
        return True


class Warm(Painter):
    """Goes on from paint that is there already; `begun` is what of, for each painting that does."""

    warm_starts = True

    def __init__(self, paint: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(paint)
        self.begun: list[np.ndarray] = []

    def start_from(
        self, pixels: np.ndarray, begin: Callable[[np.ndarray], np.ndarray], hurried: Callable[[], bool] = never
    ) -> "Future[np.ndarray]":
        """Paint, and begin from what `begin` makes of that."""
        painting = self.start(pixels).result()
        self.begun.append(begin(painting))
        return done(self.begun[-1])


def grain(seed: int = 1, sigma: float = 110) -> Painter:
    """Adds other grain to every frame, as coarse as strokes: paint that nothing in the picture calls for."""
    random = np.random.default_rng(seed)

    def paint(pixels: np.ndarray) -> np.ndarray:
        noise = cv2.GaussianBlur(random.normal(0, sigma, pixels.shape), (0, 0), 1.2)
        return (pixels + noise).clip(0, 255).astype(np.uint8)

    return Painter(paint)


def strokes(pixels: np.ndarray) -> np.ndarray:
    """What a network does: four times as much contrast in the small, on a canvas that is always the same."""
    canvas = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, pixels.shape), (0, 0), 1.2)
    soft = cv2.GaussianBlur(pixels, (0, 0), 3).astype(np.float32)
    return (soft + 4 * (pixels - soft) + canvas).clip(0, 255).astype(np.uint8)


def flat(level: int | tuple[int, int, int]) -> Painter:
    """Paints everything in one colour."""
    return Painter(lambda pixels: np.broadcast_to(np.uint8(level), pixels.shape).copy())


class Slow(Painter):
    """Takes its time, another one for each frame, in a thread of its own."""

    def __init__(self, paint: Callable[[np.ndarray], np.ndarray], seconds: Sequence[float]) -> None:
        super().__init__(paint)
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1)
        self._pause = threading.Event()

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        """Paint, later."""
        self.seen.append(pixels)
        return self._thread.submit(self._paint_late, pixels, self._seconds[len(self.seen) % len(self._seconds)])

    def _paint_late(self, pixels: np.ndarray, seconds: float) -> np.ndarray:
        self._pause.wait(seconds)
        return self.paint(pixels)


class Waiting(Painter):
    """Finishes a painting when it is told to; the first one at once."""

    def __init__(self, paint: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__(paint)
        self.open: list[tuple[Future[np.ndarray], np.ndarray]] = []

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        """Begin to paint."""
        if not self.seen:
            return super().start(pixels)
        self.seen.append(pixels)
        painting: Future[np.ndarray] = Future()
        self.open.append((painting, pixels))
        return painting

    def is_free(self) -> bool:
        """Whether everything is finished."""
        return not self.open

    def finish(self) -> None:
        """Finish what has been begun."""
        for painting, pixels in self.open:
            painting.set_result(self.paint(pixels))
        self.open.clear()


# --- streams


def frames_of(pictures: Iterable[np.ndarray], rate: int = 25, fresh: frozenset[int] = frozenset()) -> list[Frame]:
    """A sequence from its beginning; those in `fresh` have nothing to do with the one before."""
    return [
        Frame(pixels, number, Fraction(1, rate), 1, discontinuity=number == 0 or number in fresh)
        for number, pixels in enumerate(pictures)
    ]


def run(stream: Stream, frames: Iterable[Frame]) -> list[np.ndarray]:
    """What is shown of each frame, with as many inside as there may be."""
    shown: list[Frame] = []
    inside = []
    for frame in frames:
        stream.submit(frame)
        inside.append(frame)
        if len(inside) - len(shown) == stream.depth:
            shown.append(stream.result())
    while len(shown) < len(inside):
        shown.append(stream.result())
    stream.close()
    assert [frame.pts for frame in shown] == [frame.pts for frame in inside]
    return [frame.pixels for frame in shown]


def painted(
    pictures: Iterable[np.ndarray],
    painter: Painter,
    *,
    steady: bool = True,
    look: Look | None = None,
    look_ahead: int = 8,
    rate: int = 25,
    fresh: frozenset[int] = frozenset(),
) -> list[np.ndarray]:
    """What a file shows."""
    stream = Stream([(0.0, painter)], look, steady=steady, look_ahead=look_ahead)
    return run(stream, frames_of(pictures, rate, fresh))


def mean_change(pictures: Sequence[np.ndarray], part: tuple[slice, ...] = (slice(None),)) -> float:
    """Mean absolute difference of each picture from the one before, grey levels."""
    pairs = zip(pictures[1:], pictures[:-1], strict=True)
    return float(np.mean([np.abs(now[part].astype(int) - before[part]).mean() for now, before in pairs]))
