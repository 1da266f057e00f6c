"""Live sessions: what is shown when, measured on the pixels that arrive, and how a session ends."""

import itertools
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import contents
from live_sessions import LARGE, Screen, Ticker, near, panned, scene, unpainted, watch
from live_steps import FPS, Clock, Painter, Steps, Viewer, inverted, numbered, white
from media_files import barcode, read_barcode, read_times, read_video
from waiting import at_leisure

from vidstyle.errors import InputError, VidstyleError
from vidstyle.live.keyboard import LiveState
from vidstyle.live.viewing import ViewerStream
from vidstyle.media.frame import Color, Frame
from vidstyle.media.images import read_image
from vidstyle.media.live_sinks import Recording

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


# --- pace


def test_every_captured_frame_is_shown_whatever_painting_takes() -> None:
    clock = Clock()
    pictures = panned(45)
    source = Steps(pictures, clock)
    viewer = Viewer(source)
    painter = Painter(inverted, clock, seconds=0.4)
    figures = watch(source, painter, viewer, clock=clock)
    assert (figures.captured, figures.shown, figures.dropped) == (45, 45, 0)
    assert np.diff(viewer.times) == pytest.approx(np.full(44, 1 / FPS), abs=1e-5)
    # One after the other, and never two at a time.
    assert 2 <= len(painter.taken) == figures.paintings <= 45 / FPS / 0.4 + 1
    # Nothing but the camera's own picture before anything is painted; what is painted then comes in softly.
    first = next(n for n, picture in enumerate(viewer.pictures) if not np.array_equal(picture, pictures[n]))
    assert first == pytest.approx(0.4 * FPS, abs=1)
    for n in range(first + 2, 45):
        assert near(viewer.pictures[n], 255 - pictures[n]) < 0.2 * near(pictures[n], 255 - pictures[n])


def test_paint_is_carried_to_where_things_have_gone_while_it_was_made() -> None:
    clock = Clock()
    pictures = panned(30)
    source = Steps(pictures, clock)
    viewer = Viewer(source)
    watch(source, Painter(inverted, clock, seconds=0.25), viewer, clock=clock)
    middle = (slice(16, -16), slice(16, 96))
    for n in range(10, 30):
        here = near(viewer.pictures[n][middle], 255 - pictures[n][middle])
        late = near(255 - pictures[n - 7][middle], 255 - pictures[n][middle])
        assert here < 0.5 * late


def test_a_frame_is_finished_while_the_next_one_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, second = itertools.count(), threading.Event()
    in_time = []

    def begin(_: ViewerStream[Any], frame: Frame, __: LiveState) -> Callable[[], np.ndarray]:
        number = next(numbers)
        if number == 1:
            second.set()

        def finish() -> np.ndarray:
            if number == 0:
                in_time.append(second.wait(20))
            return frame.pixels

        return finish

    monkeypatch.setattr(ViewerStream, "begin", begin)
    screen = Screen()
    figures = watch(Ticker(12), Painter(), screen, state=unpainted())
    assert in_time == [True]
    assert screen.numbers == sorted(screen.numbers)
    assert figures.shown == len(screen.numbers) == 12 - figures.dropped


def test_the_newest_frame_wins_and_the_delay_does_not_grow() -> None:
    pause = 0.08
    screen = Screen(lambda _: time.sleep(pause))
    figures = watch(Ticker(60), Painter(), screen, state=unpainted())
    numbers = screen.numbers
    assert len(numbers) < 30
    # In order, none twice, and what is missing is what was counted.
    assert all(one < next_one for one, next_one in itertools.pairwise(numbers))
    assert figures.dropped == 60 - len(numbers) == figures.captured - figures.shown
    # One waits in front of the sink.
    delays = [at - frame.time for at, frame in zip(screen.arrived, screen.frames, strict=True)]
    assert np.median(delays[-8:]) < np.median(delays[4:12]) + at_leisure(0.04)
    assert figures.delay_ms["p50"] == pytest.approx(1000 * np.median(delays), abs=at_leisure(15))


def test_a_slow_sink_holds_no_other_up() -> None:
    clock = Clock()
    source = Steps(numbered(30), clock)
    let_go = threading.Event()
    slow, fast = Screen(lambda _: let_go.wait(20) and None), Viewer(source, lambda n: let_go.set() if n == 29 else None)
    figures = watch(source, Painter(), fast, slow, state=unpainted(), clock=clock)
    assert [read_barcode(picture) for picture in fast.pictures] == list(range(30))
    assert [sink["dropped"] for sink in figures.sinks] == [0, 30 - len(slow.numbers)]
    assert len(slow.numbers) < 5


# --- what is painted


def test_frames_that_repeat_cost_no_painting() -> None:
    clock = Clock()
    source = Steps([scene()[:, : LARGE[0]].copy()] * 30, clock)
    viewer = Viewer(source)
    painter = Painter(inverted, clock, seconds=0.05)
    watch(source, painter, viewer, clock=clock)
    assert len(painter.taken) == 1
    assert len(viewer.frames) == 30
    assert all(np.array_equal(picture, viewer.pictures[10]) for picture in viewer.pictures[10:])


