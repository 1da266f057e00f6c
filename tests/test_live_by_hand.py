"""Frames that are painted in any program while one watches, and worn by the live picture."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from live_sessions import Window, unpainted
from live_steps import Clock, Painter, Steps, inverted
from made_scenes import landscape, plain, view
from waiting import PATIENCE, at_leisure, wait_for

from vidstyle.errors import InputError
from vidstyle.live import Figures, LiveSettings, Session, watched_keys
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts
from vidstyle.live.watched_keys import MOST_WAITING, SOURCES, WatchedKeys
from vidstyle.media.frame import Color, Frame
from vidstyle.media.images import Picture, read_image, write_picture
from vidstyle.media.sources import MICROSECOND
from vidstyle.stream import Stream, laying, prepare
from vidstyle.stream.memory import MOST_KEYS

FPS = 25
RED = (200, 40, 40)


class Camera:
    """Looks at one scene until it is closed."""

    name, notice, rate = "camera", "", float(FPS)
    color: Color | None = None
    sound = None

    def __init__(self, picture: np.ndarray) -> None:
        self.picture = picture
        self.height, self.width = picture.shape[:2]
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        while not self._closed.wait(1 / FPS):
            yield Frame(self.picture, round(time.monotonic() / MICROSECOND), MICROSECOND)

    def close(self) -> None:
        self._closed.set()


class Screen:
    """Remembers when the picture's middle was red first."""

    name, waiting, planes, repeats, notice = "screen", 1, True, None, ""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.shown = 0
        self.red_at: float | None = None

    def write(self, frame: Frame) -> None:
        self.shown += 1
        if self.red_at is None and np.abs(frame.pixels[40:-40, 40:-40].astype(int) - RED).mean() < 12:
            self.red_at = time.monotonic()
            self._stop.set()

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def compiled() -> None:
    """As a session does before its first frame."""
    prepare(planar=False)


@pytest.mark.parametrize("planar", [False, True])
def test_what_draws_is_compiled_before_the_first_frame(monkeypatch: pytest.MonkeyPatch, planar: bool) -> None:
    drawn: list[object] = []
    monkeypatch.setattr(laying, "draw_planes", lambda *arguments: drawn.append(arguments))
    prepare(planar=planar)
    assert len(drawn) == (2 if planar else 1)


def test_the_live_picture_wears_a_painted_frame_within_a_second(tmp_path: Path) -> None:
    stop = threading.Event()
    picture = view(landscape(), 40)
    camera, screen, painter = Camera(picture), Screen(stop), Painter(inverted)
    watched = WatchedKeys(tmp_path / "keys", learn_seconds=0)
    painters: Painters[Any] = Painters({"a": painter}.__getitem__, {"a": painter})
    session = Session(
        camera, painters, LiveState(["a"], "a"), SessionParts([screen], watched=watched), seconds=PATIENCE
    )
    thread = threading.Thread(target=session.run, args=(stop,))
    thread.start()
    frame = tmp_path / "keys" / "000000.png"
    wait_for(frame.exists, frame)
    time.sleep(0.5)  # nothing is worn that has not been painted
    assert screen.red_at is None
    assert np.array_equal(read_image(tmp_path / "keys" / SOURCES / frame.name), picture)
    write_picture(frame, Picture(plain(RED)), overwrite=True)
    saved = time.monotonic()
    thread.join(PATIENCE)
    assert screen.red_at is not None
    assert screen.red_at - saved < at_leisure(1.0)


