"""Styles that change while a session goes on: without a gap, softly, and none that is not there."""

import threading
from typing import Any

import numpy as np
import pytest
from live_sessions import panned
from live_steps import FPS, Clock, Painter, Steps, Viewer, black, white
from waiting import wait_for

from vidstyle.errors import InputError
from vidstyle.live import Session
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts
from vidstyle.stream.stream import BLEND_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_a_style_changes_as_soon_as_it_is_painted_without_a_gap_and_fades(seconds: float) -> None:
    clock = Clock()
    painters = {"black": Painter(black), "white": Painter(white, clock, seconds), "grey": Painter()}
    state = LiveState(list(painters), "black")
    source = Steps(panned(50), clock)
    pressed: list[int] = []

    def step(number: int) -> None:
        if number == 15:
            state.press("right")
            pressed.append(source.at)

    viewer = Viewer(source, step)
    opened: Painters[Any] = Painters(painters.__getitem__, painters)
    Session(source, opened, state, SessionParts([viewer]), clock=clock).run(threading.Event())
    levels = [float(picture.mean()) for picture in viewer.pictures]
    assert len(levels) == 50
    first = next(n for n, level in enumerate(levels) if level > 0)
    full = next(n for n, level in enumerate(levels) if level > 254)
    assert first - pressed[0] - seconds * FPS <= 2
    assert full - first == pytest.approx(BLEND_SECONDS * FPS, abs=1.5)
    assert np.diff(levels).min() > -0.5
    assert np.diff(levels).max() < 255 / 3


def test_who_goes_back_before_a_style_has_come_sees_no_change() -> None:
    clock = Clock()
    painters = {"black": Painter(black), "white": Painter(white, clock, 0.3), "grey": Painter()}
    state = LiveState(list(painters), "black")
    source = Steps(panned(40), clock)
    viewer = Viewer(source, lambda n: state.press({10: "right", 14: "left"}.get(n, "")))
    opened: Painters[Any] = Painters(painters.__getitem__, painters)
    Session(source, opened, state, SessionParts([viewer]), clock=clock).run(threading.Event())
    assert {int(picture.max()) for picture in viewer.pictures} == {0}
    assert len(painters["white"].taken) == 1


def test_who_changes_in_the_middle_of_a_change_goes_on_from_what_shows() -> None:
    clock = Clock()
    painters = {"black": Painter(black), "white": Painter(white), "grey": Painter(lambda p: np.full_like(p, 250))}
    state = LiveState(list(painters), "black")
    source = Steps(panned(50), clock)
    viewer = Viewer(source, lambda n: state.press("right" if n in (15, 21) else ""))
    opened: Painters[Any] = Painters(painters.__getitem__, painters)
    Session(source, opened, state, SessionParts([viewer]), clock=clock).run(threading.Event())
    levels = [float(picture.mean()) for picture in viewer.pictures]
    assert np.diff(levels).min() > -6
    assert levels[-1] == 250


def test_styles_out_of_reach_are_let_go() -> None:
    painters = {name: Painter() for name in "abcdef"}
    opened: Painters[Any] = Painters(painters.__getitem__, {"a": painters["a"]})
    opened.keep("fab")
    wait_for(lambda: opened.ready("f") is not None)
    opened.keep("abc")
    wait_for(lambda: painters["f"].closed)
    assert [name for name in painters if painters[name].closed] == ["f"]
    opened.close()


def test_a_style_that_cannot_be_loaded_leaves_the_last_one() -> None:
    def open_painter(name: str) -> Any:
        raise InputError(f"{name} is broken")

    opened: Painters[Any] = Painters(open_painter, {"good": Painter(black)})
    state = LiveState(["good", "bad"], "good")
    clock = Clock()
    source = Steps(panned(10), clock)
    viewer = Viewer(source, lambda n: state.press("right") if n == 3 else None)
    Session(source, opened, state, SessionParts([viewer]), clock=clock).run(threading.Event())
    assert {picture.max() for picture in viewer.pictures} == {0}
    assert opened.problem("bad") == "bad is broken"
