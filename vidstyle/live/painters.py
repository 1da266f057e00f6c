"""The painters of the styles that are wanted live, or may be wanted next."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from vidstyle.errors import VidstyleError
from vidstyle.stream.frame_painters import Paints

T = TypeVar("T", bound="LivePaints")


class LivePaints(Paints, Protocol):
    """What paints the frames of live streams, one at a time, and makes nobody wait.

    Attributes:
        engine, device: what paints by now.
        notice: why it paints slowly, for whoever watches; empty if it does not.
    """

    @property
    def engine(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def notice(self) -> str: ...

    def close(self) -> None:
        """Let go of it."""


class Painters(Generic[T]):
    """Painters of the styles that are wanted or may be next, opened in the background.

    Args:
        open_painter: opens the painter of a style; may take a second.
        opened: those that are there already, by style.
        waits_for: what opening them takes its time for, for whoever watches; empty if nothing in particular.
    """

    def __init__(
        self,
        open_painter: Callable[[str], T],
        opened: Mapping[str, T] = MappingProxyType({}),
        waits_for: Callable[[], str] = lambda: "",
    ) -> None:
        self._open, self._waits_for = open_painter, waits_for
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-styles")
        self._changes = threading.Lock()
        self._painters: dict[str, Future[T]] = {}
        for style, painter in opened.items():
            self._painters[style] = Future()
            self._painters[style].set_result(painter)

    def ready(self, style: str) -> T | None:
        """The painter of a style if it is there; otherwise it will be, sooner or later."""
        with self._changes:
            opened = self._painters.get(style)
            if opened is None:
                opened = self._painters[style] = self._worker.submit(self._open, style)
        if not opened.done():
            return None
        error = opened.exception()
        if error is not None:
            if not isinstance(error, VidstyleError):
                raise error
            return None
        return opened.result()

    def wait(self, style: str) -> T:
        """The painter of a style, once it is there.

        Raises:
            Exception: what stands in its way.
        """
        while (painter := self.ready(style)) is None:
            with self._changes:
                opening = self._painters.get(style)
            if opening is not None:
                opening.result()
        return painter

    def notice(self, style: str) -> str:
        """What somebody who watches a style should know; empty if all is well."""
        problem = self.problem(style)
        if problem:
            return problem
        with self._changes:
            opened = self._painters.get(style)
        if opened is None or not opened.done() or opened.cancelled():
            return self._waits_for() or f"loading {style}"
        return opened.result().notice

    def problem(self, style: str) -> str:
        """Why a style cannot be had; empty if it is there, or on its way."""
        return str(self.failure(style) or "")

    def failure(self, style: str) -> VidstyleError | None:
        """The same as it was raised."""
        opened = self._painters.get(style)
        failed = opened is not None and opened.done() and not opened.cancelled()
        error = opened.exception() if opened is not None and failed else None
        return error if isinstance(error, VidstyleError) else None

    def keep(self, styles: Iterable[str]) -> None:
        """Have these styles ready, and let go of all others."""
        wanted = set(styles)
        with self._changes:
            gone = [self._painters.pop(style) for style in set(self._painters) - wanted]
            for style in wanted - set(self._painters):
                self._painters[style] = self._worker.submit(self._open, style)
        for opened in gone:
            _close(opened)

    def close(self) -> None:
        """Let go of all painters."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        for opened in list(self._painters.values()):
            _close(opened)


def _close(opened: "Future[T]") -> None:
    def close(done: "Future[T]") -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().close()

    opened.cancel()
    opened.add_done_callback(close)
