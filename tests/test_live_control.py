"""Remote control: what other programs say over OSC, and what they are answered."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from live_steps import Clock, Painter, Steps, Viewer, black, white
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from vidstyle.errors import InputError
from vidstyle.live import Session
from vidstyle.live.control import RemoteControl
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts


class Desk:
    """A control surface: sends, and reads what it is answered."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port = int(self.socket.getsockname()[1])

    def send(self, address: str, *values: Any) -> None:
        self.socket.sendto(message(address, *values).dgram, self._to)

    def ask(self, address: str, *values: Any) -> dict[str, Any]:
        """What is answered to a message."""
        self.send(address, *values)
        return self.hear()

    def hear(self) -> dict[str, Any]:
        data = self.socket.recv(65536)
        messages = [timed.message for timed in OscPacket(data).messages]
        return {m.address.removeprefix("/vidstyle/"): m.params[0] for m in messages}


def message(address: str, *values: Any) -> Any:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


@pytest.fixture
def state() -> LiveState:
    return LiveState(["a", "b", "c"], "a")


@pytest.fixture
def control(state: LiveState) -> Iterator[RemoteControl]:
    opened = RemoteControl(0, state)
    yield opened
    opened.close()


@pytest.fixture
def desk(control: RemoteControl) -> Iterator[Desk]:
    opened = Desk(control.port)
    yield opened
    opened.socket.close()


def test_what_is_sent_is_done_and_the_state_comes_back(desk: Desk, state: LiveState) -> None:
    assert desk.ask("/vidstyle/strength", 0.25)["strength"] == 0.25
    assert desk.ask("/vidstyle/stroke_size", 2.0)["stroke_size"] == 2.0
    assert desk.ask("/vidstyle/style", "c")["style"] == "c"
    assert desk.ask("/vidstyle/style", 2)["style"] == "b"
    assert desk.ask("/vidstyle/freeze", 1)["freeze"] == 1
    assert desk.ask("/vidstyle/key", "space")["freeze"] == 0
    told = desk.ask("/vidstyle/blend", 0.5)
    assert told == {
        "style": "b",
        "strength": 0.25,
        "stroke_size": 2.0,
        "blend": 0.5,
        "blend_style": "c",
        "freeze": 0,
        "keep_colors": 0,
    }
    assert (state.strength, state.stroke_size, state.style, state.frozen, state.blend) == (0.25, 2.0, "b", False, 0.5)


@pytest.mark.parametrize(
    ("address", "values", "error"),
    [
        ("/vidstyle/strength", [2.0], "/vidstyle/strength 2: takes 0 to 1"),
        ("/vidstyle/strength", ["much"], "/vidstyle/strength: takes a number"),
        ("/vidstyle/strength", [float("nan")], "/vidstyle/strength: takes a number"),
        ("/vidstyle/strength", [], "/vidstyle/strength: takes a value"),
        ("/vidstyle/style", ["d"], "/vidstyle/style d: no such style; there are a, b, c"),
        ("/vidstyle/style", [4], "/vidstyle/style 4: takes 1 to 3"),
        ("/vidstyle/stroke_size", [0.0], "/vidstyle/stroke_size 0: takes 0.125 to 8"),
        ("/vidstyle/volume", [1], "/vidstyle/volume: unknown; there are style, "),
        ("/vidstyle/key", ["zz"], "/vidstyle/key zz: no such key; there are "),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    address: str, values: list[Any], error: str, desk: Desk, state: LiveState
) -> None:
    before = repr(state)
    assert desk.ask(address, *values)["error"].startswith(error)
    assert desk.hear()["style"] == "a"
    assert repr(state) == before


def test_what_is_no_osc_or_for_somebody_else_is_passed_over(desk: Desk, state: LiveState) -> None:
    for data in (b"", b"hello", b"#bundle\0" + b"\xff" * 20, message("/other/strength", 0.5).dgram):
        desk.socket.sendto(data, desk._to)
    assert desk.ask("/vidstyle/strength", 0.5)["strength"] == 0.5
    assert state.style == "a"


def test_a_bundle_of_tomorrow_is_done_today(desk: Desk) -> None:
    bundle = OscBundleBuilder(int(time.time()) + 86_400)
    bundle.add_content(message("/vidstyle/strength", 0.75))  # type: ignore[arg-type]
    desk.socket.sendto(bundle.build().dgram, desk._to)
    assert desk.hear()["strength"] == 0.75


def test_what_keys_change_is_told_and_answers_go_where_they_are_wanted(desk: Desk, state: LiveState) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tablet:
        tablet.bind(("127.0.0.1", 0))
        tablet.settimeout(5)
        desk.send("/vidstyle/answer", tablet.getsockname()[1])
        tablet.recv(65536)
        state.press("right")
        messages = [timed.message for timed in OscPacket(tablet.recv(65536)).messages]
    assert messages[0].params == ["b"]


def test_what_is_no_message_does_not_end_it(control: RemoteControl, state: LiveState) -> None:
    desk = Desk(control.port)
    good = message("/vidstyle/style", "bbb").dgram
    for data in (b"", b"noise", good[:-3], good.replace(b"bbb", b"b\xe4b"), bytes(range(256))):
        desk.socket.sendto(data, ("127.0.0.1", control.port))
    assert desk.ask("/vidstyle/strength", 0.25)["strength"] == 0.25
    assert state.strength == 0.25


def test_it_listens_on_loopback_alone_and_on_a_port_of_its_own(control: RemoteControl, state: LiveState) -> None:
    assert control._socket.getsockname()[0] == "127.0.0.1"
    with pytest.raises(InputError, match=rf"control={control.port}: cannot listen there"):
        RemoteControl(control.port, state)


# --- two styles at a time


def test_a_blend_shows_both_styles_until_it_is_taken_back() -> None:
    clock = Clock()
    painters = {"black": Painter(black), "white": Painter(white), "grey": Painter()}
    state = LiveState(list(painters), "black")
    picture = np.random.default_rng(0).integers(0, 256, (128, 192, 3), np.uint8)
    source = Steps([picture] * 60, clock)
    wishes = {10: 0.5, 25: 0.8, 35: 1.0, 45: 0.0}

    def step(number: int) -> None:
        if number in wishes:
            state.blend = wishes[number]

    viewer = Viewer(source, step)
    opened: Painters[Any] = Painters(painters.__getitem__, painters)
    Session(source, opened, state, SessionParts([viewer]), clock=clock).run(threading.Event())
    levels = [float(picture.mean()) for picture in viewer.pictures]
    assert levels[9] == 0
    assert levels[20] == pytest.approx(127.5, abs=2)
    assert levels[30] == pytest.approx(204, abs=2)
    assert levels[40] == 255
    assert levels[55] == 0


def test_a_style_that_is_chosen_ends_a_blend() -> None:
    clock = Clock()
    painters = {"black": Painter(black), "white": Painter(white), "grey": Painter(lambda p: np.full_like(p, 90))}
    state = LiveState(list(painters), "black")
    source = Steps([np.zeros((128, 192, 3), np.uint8)] * 50, clock)

    def step(number: int) -> None:
        if number == 10:
            state.blend, state.blend_style = 0.5, "white"
        if number == 20:
            state.choose("grey")

    viewer = Viewer(source, step)
    opened: Painters[Any] = Painters(painters.__getitem__, painters)
    Session(source, opened, state, SessionParts([viewer]), clock=clock).run(threading.Event())
    assert float(viewer.pictures[18].mean()) == pytest.approx(127.5, abs=2)
    assert set(viewer.pictures[-1].flat) == {90}