@pytest.mark.parametrize("break_", ["gap", "cut"])
def test_nothing_of_before_shows_after_a_break(break_: str) -> None:
    clock = Clock()
    before, after = (scene(seed)[:, : LARGE[0]].copy() for seed in (1, 2))
    source = Steps([before] * 10 + [before if break_ == "gap" else after] * 10, clock, {10: 3.0 * (break_ == "gap")})
    viewer = Viewer(source)
    painter = Painter(inverted)
    watch(source, painter, viewer, clock=clock)
    assert len(painter.taken) == 2
    assert near(viewer.pictures[10], 255 - source.pictures[10]) < 6


def test_cuts_that_come_faster_than_paintings_wear_the_colours_of_the_last_painting() -> None:
    clock = Clock()
    pictures = [scene(n // 3)[:, : LARGE[0]].copy() for n in range(30)]
    source = Steps(pictures, clock)
    viewer = Viewer(source)
    painter = Painter(lambda pixels: np.full_like(pixels, (200, 40, 90)), clock, seconds=0.15)
    watch(source, painter, viewer, clock=clock)
    for n in range(6, 30):
        assert near(viewer.pictures[n], np.full_like(pictures[n], (200, 40, 90))) < 12


def test_a_camera_that_comes_back_at_another_size_goes_on() -> None:
    clock = Clock()
    pictures = panned(10) + [np.ascontiguousarray(picture[:96, :128]) for picture in panned(10)]
    source = Steps(pictures, clock)
    viewer = Viewer(source)
    watch(source, Painter(inverted), viewer, clock=clock)
    assert [picture.shape for picture in viewer.pictures] == [picture.shape for picture in pictures]
    for n in (9, 10, 19):
        assert near(viewer.pictures[n], 255 - pictures[n]) < 10


def test_planes_are_painted_and_shown_as_planes() -> None:
    clock = Clock()
    pictures = [np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)) for picture in panned(10)]
    source = Steps(pictures, clock)
    source.color = Color(6)
    viewer, screen = Viewer(source), Screen()
    screen.planes = False
    painter = Painter(inverted)
    watch(source, painter, viewer, screen, state=LiveState(["a"], "a", split=True, mirror=True), clock=clock)
    assert {taken.shape for taken in painter.taken} == {pictures[0].shape}
    shown = cv2.cvtColor(viewer.pictures[9], cv2.COLOR_YUV2RGB_I420)
    mirrored = panned(10)[9][:, ::-1]
    assert near(shown[:, :90], mirrored[:, :90]) < 6
    assert near(shown[:, 102:], mirrored[:, 102:]) > 20
    assert shown[:, 95:97].min() > 250
    # A window gets RGB.
    assert near(screen.frames[-1].pixels, shown) < 6


def test_strokes_change_their_size_at_once() -> None:
    clock = Clock()
    source = Steps([scene(size=(960, 540))[:, :960].copy()] * 20, clock)
    state = LiveState(["a"], "a")
    viewer = Viewer(source, lambda n: state.press("]") or state.press("]") if n == 10 else None)
    painter = Painter(inverted)
    figures = watch(source, painter, viewer, state=state, clock=clock)
    assert [taken.shape[:2] for taken in painter.taken] == [(360, 640), (180, 320)]
    assert (figures.painted_width, figures.painted_height) == (320, 180)
    assert {picture.shape for picture in viewer.pictures} == {(540, 960, 3)}
    for picture in viewer.pictures:
        assert near(picture, 255 - source.pictures[0]) < 12


# --- keys


