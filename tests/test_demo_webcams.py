"""The demo's webcams, over a websocket: what comes back of each frame, and whose turn it is."""

import asyncio
import contextlib
import io
import itertools
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_visits import picture_file, send, webcam_frame
from PIL import Image

pytest.importorskip("gradio", reason="gradio is not installed")

from starlette.testclient import TestClient
from waiting import PATIENCE

from vidstyle.demo.webcams import WebcamSession
from vidstyle.live.keyboard import LiveState
from vidstyle.styles import load_style

pytest_plugins = ["demo_visits"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


def look(**wanted: Any) -> str:
    return json.dumps({"style": "starry_night", "strength": 1, "keep_colors": False, "split": False} | wanted)


def received(socket: Any) -> tuple[int, np.ndarray]:
    """Number and pixels of the next picture."""
    data = socket.receive_bytes()
    return struct.unpack_from("<I", data)[0], np.asarray(Image.open(io.BytesIO(data[4:])), np.float32)


def shown_in_the_end(socket: Any, frame: bytes, fits: Callable[[np.ndarray], bool]) -> np.ndarray:
    """What is shown of a frame that is sent again and again, once it fits: paintings take their time."""
    deadline = time.monotonic() + PATIENCE
    for number in itertools.count():
        assert time.monotonic() < deadline, "it never came"
        socket.send_bytes(struct.pack("<I", number) + frame)
        again, pixels = received(socket)
        assert again == number
        if fits(pixels):
            return pixels
    raise AssertionError


def test_a_webcam_frame_comes_back_painted_under_its_number(browser: Callable[[], TestClient]) -> None:
    frame = picture_file(kind="JPEG", width=640, height=360)
    source = np.asarray(Image.open(io.BytesIO(frame)), np.float32)
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_text(look())
        socket.send_bytes(struct.pack("<I", 7) + frame)
        number, first = received(socket)
        assert number == 7
        assert np.abs(first - source).mean() < 8, "nothing is painted yet: the camera's own picture"
        painted = shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - source).mean() > 15)
        assert painted.shape == (360, 640, 3)
        # These act at once.
        socket.send_text(look(split=True))
        socket.send_bytes(struct.pack("<I", 8) + frame)
        _, halves = received(socket)
        assert np.abs(halves - source)[:, :310].mean() < 5 < np.abs(halves - source)[:, 330:].mean()
        socket.send_text(look(strength=0))
        socket.send_bytes(struct.pack("<I", 9) + frame)
        assert np.abs(received(socket)[1] - source).mean() < 5


def test_a_webcam_is_painted_at_the_size_that_strokes_need_and_shown_at_its_own(
    browser: Callable[[], TestClient],
) -> None:
    frame = picture_file(kind="JPEG", width=1280, height=720)
    source = np.asarray(Image.open(io.BytesIO(frame)), np.float32)
    with browser().websocket_connect("/vidstyle/live") as socket:
        painted = shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - source).mean() > 15)
        assert painted.shape == (720, 1280, 3)


def test_a_style_of_ones_own_paints_the_webcam(browser: Callable[[], TestClient], style_file: Path) -> None:
    client = browser()
    key = send(client, "style", style_file.read_bytes(), "noise.safetensors").json()["id"]
    with client.websocket_connect("/vidstyle/live") as socket:
        frame = picture_file(kind="JPEG", width=640, height=360)
        source = np.asarray(Image.open(io.BytesIO(frame)), np.float32)
        installed = shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - source).mean() > 15)
        socket.send_text(look(style=key))
        shown_in_the_end(socket, frame, lambda pixels: np.abs(pixels - installed).mean() > 10)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (struct.pack("<I", 1) + b"no picture", "could not be read"),
        (struct.pack("<I", 1) + picture_file(), "could not be read"),
        (webcam_frame(1, width=2000, height=1000), "2000x1000"),
    ],
)
def test_a_frame_that_is_none_is_answered_with_a_message_and_the_next_is_painted(
    browser: Callable[[], TestClient], frame: bytes, why: str
) -> None:
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_bytes(frame)
        assert why in json.loads(socket.receive_text())["error"]
        socket.send_bytes(webcam_frame(2))
        assert received(socket)[0] == 2


def test_nonsense_on_the_websocket_ends_it_with_a_message(browser: Callable[[], TestClient]) -> None:
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_text(json.dumps({"style": "starry_night"}))
        assert "load it again" in json.loads(socket.receive_text())["error"]


