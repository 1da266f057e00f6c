"""Live sessions in tests: cameras, what they see, and what is shown."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
from live_steps import FPS, Painter
from media_files import HEIGHT, WIDTH, barcode, read_barcode

from vidstyle.live import Figures, Session
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Color, Frame

LARGE = (192, 128)
"""Width and height of pictures that motion is looked for in."""


class Ticker:
    """A camera that writes the number of every frame into it as a bar code, and waits for nobody."""

    name, notice, rate = "ticker", "", float(FPS)
    color: Color | None = None
    sound = None

    def __init__(self, count: int, *, lost_after: int | None = None) -> None:
        self._count, self._lost_after = count, lost_after
        self.width, self.height = WIDTH, HEIGHT
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        start = time.monotonic()
        for number in range(self._count):
            due = start + number / FPS
            if self._closed.wait(max(0.0, due - time.monotonic())):
                return
            yield Frame(barcode(number, self.width, self.height), round(due / MICROSECOND), MICROSECOND)
            if number == self._lost_after:
                self.notice = "ticker is gone"
                self._closed.wait(10)

    def close(self) -> None:
        self._closed.set()


class Screen:
    """A sink that keeps what it is given, and when."""

    name, waiting, planes, notice = "screen", 1, True, ""

    def __init__(self, step: Callable[[int], None] = lambda _: None, *, repeats: float | None = None) -> None:
        self.repeats, self._step = repeats, step
        self.frames: list[Frame] = []
        self.arrived: list[float] = []
        self.closed = False

    def write(self, frame: Frame) -> None:
        self._step(len(self.frames))
        self.frames.append(frame)
        self.arrived.append(time.monotonic())

    def close(self) -> None:
        self.closed = True

    @property
    def numbers(self) -> list[int]:
        return [read_barcode(frame.pixels) for frame in self.frames]


class Window:
    """A window without a screen: keeps what it shows, and the lines over it.

    `press` gives the keys that are pressed after so many frames.
    """

    name, waiting, repeats, planes, notice = "window", 1, None, False, ""

    def __init__(self, *_: object) -> None:
        self.lines: list[str] = []
        self.shown: list[tuple[np.ndarray, list[str]]] = []
        self.press: dict[int, str] = {}
        self.step = lambda _: None
        self.closed = False

    def write(self, frame: Frame) -> None:
        self.shown.append((frame.pixels, list(self.lines)))
        self.step(len(self.shown))

    def say(self, lines: list[str]) -> None:
        self.lines = list(lines)

    def show_full_screen(self, wanted: bool) -> None:
        pass

    def key(self) -> str | None:
        return self.press.pop(len(self.shown), None)

    def close(self) -> None:
        self.closed = True


def watch(
    source: Any, painters: "Painter | dict[str, Painter]", *sinks: Any, state: LiveState | None = None, **options: Any
) -> Figures:
    """A session with one style, or with several of which the first one is shown first."""
    known = painters if isinstance(painters, dict) else {"a": painters}
    first = next(iter(known))
    state = state or LiveState(list(known), first)
    opened: Painters[Any] = Painters(known.__getitem__, {first: known[first]})
    return Session(source, opened, state, SessionParts(sinks), **options).run(threading.Event())


def unpainted(**settings: Any) -> LiveState:
    """Shows the source, of which bar codes can be read."""
    return LiveState(["a"], "a", strength=0.0, **settings)


def scene(seed: int = 0, size: tuple[int, int] = LARGE) -> np.ndarray:
    """RGB of soft blobs, (H, W, 3), wide enough to look along."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 36, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (3 * size[0], size[1]), interpolation=cv2.INTER_CUBIC))


def panned(count: int, pixels: int = 2) -> list[np.ndarray]:
    """Looking along a scene, some pixels a frame, and back again from its end."""
    whole = scene()
    last = whole.shape[1] - LARGE[0]
    lefts = (last - abs(pixels * n % (2 * last) - last) for n in range(count))
    return [np.ascontiguousarray(whole[:, left : left + LARGE[0]]) for left in lefts]


def near(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures, grey levels."""
    return float(np.abs(one.astype(int) - other).mean())