def test_what_is_wished_shows_in_the_next_frame() -> None:
    clock = Clock()
    picture = scene()[:, : LARGE[0]].copy()
    source = Steps([picture] * 40, clock)
    state = LiveState(["a"], "a")
    presses: dict[int, Callable[[], None]] = {
        5: lambda: setattr(state, "strength", 0.5),
        10: lambda: setattr(state, "strength", 0.0),
        15: lambda: setattr(state, "strength", 1.0),
        20: lambda: state.press("m"),
        25: lambda: state.press("s"),
    }
    viewer = Viewer(source, lambda n: presses.get(n, lambda: None)())
    # Painted slowly, so that none of it is painted anew.
    painter = Painter(white)
    watch(source, painter, viewer, state=state, clock=clock)
    shown = viewer.pictures
    assert near(shown[4], white(picture)) < 1
    assert near(shown[6], (picture.astype(int) + 255) // 2) < 1
    assert np.array_equal(shown[11], picture)
    assert near(shown[16], white(picture)) < 1
    assert near(shown[26][:, :90], picture[:, ::-1][:, :90]) == 0
    assert near(shown[26][:, 102:], white(picture)[:, 102:]) < 1


def test_frozen_means_the_same_picture_and_time_goes_on() -> None:
    clock = Clock()
    state = unpainted()
    source = Steps(numbered(25), clock)
    viewer = Viewer(source, lambda n: state.press("space") if n in (5, 15) else None)
    watch(source, Painter(), viewer, state=state, clock=clock)
    numbers = [read_barcode(picture) for picture in viewer.pictures]
    assert len(set(numbers[6:16])) == 1
    assert numbers[-5:] == list(range(20, 25))
    assert np.diff(viewer.times) == pytest.approx(np.full(24, 1 / FPS), abs=1e-5)


def test_a_mirror_is_one() -> None:
    clock = Clock()
    source = Steps(numbered(3), clock)
    viewer = Viewer(source)
    watch(source, Painter(), viewer, state=unpainted(mirror=True), clock=clock)
    assert (viewer.pictures[1] == barcode(1)[:, ::-1]).all()


def test_recording_and_pictures_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = unpainted()
    keys = {5: "r", 12: "p", 25: "r"}
    screen = Screen(lambda number: state.press(keys.get(number, "")))
    figures = watch(Ticker(40), Painter(), screen, state=state)
    recording, picture = (Path(name) for name in figures.files)
    recorded = [read_barcode(pixels) for _, pixels in read_video(recording)]
    shown = screen.numbers
    assert recorded == sorted(set(recorded))
    assert shown[5] <= recorded[0] <= shown[5] + 6
    assert shown[24] <= recorded[-1] <= shown[25] + 6
    assert shown[11] <= read_barcode(read_image(picture)) <= shown[12] + 6
    assert sorted(contents(tmp_path)) == sorted(figures.files)
    assert figures.not_saved == []


@pytest.mark.parametrize(
    ("fails", "says"),
    [("__init__", "vidstyle-1.mp4: cannot write there"), ("write", "vidstyle-N-N.mp4: not saved (No space left)")],
)
def test_a_recording_that_fails_ends_nothing_else(
    fails: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left") if fails == "write" else InputError("vidstyle-1.mp4: cannot write there")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Recording, fails, full)
    state = unpainted()
    screen = Screen(lambda number: state.press("r" if number == 5 else ""))
    figures = watch(Ticker(40), Painter(), screen, state=state)
    assert figures.shown > 30
    assert [re.sub(r"\d{2,}", "N", line) for line in figures.not_saved] == [says]
    assert figures.files == []
    assert not state.recording


def test_a_picture_that_is_being_saved_when_the_session_ends_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    state = unpainted()
    source = Steps(panned(1000), clock)

    def step(number: int) -> None:
        for key in "pq" * (number == 5):
            state.press(key)

    figures = watch(source, Painter(), Viewer(source, step), state=state, clock=clock)
    (name,) = figures.files
    assert any(np.array_equal(read_image(Path(name)), picture) for picture in source.pictures)
    assert list(contents(tmp_path)) == [name]


def test_a_picture_that_cannot_be_saved_is_reported_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("PIL.Image.Image.save", full)
    clock = Clock()
    state = unpainted()
    source = Steps(panned(20), clock)
    figures = watch(
        source, Painter(), Viewer(source, lambda n: state.press("p" if n == 5 else "")), state=state, clock=clock
    )
    assert figures.shown == 20
    assert figures.files == []
    assert [re.sub(r"\d+", "N", line) for line in figures.not_saved] == [
        "vidstyle-N-N.png: not saved (No space left on device)"
    ]
    assert contents(tmp_path) == {}


# --- what goes wrong


def test_the_last_picture_stays_with_a_notice_while_the_camera_is_gone() -> None:
    screen = Screen(repeats=0.2)
    figures = watch(Ticker(20, lost_after=4), Painter(), screen, seconds=3, state=unpainted())
    assert figures.shown == 5
    assert screen.numbers[:5] == [0, 1, 2, 3, 4]
    assert len(screen.frames) >= 7
    assert set(screen.numbers[5:]) == {4}
    assert (screen.frames[-1].pixels != screen.frames[4].pixels).any()


@pytest.mark.parametrize("stage", ["painter", "sink"])
def test_a_failure_ends_the_session_and_finishes_the_recording(stage: str, tmp_path: Path) -> None:
    def fail(*_arguments: object) -> Any:
        if source.at >= 10:
            raise VidstyleError("it broke")
        return _arguments[0]

    clock = Clock()
    source = Steps(panned(1000), clock)
    viewer = Viewer(source, fail if stage == "sink" else lambda _: None)
    painter = Painter(fail if stage == "painter" else np.copy, clock, seconds=0.05)
    recording = Recording(tmp_path / "out.mp4", *LARGE, FPS)
    with pytest.raises(VidstyleError, match="it broke"):
        watch(source, painter, viewer, recording, clock=clock)
    assert painter.closed
    assert len(read_times(tmp_path / "out.mp4")) > 4
    assert list(contents(tmp_path)) == ["out.mp4"]


def test_a_viewer_that_leaves_ends_the_session() -> None:
    def leave(number: int) -> None:
        if number == 5:
            raise BrokenPipeError

    figures = watch(Ticker(1000), Painter(), Screen(leave))
    assert figures.shown >= 5
    assert figures.captured < 200