class SlowDisk:
    """Writes pictures when it is let go, and notes whether that was meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = threading.Event()
        self.in_time: list[bool] = []
        monkeypatch.setattr(watched_keys, "write_picture", self._write)

    def _write(self, path: Path, picture: Picture, *, overwrite: bool) -> None:
        self.in_time.append(self.let_go.wait(5))
        write_picture(path, picture, overwrite=overwrite)


def painted_elsewhere(
    folder: Path, window: Window, step: Callable[[int, LiveState], None], stop: threading.Event
) -> Figures:
    """A session in a window whose frames are to be painted; `step` is told of every one that is shown."""
    clock, state = Clock(), unpainted()
    source = Steps([view(landscape(), 40)] * 1000, clock)

    def shown(number: int) -> None:
        step(number, state)
        source.step()

    window.step = shown
    painters: Painters[Any] = Painters({"a": Painter()}.__getitem__, {"a": Painter()})
    watched = WatchedKeys(folder, learn_seconds=0)
    session = Session(source, painters, state, SessionParts(watched=watched), window=window, clock=clock)
    return session.run(stop)


def test_the_window_goes_on_while_a_frame_is_saved_and_says_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, window, stop = SlowDisk(monkeypatch), Window(), threading.Event()
    wanted = f"saved {tmp_path / 'keys' / '000001.png'}, to be painted"

    def step(number: int, state: LiveState) -> None:
        if number == 10:
            state.press("k")
        if number == 20:
            assert not any("to be painted" in line for _, lines in window.shown for line in lines)
            disk.let_go.set()
            wait_for((tmp_path / "keys" / "000001.png").exists)
        if wanted in window.lines:
            stop.set()

    figures = painted_elsewhere(tmp_path / "keys", window, step, stop)
    assert disk.in_time == [True] * 4, "the window stood still meanwhile"
    assert stop.is_set(), "nobody was told"
    assert sorted(path.name for path in (tmp_path / "keys").glob("*.png")) == ["000000.png", "000001.png"]
    assert figures.not_saved == []


def test_a_frame_that_is_asked_for_together_with_the_end_is_saved(tmp_path: Path) -> None:
    def step(number: int, state: LiveState) -> None:
        for key in "kq" * (number == 10):
            state.press(key)

    painted_elsewhere(tmp_path / "keys", Window(), step, threading.Event())
    for name in ("000000.png", "000001.png"):
        assert np.array_equal(read_image(tmp_path / "keys" / name), view(landscape(), 40))


def test_a_key_that_is_held_down_fills_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SlowDisk(monkeypatch)

    def step(number: int, state: LiveState) -> None:
        state.press("k" if number < 50 else "q")
        if number == 50:
            disk.let_go.set()

    painted_elsewhere(tmp_path / "keys", Window(), step, threading.Event())
    # One that is being written, and those that wait.
    assert len(list((tmp_path / "keys").glob("*.png"))) <= 1 + MOST_WAITING


def test_frames_that_cannot_be_saved_end_nothing_and_are_reported(tmp_path: Path) -> None:
    folder = tmp_path / "keys"

    def step(number: int, state: LiveState) -> None:
        if number == 10:
            wait_for((folder / "000000.png").exists)
            shutil.rmtree(folder)
            state.press("k")
        if number == 30:
            state.press("q")

    figures = painted_elsewhere(folder, Window(), step, threading.Event())
    assert figures.shown == 30
    assert [line.startswith(f"{folder}: ") for line in figures.not_saved] == [True]


def test_what_is_pinned_stays_and_moves_with_what_it_is_painted_on() -> None:
    scenery = landscape(width=400)
    painter = Painter(inverted)
    stream = Stream([(0.0, painter)], live=True)
    shown = []
    for n in range(12):
        if n == 3:
            stream.pin("000003.png", view(scenery, 40 + 2 * 2), cv2.GaussianBlur(255 - view(scenery, 44), (0, 0), 1))
        pixels = view(scenery, 40 + 2 * n)
        stream.submit(Frame(pixels, n, MICROSECOND * 40_000))
        shown.append(stream.result().pixels)
    stream.close()
    middle = (slice(40, -40), slice(40, -60))
    for n in (4, 8, 11):
        wanted = cv2.GaussianBlur(255 - view(scenery, 40 + 2 * n), (0, 0), 1)
        assert np.abs(shown[n][middle].astype(int) - wanted[middle]).mean() < 12, n


def test_a_frame_of_the_same_name_takes_the_place_of_the_last() -> None:
    pixels = view(landscape(), 40)
    stream = Stream([(0.0, Painter(inverted))], live=True)
    colors = []
    for n in range(16):
        if n in (1, 8):
            stream.pin("key", pixels, plain(RED if n == 1 else (40, 40, 200)))
        stream.submit(Frame(pixels, n, MICROSECOND * 40_000))
        colors.append(stream.result().pixels[40:-40, 40:-40].mean((0, 1)))
    stream.close()
    assert np.abs(colors[7] - RED).max() < 10
    assert np.abs(colors[15] - (40, 40, 200)).max() < 10


def test_of_three_painted_frames_the_first_is_shown_no_more() -> None:
    pixels = view(landscape(), 40)
    stream = Stream([(0.0, Painter(inverted))], live=True)
    for n in range(40):
        if n % 10 == 1:
            stream.pin(f"key{n}", pixels, plain(40 + 5 * n))
        stream.submit(Frame(pixels, n, MICROSECOND * 40_000))
        stream.result()
    levels = [round(key.painting.result().mean()) for key in stream._sequences[0].memory.keys if not key.gives_way]
    assert sorted(levels) == [40 + 5 * 21, 40 + 5 * 31]
    stream.close()


def test_two_frames_that_come_at_once_find_room() -> None:
    scenery = landscape()
    stream = Stream([(0.0, Painter(inverted))], live=True)
    for n in range(40):
        # Something comes into sight in every frame, so that there are as many paintings as there may be.
        pixels = view(scenery, 6 * n)
        pixels[20:60, 20 + 3 * n : 60 + 3 * n] = (40, 200, 90) if n % 2 else (200, 40, 90)
        if n == 30:
            stream.pin("one", pixels, plain(40))
            stream.pin("other", pixels, plain(200))
        stream.submit(Frame(pixels, n, MICROSECOND * 40_000))
        stream.result()
        assert len(stream._sequences[0].memory.keys) <= MOST_KEYS + 1
    stream.close()


def test_a_frame_that_is_painted_again_while_styles_change_takes_the_place_of_the_last() -> None:
    pixels = view(landscape(), 40)
    first, second = Painter(inverted), Painter(inverted)
    stream = Stream([(0.0, first)], live=True)
    for n in range(16):
        if n in (1, 8):
            stream.pin("key", pixels, plain(40 if n == 1 else 200))
        if n in (5, 12):
            stream.change(second if n == 5 else first)
        stream.submit(Frame(pixels, n, MICROSECOND * 40_000))
        stream.result()
        pinned = [[key for key in sequence.memory.keys if not key.gives_way] for sequence in stream._sequences]
        assert max(map(len, pinned)) <= 1, n
    assert round(float(pinned[0][0].painting.result().mean())) == 200
    stream.close()


def test_what_cannot_be_worn_is_said(tmp_path: Path) -> None:
    watched = WatchedKeys(tmp_path / "keys", learn_seconds=0)
    try:
        watched.save(view(landscape(), 40))
        write_picture(tmp_path / "keys" / "000009.png", Picture(plain(RED)), overwrite=True)
        wait_for(lambda: watched.problem)
        assert "of no frame that was saved here" in watched.problem
        assert watched.painted() == []
    finally:
        watched.close()


def test_a_file_is_no_folder_for_frames(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("x")
    with pytest.raises(InputError, match="name a folder for the frames"):
        LiveSettings(to=["out.mp4"], keys=tmp_path / "keys")
