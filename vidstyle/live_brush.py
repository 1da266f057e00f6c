"""Painting live: styles at hand, changed without a gap, and what is made of source and painting."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vidstyle.engines import Engine
from vidstyle.errors import VidstyleError
from vidstyle.media.frame import Frame

if TYPE_CHECKING:
    from vidstyle.live_state import LiveState

BLEND_SECONDS = 0.25
"""How long one style fades into the next."""

MakeEngine = Callable[[str], Engine]
"""Makes an engine for the style of a name, warm, with a depth of any kind; may take a second."""


class Shelf:
    """Engines for the styles that may be wanted next, made in the background.

    Args:
        make: makes the engine of a style.
        style: the first one, whose engine is `engine`.

    Attributes:
        notice: why the last style that was wanted cannot be had; empty if all is well.
    """

    def __init__(self, make: MakeEngine, style: str, engine: Engine) -> None:
        self._make = make
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-styles")
        ready: Future[Engine] = Future()
        ready.set_result(engine)
        self._engines: dict[str, Future[Engine]] = {style: ready}
        self._lock = threading.Lock()
        self.notice = ""

    def ready(self, style: str) -> Engine | None:
        """The engine of a style if it is there; otherwise it will be, sooner or later."""
        with self._lock:
            if style not in self._engines:
                self._engines[style] = self._worker.submit(self._make, style)
            made = self._engines[style]
        if not made.done():
            return None
        error = made.exception()
        if error is not None:
            if not isinstance(error, VidstyleError):
                raise error
            self.notice = str(error)
            return None
        return made.result()

    def keep(self, styles: Iterable[str]) -> None:
        """Have these styles ready, and let go of all others."""
        wanted = set(styles)
        with self._lock:
            gone = {style: self._engines.pop(style) for style in set(self._engines) - wanted}
        for made in gone.values():
            _close(made)
        for style in wanted:
            self.ready(style)

    def close(self) -> None:
        """Let go of all engines."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        for made in self._engines.values():
            _close(made)


def _close(made: "Future[Engine]") -> None:
    def close(done: "Future[Engine]") -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().close()

    made.cancel()
    made.add_done_callback(close)


class Brush:
    """Paints with the style that is wanted as soon as it is ready, and fades into it.

    Frames are painted one by one: a second one in flight would only wait, and be older when it is shown.

    Args:
        shelf: where the styles come from.
        style: the first one.

    Attributes:
        style: what is being painted with.
        fading: whether two styles are being painted, which takes twice the time.
    """

    def __init__(self, shelf: Shelf, style: str) -> None:
        self._shelf, self.style = shelf, style
        self._before: str | None = None
        self._since = 0.0
        self._last_time: float | None = None
        self.fading = False

    def paint(self, frame: Frame, wanted: str) -> np.ndarray:
        """The painting of a frame, RGB (H, W, 3) uint8."""
        if wanted != self.style and self._shelf.ready(wanted) is not None:
            # From the frame before, so that this one shows the change already.
            self._since = frame.time if self._last_time is None else self._last_time
            self._before, self.style = self.style, wanted
            # What the new engine may remember is from long ago.
            painted = self._with(wanted, replace(frame, discontinuity=True))
        else:
            painted = self._with(self.style, frame)
        self._last_time = frame.time
        share = (frame.time - self._since) / BLEND_SECONDS
        self.fading = self._before is not None and share < 1
        if not self.fading:
            self._before = None
            return painted
        assert self._before is not None
        return cv2.addWeighted(self._with(self._before, frame), 1 - share, painted, share, 0)

    @property
    def used(self) -> set[str]:
        """The styles that must stay on the shelf."""
        return {self.style} | ({self._before} if self._before else set())

    def _with(self, style: str, frame: Frame) -> np.ndarray:
        engine = self._shelf.ready(style)
        assert engine is not None
        engine.submit(frame)
        return engine.result().pixels


def scaled(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """RGB (H, W, 3) uint8 at `size` (width, height)."""
    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    smaller = size[0] < width
    # Bilinear shows its squares where little is enlarged to much.
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)


def composed(source: np.ndarray, painted: np.ndarray | None, state: "LiveState") -> np.ndarray:
    """What is shown, RGB (H, W, 3) uint8.

    Colours and strength are mixed here rather than in the engine, since the source has its full size here.

    Args:
        source: RGB (H, W, 3) uint8.
        painted: the same at any size; None where the strength is 0.
        state: how to mix the two.
    """
    if painted is None:
        return source
    height, width = source.shape[:2]
    painting = scaled(painted, (width, height))
    if state.keep_colors:
        painting = _with_colors_of(source, painting)
    if state.strength < 1:
        painting = cv2.addWeighted(source, 1 - state.strength, painting, state.strength, 0)
    if state.split:
        painting = painting.copy()
        painting[:, : width // 2] = source[:, : width // 2]
        painting[:, width // 2 - 1 : width // 2 + 1] = 255
    return painting


def _with_colors_of(source: np.ndarray, painting: np.ndarray) -> np.ndarray:
    from vidstyle.perception.luma import LUMA

    # In every YCbR space a change of luma alone adds the same to R, G and B.
    weights = np.array([LUMA], np.float32)
    change = cv2.transform(painting.astype(np.float32), weights) - cv2.transform(source.astype(np.float32), weights)
    levels = source.astype(np.float32) + change[..., None]
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def warmed(engine: Engine, width: int, height: int) -> Engine:
    """The engine, once it has painted a frame of a size, which makes the next ones fast."""
    engine.submit(Frame(np.zeros((height, width, 3), np.uint8), 0, Fraction(1), discontinuity=True))
    engine.result()
    return engine
