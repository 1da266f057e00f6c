"""What the window says over the picture."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidstyle.live.keyboard import HELP, LiveState

ANSWER_SECONDS = 1.0
"""For which a key is answered on the screen."""
FIGURES_SECONDS = 0.5
"""Between two times that the figures change, so that they can be read."""


@dataclass(frozen=True)
class LiveFigures:
    """What is shown of a session while it goes on: frames a second, milliseconds, frames, and how it is painted."""

    fps: float
    delay: float
    dropped: int
    style: str
    size: tuple[int, int]
    engine: str

    def lines(self) -> list[str]:
        """In two columns, for narrow pictures as well."""
        width, height = self.size
        return [
            f"shown\t{self.fps:.1f} fps",
            f"delay\t{self.delay:.0f} ms",
            f"dropped\t{self.dropped}",
            f"painted\t{width}x{height}, {self.engine}" if self.engine else "painted\tnot yet",
            f"style\t{self.style}",
        ]


class Overlay:
    """The lines over the picture: what is wrong, what a key has done, and on demand figures and help.

    Args:
        state: what keys change.
        signs: what a viewer should know now.
        figures: how the session goes.
        clock: seconds.
    """

    def __init__(
        self,
        state: LiveState,
        signs: Callable[[], Sequence[str]],
        figures: Callable[[], LiveFigures],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state, self._signs, self._figures, self._clock = state, signs, figures, clock
        self._answers, self._answered = state.answers, -ANSWER_SECONDS
        self._lines: list[str] = []
        self._counted = -FIGURES_SECONDS

    def lines(self) -> list[str]:
        """As they are to be shown now."""
        state, now = self._state, self._clock()
        if state.answers != self._answers:
            self._answers, self._answered = state.answers, now
        lines = [line for line in self._signs() if line]
        lines += ["recording"] * state.recording + ["frozen"] * state.frozen
        if now - self._answered < ANSWER_SECONDS:
            lines.append(state.answer)
        if state.help:
            # There is no room for figures beside it.
            return [*lines, *HELP]
        if state.figures:
            if now - self._counted >= FIGURES_SECONDS:
                self._counted, self._lines = now, self._figures().lines()
            lines += self._lines
        return lines
