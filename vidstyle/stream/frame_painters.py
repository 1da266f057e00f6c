"""What paints frames, for a stream: engines, and anything else that makes a picture of one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeGuard, runtime_checkable

import cv2
import numpy as np

from vidstyle.engines import never
from vidstyle.errors import InputError
from vidstyle.stream.planes import is_planar


@runtime_checkable
class Paints(Protocol):
    """What paints frames while others are shown: vidstyle.engines.painting_queue.PaintingQueue, or anything else."""

    def start(self, pixels: Any) -> "Future[Any]":
        """Begin to paint pixels; see vidstyle.media.frame.Frame.  What comes of it has the same shape."""
        ...

    def is_free(self) -> bool:
        """Whether it is painting nothing."""
        ...


@runtime_checkable
class PaintsOn(Paints, Protocol):
    """The same with paintings that may begin from paint that is there already: optimisation takes fewer steps then.

    Attributes:
        warm_starts: whether they may.
    """

    @property
    def warm_starts(self) -> bool: ...

    def start_from(
        self, pixels: Any, begin: Callable[[Any], Any], hurried: Callable[[], bool] = never
    ) -> "Future[Any]":
        """Begin to paint pixels from what `begin` makes of what the network paints.

        hurried: says, of a live stream and in any thread, that whatever has been reached is enough.
        """
        ...


@runtime_checkable
class PaintsFrames(Protocol):
    """Anything that makes a picture of a frame: a filter, a network, another program."""

    def paint(self, frame: np.ndarray) -> np.ndarray:
        """RGB (H, W, 3) uint8 of RGB (H, W, 3) uint8, which must not be written to; called in a thread of its own."""
        ...


def painting_ahead(painter: Paints | PaintsFrames) -> Paints:
    """A painter as streams take them."""
    return painter if isinstance(painter, Paints) else _Ahead(painter)


def may_begin_warm(painter: Paints) -> TypeGuard[PaintsOn]:
    """Whether its paintings may begin from paint that is there already."""
    return isinstance(painter, PaintsOn) and painter.warm_starts


class _Ahead:
    """Lets a painter paint one frame after the other, in a thread of its own."""

    def __init__(self, painter: PaintsFrames) -> None:
        self._painter = painter
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-painter")
        self._last: Future[np.ndarray] | None = None

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        self._last = self._worker.submit(self._painted, pixels)
        return self._last

    def is_free(self) -> bool:
        return self._last is None or self._last.done()

    def _painted(self, pixels: np.ndarray) -> np.ndarray:
        planar = is_planar(pixels)
        frame = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_YUV2RGB_I420)) if planar else pixels
        picture = np.asarray(self._painter.paint(frame))
        if picture.shape != frame.shape or picture.dtype != np.uint8:
            raise InputError(
                f"a painter makes RGB {frame.shape} uint8 of such a frame, and made {picture.shape} {picture.dtype}"
            )
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)) if planar else picture