@pytest.mark.parametrize("said", ["1" + 400 * "0", "1e400", "NaN", "[1]", '"much"'])
@pytest.mark.parametrize("of", ["strength", "stroke_size"])
def test_a_number_that_is_none_ends_it_with_a_message(browser: Callable[[], TestClient], of: str, said: str) -> None:
    with browser().websocket_connect("/vidstyle/live") as socket:
        socket.send_text(look(**{of: "?"}).replace('"?"', said))
        socket.send_bytes(webcam_frame(1))
        assert "load it again" in json.loads(socket.receive()["text"])["error"]


def told_in_the_end(socket: Any) -> str:
    """The first message, however many frames are shown before it."""
    deadline = time.monotonic() + PATIENCE
    for number in itertools.count():
        assert time.monotonic() < deadline, "it never came"
        socket.send_bytes(webcam_frame(number))
        if "text" in (message := socket.receive()):
            return str(json.loads(message["text"])["error"])
    raise AssertionError


@pytest.mark.parametrize("gone", ["before it is chosen", "before it is opened"])
def test_of_a_style_that_has_made_room_nobody_learns_where_it_was(
    browser: Callable[[], TestClient],
    demo_folder: Path,
    style_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    client, before = browser(), set(demo_folder.rglob("*.safetensors"))
    key = send(client, "style", style_file.read_bytes(), "noise.safetensors").json()["id"]
    (path,) = set(demo_folder.rglob("*.safetensors")) - before

    def open_late(style: Path) -> Any:
        path.unlink(missing_ok=True)
        return load_style(style)

    if gone == "before it is chosen":
        path.unlink()
    monkeypatch.setattr("vidstyle.demo.webcams.load_style", open_late)
    with client.websocket_connect("/vidstyle/live") as socket:
        socket.send_text(look(style=key))
        words = told_in_the_end(socket)
    assert "style" in words
    assert "safetensors" not in words
    assert str(demo_folder) not in words


def at_the_page(client: TestClient) -> TestClient:
    """The same, once it has loaded the page and is known from then on."""
    assert client.get("/").status_code == 200
    return client


def test_two_webcams_are_shown_in_turns(browser: Callable[[], TestClient]) -> None:
    # Both have a frame waiting at all times, the first one many.
    with contextlib.ExitStack() as stack:
        visitors = (at_the_page(browser()) for _ in range(2))
        greedy, modest = (stack.enter_context(one.websocket_connect("/vidstyle/live")) for one in visitors)
        turns = []
        for number in range(1, 13):
            for _ in range(5):
                greedy.send_bytes(webcam_frame(number, width=640, height=360))
            modest.send_bytes(webcam_frame(number, width=640, height=360))
            turns.append(received(modest)[0])
    assert turns == list(range(1, 13)), "the modest one had its turn each time"


def test_who_comes_after_somebody_has_gone_is_painted(browser: Callable[[], TestClient]) -> None:
    for _ in range(3):
        with browser().websocket_connect("/vidstyle/live") as socket:
            socket.send_bytes(webcam_frame(7))
            assert socket.receive_bytes()[:4] == struct.pack("<I", 7)


def test_an_answer_to_somebody_whose_server_has_ended_stops_no_thread() -> None:
    loop = asyncio.new_event_loop()
    session = WebcamSession(LiveState((), "starry_night"), loop, None)
    loop.close()
    session.answer((1, b"a picture"))
    assert session.answers.empty()


def test_too_many_webcams_are_told_so(browser: Callable[[], TestClient]) -> None:
    with contextlib.ExitStack() as stack:
        visitors = [at_the_page(browser()) for _ in range(9)]
        sockets = [stack.enter_context(one.websocket_connect("/vidstyle/live")) for one in visitors]
        assert "Too many" in json.loads(sockets[-1].receive_text())["error"]
        sockets[0].send_bytes(webcam_frame(1))
        assert received(sockets[0])[0] == 1


@pytest.mark.parametrize("known", [True, False], ids=["known", "strangers"])
def test_nobody_takes_all_the_places_of_webcams(browser: Callable[[], TestClient], known: bool) -> None:
    somebody, other = at_the_page(browser()) if known else browser(), at_the_page(browser())

    def page_of(client: TestClient) -> Any:
        return client.websocket_connect("/vidstyle/live")

    with page_of(somebody) as first:
        with page_of(somebody) as second, page_of(somebody) as third, page_of(other) as another:
            assert "Two of your pages" in json.loads(third.receive_text())["error"]
            for socket in (first, second, another):
                socket.send_bytes(webcam_frame(1))
                assert received(socket)[0] == 1
        # Those have gone, which makes room.
        with page_of(somebody) as fourth:
            fourth.send_bytes(webcam_frame(2))
            assert received(fourth)[0] == 2
