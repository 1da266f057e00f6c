"""Going through frames that are not shown: what is remembered of them comes about, and nothing is painted in vain."""

from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from vidstyle.engines import never
from vidstyle.stream.frame_painters import Paints, may_begin_warm


class Lazily:
    """Paints what somebody waits for, rather than all that is asked for, as long as it is told to.

    Args:
        painter: what paints.

    Attributes:
        lazy: whether to wait; may be replaced at any time.
    """

    def __init__(self, painter: Paints, *, lazy: bool = True) -> None:
        self._painter = painter
        self.lazy = lazy

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        """See vidstyle.stream.Paints."""
        # What goes on from others is painted in their order.
        lazy = self.lazy and not self.warm_starts
        return _Unstarted(self._painter, pixels) if lazy else self._painter.start(pixels)

    @property
    def warm_starts(self) -> bool:
        """See vidstyle.stream.frame_painters.PaintsOn."""
        return may_begin_warm(self._painter)

    def start_from(
        self, pixels: np.ndarray, begin: Callable[[np.ndarray], np.ndarray], hurried: Callable[[], bool] = never
    ) -> "Future[np.ndarray]":
        """The same; never put off."""
        assert may_begin_warm(self._painter)
        return self._painter.start_from(pixels, begin, hurried)

    def is_free(self) -> bool:
        """See vidstyle.stream.Paints."""
        return self._painter.is_free()


class _Unstarted(Future[np.ndarray]):
    """A painting that is begun when it is waited for."""

    def __init__(self, painter: Paints, pixels: np.ndarray) -> None:
        super().__init__()
        self._painter = painter
        self._pixels: np.ndarray | None = pixels

    def result(self, timeout: float | None = None) -> np.ndarray:
        if self._pixels is not None:
            pixels, self._pixels = self._pixels, None
            try:
                self.set_result(self._painter.start(pixels).result(timeout))
            except BaseException as error:  # for whoever waits, as a future has it
                self.set_exception(error)
        return super().result(timeout)
