"""Who may have a frame painted: whoever has had least of the painters' time, see vidstyle.demo.turns."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from vidstyle.demo.turns import Turns
from vidstyle.stream import Paints

ASKING_SECONDS = 0.25
"""After which somebody who has not asked again does not want to be painted any more."""

Who = TypeVar("Who", bound=Hashable)


class PaintingTurns(Generic[Who]):
    """One painting at a time, of all styles, where all are painted on the same cores.

    A GPU paints in a millisecond and seldom has anything to do: whoever asks while it has room for one more need not
    wait for their turn, which might come only with their next frame.

    Args:
        clock: seconds.
        at_once: paintings that may be under way.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, at_once: int = 1) -> None:
        self._clock, self._at_once = clock, at_once
        self._turns: Turns[Who] = Turns()
        self._asking: dict[Who, tuple[float, float]] = {}  # since when, and when last
        self._painting = 0
        self._lock = threading.Lock()

    def join(self, who: Who) -> None:
        """Somebody comes, or opens another page."""
        with self._lock:
            self._turns.join(who)

    def leave(self, who: Who) -> None:
        """Somebody goes, or closes a page."""
        with self._lock:
            self._turns.leave(who)
            self._asking.pop(who, None)

    def changed(self, who: Who) -> None:
        """Somebody has chosen another style."""
        with self._lock:
            self._turns.changed(who)

    def notice(self, who: Who) -> str:
        """What somebody should know; empty if nothing."""
        with self._lock:
            return self._turns.notice(who)

    def may_paint(self, who: Who) -> bool:
        """Whether it is the turn of somebody who would like to be painted; otherwise they are remembered."""
        with self._lock:
            now = self._clock()
            self._asking = {
                one: (since, last) for one, (since, last) in self._asking.items() if now - last <= ASKING_SECONDS
            }
            since, _ = self._asking.get(who, (now, now))
            self._asking[who] = since, now
            if self._painting >= self._at_once:
                return False
            return (
                self._at_once > 1 or self._turns.next(sorted(self._asking, key=lambda one: self._asking[one][0])) == who
            )

    def begun(self, who: Who, painting: "Future[Any]", is_typical: Callable[[], bool] = lambda: True) -> None:
        """Somebody's frame is being painted.

        is_typical: whether later ones will take about as long; asked once it is painted.
        """
        with self._lock:
            self._painting += 1
            self._asking.pop(who, None)
            begin = self._clock()

        def over(_: object) -> None:
            with self._lock:
                self._painting -= 1
                self._turns.took(who, self._clock() - begin, is_typical=is_typical())

        painting.add_done_callback(over)


class SharedPainter(Generic[Who]):
    """What paints for one of several who share it.

    Args:
        painter: what they share.
        turns: theirs.
        who: the one.
        is_typical: whether it takes as long by now as it always will.
    """

    def __init__(
        self, painter: Paints, turns: PaintingTurns[Who], who: Who, is_typical: Callable[[], bool] = lambda: True
    ) -> None:
        self._painter, self._turns, self._who, self._is_typical = painter, turns, who, is_typical

    def start(self, pixels: Any) -> "Future[Any]":
        """Begin to paint pixels; see vidstyle.stream.Paints."""
        painting = self._painter.start(pixels)
        self._turns.begun(self._who, painting, self._is_typical)
        return painting

    def is_free(self) -> bool:
        """Whether it is free, and their turn."""
        return self._turns.may_paint(self._who) and self._painter.is_free()
