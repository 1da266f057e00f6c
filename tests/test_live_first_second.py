"""The first second: the camera's own picture, what is being waited for, and what keys answer."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_sessions import Screen, Window, near, scene
from live_steps import Clock, Painter, Steps, inverted
from media_files import barcode, colorful_picture, make_video, read_barcode, read_video

from vidstyle.live import Figures, LiveSettings, Session, opening, run
from vidstyle.live.compiling import Compiler
from vidstyle.live.keyboard import LiveState
from vidstyle.live.overlay import ANSWER_SECONDS, LiveFigures, Overlay
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts
from vidstyle.live.style_painter import StylePainter
from vidstyle.media.captions import TEXT_LINES, captioned
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Frame
from vidstyle.media.window import beside_black


def test_nothing_that_takes_seconds_is_loaded_before_the_camera_is_shown() -> None:
    heavy = ("torch", "numba", "openvino", "kornia", "pythonosc", "PIL", "vidstyle.media.sinks")
    program = f"import sys, vidstyle.live; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_camera_shows_at_once_and_the_painting_when_it_is_there() -> None:
    clock = Clock()
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    source = Steps([picture] * 30, clock)
    window, there = Window(), threading.Event()
    painter = Painter(inverted)

    def open_painter(_: str) -> Any:
        assert there.wait(20)
        return painter

    waits_for = ["compiling", ""]
    painters: Painters[Any] = Painters(open_painter, waits_for=lambda: waits_for[-1])

    def step(number: int) -> None:
        if number == 5:
            waits_for.pop()
        if number == 10:
            there.set()
            painters.wait("a")
            painter.notice = "compiling"
        if number == 20:
            painter.notice = ""
        source.step()

    window.step = step
    Session(source, painters, LiveState(["a"], "a"), window=window, clock=clock).run(threading.Event())
    assert len(window.shown) == 30
    for pixels, _ in window.shown[:9]:
        assert np.array_equal(pixels, picture)
    assert [lines for _, lines in window.shown[:9]] == [["loading a"]] * 5 + [["compiling"]] * 4
    assert window.shown[15][1] == ["compiling"]
    assert window.shown[25][1] == []
    assert np.array_equal(window.shown[25][0], 255 - picture)


@pytest.mark.slow
def test_with_a_window_a_file_waits_for_what_paints_and_a_recording_has_all_of_it(
    style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window()
    monkeypatch.setattr(opening, "WindowSink", lambda *_: window)
    monkeypatch.setattr("vidstyle.live.live_settings.check_window", lambda: None)
    clip = make_video(tmp_path / "bars.mp4", pictures=[barcode(n) for n in range(25)], times=range(25))
    painting, slow = opening._Painting._open, threading.Event()

    def slowly(self: Any, name: str) -> Any:
        made = painting(self, name)
        # The last of 25 frames a second comes 24 after the first: 0.96 s.
        slow.wait(1.1)
        return made

    monkeypatch.setattr(opening._Painting, "_open", slowly)
    prepare = Compiler.prepare
    shown_before: list[int] = []

    def noted(self: Compiler, *, planar: bool) -> None:
        shown_before.append(len(window.shown))
        prepare(self, planar=planar)

    monkeypatch.setattr(Compiler, "prepare", noted)
    settings = LiveSettings(
        style=style_file, camera=str(clip), to=["window", str(tmp_path / "out.mp4")], strength=0.0, device="cpu"
    )
    begin = time.monotonic()
    figures = run(settings)
    assert time.monotonic() - begin > 2
    assert window.closed
    assert shown_before[0] > 0, "what paints is loaded before anything is seen"
    first = [read_barcode(pixels) for pixels, _ in window.shown]
    assert first[:8] == [0] * 8
    assert first[-1] == 24
    recorded = [read_barcode(pixels) for _, pixels in read_video(tmp_path / "out.mp4")]
    assert recorded[-25:] == list(range(25))
    assert set(recorded[:-25]) <= {0}
    assert figures.sinks[0]["name"] == "window"


@pytest.mark.slow
@pytest.mark.parametrize("watched", [False, True])
def test_a_recording_begins_with_a_painting(
    watched: bool, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window()
    monkeypatch.setattr(opening, "WindowSink", lambda *_: window)
    monkeypatch.setattr("vidstyle.live.live_settings.check_window", lambda: None)
    painted = StylePainter._painted

    def slowly(self: StylePainter, pixels: np.ndarray) -> np.ndarray:
        time.sleep(0.6)
        return np.asarray(painted(self, pixels))

    monkeypatch.setattr(StylePainter, "_painted", slowly)
    clip = make_video(tmp_path / "still.mp4", pictures=[colorful_picture(0, 192, 128)] * 25, times=range(25))
    source = read_video(clip)[0][1]
    to = [*(["window"] if watched else []), str(tmp_path / "out.mp4")]
    run(LiveSettings(style=style_file, camera=str(clip), to=to, device="cpu"))
    recorded = [pixels.astype(int) for _, pixels in read_video(tmp_path / "out.mp4")]
    assert len(recorded) >= 25
    away = np.abs(recorded[-1] - source).mean()
    assert away > 10, "this style changes nothing"
    # With a window it may still be coming in softly.
    assert np.abs(recorded[0] - recorded[-1]).mean() < (0.3 if watched else 0.1) * away
    if watched:
        assert np.abs(window.shown[0][0].astype(int) - source).mean() < 0.2 * away


class Camera:
    """Shows pictures one after the other, and waits for nobody."""

    name, notice, rate = "camera", "", 50.0
    color = sound = None

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self._pictures = pictures
        self.height, self.width = pictures[0].shape[:2]

    def frames(self) -> Iterator[Frame]:
        for number, picture in enumerate(self._pictures):
            yield Frame(picture, round(time.monotonic() / MICROSECOND), MICROSECOND, discontinuity=number == 0)
            time.sleep(1 / self.rate)

    def close(self) -> None:
        """Nothing to let go of."""


class SlowPainter(Painter):
    """Inverts pictures, one at a time, a fifth of a second each."""

    def start(self, pixels: np.ndarray) -> "Future[np.ndarray]":
        self._in_flight = Future()
        threading.Timer(0.2, self._in_flight.set_result, (255 - pixels,)).start()
        return self._in_flight

    def is_free(self) -> bool:
        return self._in_flight is None or self._in_flight.done()


def watched_from_the_start(pictures: list[np.ndarray]) -> tuple[list[np.ndarray], Figures]:
    """What others than a window see of a camera, and the figures."""
    screen = Screen()
    painters: Painters[Any] = Painters(lambda _: SlowPainter(), {"a": SlowPainter()})
    state, parts = LiveState(["a"], "a"), SessionParts([screen])
    session = Session(Camera(pictures), painters, state, parts, painted=threading.Event())
    figures = session.run(threading.Event())
    return [frame.pixels for frame in screen.frames], figures


def test_what_others_see_begins_painted_though_the_camera_begins_dark() -> None:
    dark, light = np.zeros(scene().shape, np.uint8), scene()
    shown, figures = watched_from_the_start([dark] * 3 + [light] * 60)
    assert near(shown[0], 255 - light) < 3
    assert len(shown) == figures.shown == figures.captured
    assert 10 < len(shown) < 60
    assert figures.dropped == 0


def test_a_source_that_ends_before_its_first_painting_is_shown_all_the_same() -> None:
    shown, figures = watched_from_the_start([scene()])
    assert len(shown) == 1
    assert near(shown[0], 255 - scene()) < 3
    assert (figures.captured, figures.shown, figures.dropped) == (1, 1, 0)


@pytest.mark.slow
def test_what_cannot_paint_ends_a_session_that_somebody_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "WindowSink", Window)
    monkeypatch.setattr("vidstyle.live.live_settings.check_window", lambda: None)
    clip = make_video(tmp_path / "clip.mp4")
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no style")
    with pytest.raises(opening.InputError, match="not a safetensors file"):
        run(LiveSettings(style=bad, camera=str(clip), to=["window", str(tmp_path / "out.mp4")], device="cpu"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.safetensors", "clip.mp4"]


# --- what the window says


def overlay(state: LiveState, clock: Clock, signs: tuple[str, ...] = ()) -> Overlay:
    return Overlay(state, lambda: signs, lambda: LiveFigures(29.97, 41, 2, "a", (640, 360), "openvino"), clock)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("right", "style b"),
        ("down", "strength 0.9"),
        ("]", "stroke size 1.414"),
        ("c", "the camera's colours"),
        ("s", "split view"),
        ("m", "mirrored"),
        ("f", "full screen"),
    ],
)
def test_every_key_is_answered_for_a_second(key: str, answer: str) -> None:
    clock, state = Clock(), LiveState(["a", "b"], "a")
    over = overlay(state, clock)
    assert over.lines() == []
    clock.advance(5.0)
    state.press(key)
    assert over.lines() == [answer]
    clock.advance(5.0 + ANSWER_SECONDS - 0.05)
    assert over.lines() == [answer]
    clock.advance(5.0 + ANSWER_SECONDS + 0.05)
    assert over.lines() == []


def test_what_lasts_stays_on_the_screen() -> None:
    clock, state = Clock(), LiveState(["a", "b"], "a")
    over = overlay(state, clock, signs=("the camera is gone", ""))
    state.press("space")
    state.press("r")
    assert over.lines() == ["the camera is gone", "recording", "frozen"]
    state.press("i")
    assert "painted\t640x360, openvino" in over.lines()
    state.press("h")
    # The help takes the place of the figures: both would not fit.
    assert over.lines()[-1] == "q\tquit"
    assert len(over.lines()) <= TEXT_LINES


@pytest.mark.parametrize("size", [(640, 360), (640, 480), (320, 240), (1280, 720)])
def test_figures_and_notices_fit_into_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    state = LiveState(["a", "b"], "a", figures=True)
    notice = "rtsp://user@camera.example.org:8554/a/very/long/path/to/some/stream is gone; waiting for it"
    lines = overlay(state, Clock(), signs=(notice,)).lines()
    pink = np.full((height, width, 3), (255, 0, 255), np.uint8)
    changed = (captioned(pink, lines) != pink).any(axis=-1)
    letters = captioned(pink, lines)[..., 1] > 90
    # Nothing runs out at the right, and all of the notice is there: it takes more than one line.
    assert not letters[:, width - 3 :].any()
    row = max(10, height // 18)
    assert int(np.flatnonzero(changed.any(axis=1)).max()) // row + 1 >= len(lines) + 1
    assert letters[:row].any()


def test_words_wider_than_the_picture_are_parted() -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    assert captioned(pixels, ["x" * 300, "", " y"]).shape == pixels.shape


@pytest.mark.parametrize(("shape", "size"), [(16 / 9, (640, 360)), (4 / 3, (640, 480)), (21 / 9, (840, 360))])
def test_beside_the_picture_a_window_is_black(shape: float, size: tuple[int, int]) -> None:
    picture = np.full((360, 640, 3), 200, np.uint8)
    shown = beside_black(picture, shape)
    assert (shown.shape[1], shown.shape[0]) == size
    assert (shown == 200).sum() == picture.size
    assert set(shown.flat) <= {0, 200}
