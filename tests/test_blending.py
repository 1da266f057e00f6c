"""One style blended with another while live: what shows when the blend is taken back, or something else is chosen."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from live_steps import Painter

from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.viewing import ViewerStream
from vidstyle.media.frame import Frame

LEVELS = {"dark": 20, "mid": 120, "white": 240, "x": 60, "y": 90, "z": 70}
"""Styles, and the grey that each paints everything in."""


class Grey(Painter):
    """Paints everything in one grey at once, and nothing any more once it is closed."""

    def __init__(self, level: int) -> None:
        super().__init__(lambda pixels: np.full_like(pixels, level))

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        return Future() if self.closed else super().start(pixels)


class Watched:
    """A viewer of a camera that stands still or pans, and the mean level of each frame that was shown."""

    def __init__(self, *, slow: str = "") -> None:
        self.there = threading.Event()
        self.painters: Painters[Any] = Painters(self._open)
        self.state = LiveState(list(LEVELS), "dark")
        self.viewer = ViewerStream(self.painters, "dark")
        self.levels: list[int] = []
        self._slow = slow
        self._scene = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)

    def _open(self, style: str) -> Grey:
        if style == self._slow:
            assert self.there.wait(10)
        return Grey(LEVELS[style])

    def show(self, count: int, wishes: Mapping[int, Mapping[str, Any]]) -> list[int]:
        """The levels of so many frames more; wishes: of the state, by the number of the frame before which."""
        for number in range(count):
            for name, value in wishes.get(number, {}).items():
                self.state.choose(value) if name == "style" else setattr(self.state, name, value)
            # Others wait behind what is slow.
            if self._slow not in self.state.near or self.there.is_set():
                for style in self.state.near | self.viewer.used:
                    self.painters.wait(style)
            frame = Frame(self._scene, len(self.levels), Fraction(1, 25))
            self.levels.append(round(float(self.viewer.show(frame, self.state).mean())))
            self.painters.keep(self.state.near | self.viewer.used)
        return self.levels[-count:]


@pytest.mark.parametrize(
    ("wish", "last"), [({"blend": 0.0}, 20), ({"style": "mid"}, 120), ({"blend_style": "mid"}, 50)], ids=str
)
def test_taking_a_blend_back_never_shows_more_of_the_other_style(wish: dict[str, Any], last: int) -> None:
    levels = Watched().show(60, {5: {"blend_style": "white", "blend": 0.3}, 25: wish})
    assert levels[24] == 86
    assert max(levels[25:]) <= max(86, last)
    assert levels[-1] == last


def test_a_blend_stays_while_the_style_that_was_chosen_is_being_opened() -> None:
    watched = Watched(slow="y")
    assert watched.show(20, {5: {"blend_style": "white", "blend": 0.1}})[-1] == 42
    assert set(watched.show(20, {0: {"style": "y"}})) == {42}
    watched.there.set()
    levels = watched.show(30, {})
    assert max(levels) <= 90
    assert levels[-1] == 90


@pytest.mark.parametrize("chosen", [2, 15])
def test_a_style_that_was_closed_and_comes_back_is_painted_by_what_is_open(chosen: int) -> None:
    watched = Watched()
    watched.show(20, {5: {"style": "x"}})
    assert watched.levels[-1] == 60
    levels = watched.show(60, {0: {"blend_style": "dark", "blend": 0.3}, chosen: {"style": "dark"}})
    assert levels[-1] == 20
    stream = watched.viewer._stream
    assert stream is not None
    assert [painter.closed for painter in stream.painters if isinstance(painter, Grey)] == [False]
    assert watched.show(20, {0: {"blend_style": "white", "blend": 0.5}})[-1] == 130
