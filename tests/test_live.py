"""Live sessions: what is shown when, measured on the pixels that arrive, and how a session ends."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import Result, contents, wait_until
from live_steps import Clock, Painter, Steps, Viewer, black, inverted, numbered, white
from media_files import HEIGHT, WIDTH, barcode, make_video, read_barcode, read_times, read_video

from vidstyle.errors import InputError, VidstyleError
from vidstyle.live import Figures, LiveSettings, Session, run
from vidstyle.live.company import Company
from vidstyle.live.keys import LiveState
from vidstyle.live.painters import Painters
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Color, Frame
from vidstyle.media.images import read_image
from vidstyle.media.live_sinks import Recording
from vidstyle.media.stream_connections import StreamTarget, has_srt
from vidstyle.media.streaming import StreamSink
from vidstyle.stream.stream import BLEND_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

FPS = 30
MILLISECOND = 1000 * MICROSECOND
LARGE = (192, 128)
"""Width and height of pictures that motion is looked for in."""
Cli = Callable[..., Result]


class Ticker:
    """A camera that writes the number of every frame into it as a bar code, and waits for nobody."""

    name, notice, rate = "ticker", "", float(FPS)
    color: Color | None = None
    sound = None

    def __init__(self, count: int, *, lost_after: int | None = None) -> None:
        self._count, self._lost_after = count, lost_after
        self.width, self.height = WIDTH, HEIGHT
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        start = time.monotonic()
        for number in range(self._count):
            due = start + number / FPS
            if self._closed.wait(max(0.0, due - time.monotonic())):
                return
            yield Frame(barcode(number, self.width, self.height), round(due / MICROSECOND), MICROSECOND)
            if number == self._lost_after:
                self.notice = "ticker is gone"
                self._closed.wait(10)

    def close(self) -> None:
        self._closed.set()


class Screen:
    """A sink that keeps what it is given, and when."""

    name, waiting, planes, notice = "screen", 1, True, ""

    def __init__(self, step: Callable[[int], None] = lambda _: None, *, repeats: float | None = None) -> None:
        self.repeats, self._step = repeats, step
        self.frames: list[Frame] = []
        self.arrived: list[float] = []
        self.closed = False

    def write(self, frame: Frame) -> None:
        self._step(len(self.frames))
        self.frames.append(frame)
        self.arrived.append(time.monotonic())

    def close(self) -> None:
        self.closed = True

    @property
    def numbers(self) -> list[int]:
        return [read_barcode(frame.pixels) for frame in self.frames]


def watch(
    source: Any, painters: "Painter | dict[str, Painter]", *sinks: Any, state: LiveState | None = None, **options: Any
) -> Figures:
    """A session with one style, or with several of which the first one is shown first."""
    known = painters if isinstance(painters, dict) else {"a": painters}
    first = next(iter(known))
    state = state or LiveState(list(known), first)
    opened: Painters[Any] = Painters(known.__getitem__, {first: known[first]})
    return Session(source, opened, state, Company(sinks), **options).run(threading.Event())


def unpainted(**settings: Any) -> LiveState:
    """Shows the source, of which bar codes can be read."""
    return LiveState(["a"], "a", strength=0.0, **settings)


def scene(seed: int = 0, size: tuple[int, int] = LARGE) -> np.ndarray:
    """RGB of soft blobs, (H, W, 3), wide enough to look along."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 36, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (3 * size[0], size[1]), interpolation=cv2.INTER_CUBIC))


def panned(count: int, pixels: int = 2) -> list[np.ndarray]:
    """Looking along a scene, some pixels a frame."""
    whole = scene()
    return [np.ascontiguousarray(whole[:, pixels * n : pixels * n + LARGE[0]]) for n in range(count)]


def near(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures, grey levels."""
    return float(np.abs(one.astype(int) - other).mean())


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
    assert np.median(delays[-8:]) < np.median(delays[4:12]) + 0.04
    assert figures.delay_ms["p50"] == pytest.approx(1000 * np.median(delays), abs=15)


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


# --- styles


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
    Session(source, opened, state, Company([viewer]), clock=clock).run(threading.Event())
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
    Session(source, opened, state, Company([viewer]), clock=clock).run(threading.Event())
    assert {int(picture.max()) for picture in viewer.pictures} == {0}
    assert len(painters["white"].taken) == 1


def test_who_changes_in_the_middle_of_a_change_goes_on_from_what_shows() -> None:
    clock = Clock()
    painters = {"black": Painter(black), "white": Painter(white), "grey": Painter(lambda p: np.full_like(p, 250))}
    state = LiveState(list(painters), "black")
    source = Steps(panned(50), clock)
    viewer = Viewer(source, lambda n: state.press("right" if n in (15, 21) else ""))
    opened: Painters[Any] = Painters(painters.__getitem__, painters)
    Session(source, opened, state, Company([viewer]), clock=clock).run(threading.Event())
    levels = [float(picture.mean()) for picture in viewer.pictures]
    assert np.diff(levels).min() > -6
    assert levels[-1] == 250


def test_styles_out_of_reach_are_let_go() -> None:
    painters = {name: Painter() for name in "abcdef"}
    opened: Painters[Any] = Painters(painters.__getitem__, {"a": painters["a"]})
    deadline = time.monotonic() + 5
    opened.keep("fab")
    while opened.ready("f") is None and time.monotonic() < deadline:
        time.sleep(0.01)
    opened.keep("abc")
    while not painters["f"].closed and time.monotonic() < deadline:
        time.sleep(0.01)
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
    Session(source, opened, state, Company([viewer]), clock=clock).run(threading.Event())
    assert {picture.max() for picture in viewer.pictures} == {0}
    assert opened.problem("bad") == "bad is broken"


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
    figures = watch(Ticker(20, lost_after=4), Painter(), screen, seconds=1.5, state=unpainted())
    assert figures.shown == 5
    assert screen.numbers[:5] == [0, 1, 2, 3, 4]
    assert len(screen.frames) >= 7
    assert set(screen.numbers[5:]) == {4}
    assert (screen.frames[-1].pixels != screen.frames[4].pixels).any()


@pytest.mark.parametrize("stage", ["painter", "sink"])
@pytest.mark.timeout(30)
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


# --- the command


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """A second of bar codes that does not tick evenly: 25 frames, every fifth one 60 ms after the last."""
    times = [40 * n + 20 * (n // 5) for n in range(25)]
    pictures = [barcode(n) for n in range(25)]
    return make_video(tmp_path / "bars.mp4", pictures=pictures, times=times, time_base=MILLISECOND)


def source_of(bars: Path, style: Path) -> list[object]:
    return ["live", "--style", style, "--camera", bars, "--strength", "0", "--device", "cpu"]


def test_a_recording_has_the_timing_of_its_source(run_cli: Cli, bars: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    begin = time.monotonic()
    result = run_cli(*source_of(bars, style_file), "--to", output, "--json")
    figures = json.loads(result.out)
    assert result.code == 0
    assert time.monotonic() - begin > 1
    assert (figures["captured"], figures["shown"], figures["dropped"]) == (25, 25, 0)
    assert (figures["width"], figures["height"], figures["style"]) == (64, 48, str(style_file))
    assert [read_barcode(pixels) for _, pixels in read_video(output)] == list(range(25))
    pairs = zip(read_times(bars), read_times(output), strict=True)
    assert max(abs(there - here) for there, here in pairs) < 0.001
    assert set(figures["stages_ms"]) == {"wait", "draw", "sink"}
    assert 0 < figures["delay_ms"]["p50"] <= figures["delay_ms"]["p95"] <= figures["delay_ms"]["p99"]


def test_painting_live_paints(run_cli: Cli, bars: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    result = run_cli("live", "--style", style_file, "--camera", bars, "--to", output, "--seconds", "0.5")
    assert result.code == 0
    assert re.fullmatch(
        r"vidstyle: bars.mp4: \d+ frames captured, \d+ shown, \d+ dropped, .* on cpu \((torch_cpu|openvino)\)\n",
        result.err,
    )
    painted = read_video(output)
    assert 3 < len(painted) < 20
    assert np.abs(painted[-1][1].astype(int) - barcode(len(painted) - 1)).mean() > 10


def test_a_pipe_gets_raw_frames_and_a_loop_goes_on(bars: Path, style_file: Path) -> None:
    command = [sys.executable, "-m", "vidstyle", *map(str, source_of(bars, style_file)), "--loop"]
    command += ["--to", "pipe:", "--seconds", "1.6", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    figures = json.loads(done.stderr)
    numbers = [read_barcode(frame) for frame in frames]
    assert figures["shown"] == len(frames) > 25
    assert numbers == sorted(numbers[: numbers.index(24) + 1]) + sorted(numbers[numbers.index(24) + 1 :])
    assert numbers[numbers.index(24) + 1] <= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_the_recording_within_a_second(
    number: int, start_cli: Callable[..., Any], bars: Path, style_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    process = start_cli(*source_of(bars, style_file), "--loop", "--to", output, "--json")
    wait_until(process, lambda: [*tmp_path.glob("*.recording*")])
    time.sleep(1)
    process.send_signal(number)
    begin = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - begin < 1.2  # a second, and some for a busy machine
    assert (process.returncode, err) == (0, "")
    assert len(read_times(output)) == json.loads(out)["shown"] > 5
    assert set(contents(tmp_path)) == {"bars.mp4", "out.mp4"}


def test_ctrl_c_before_anything_is_shown(start_cli: Callable[..., Any], style_file: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        process = start_cli("live", "--style", style_file, "--camera", url, "--to", tmp_path / "out.mp4")
        silent.settimeout(60)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        out, err = process.communicate(timeout=20)
        connection.close()
    assert time.monotonic() - begin < 1.2
    assert (process.returncode, out, err) == (130, "", "vidstyle: interrupted\n")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("query", ["", "?ttl=2"])
def test_a_stream_arrives_at_its_viewer(tmp_path: Path, query: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        sink = StreamSink(StreamTarget(f"udp://127.0.0.1:{receiver.getsockname()[1]}{query}", WIDTH, HEIGHT, FPS))
        for frame in Ticker(20).frames():
            sink.write(frame)
        sink.close()
        packets = []
        try:
            while True:
                packets.append(receiver.recv(65536))
        except TimeoutError:
            (tmp_path / "got.ts").write_bytes(b"".join(packets))
    # Seven whole packets of MPEG-TS each, filled up rather than held back; FFmpeg, which knows queries, fills up none.
    assert {len(packet) for packet in packets[: -1 if query else None]} == {1316}
    received = read_video(tmp_path / "got.ts")
    assert [read_barcode(pixels) for _, pixels in received] == list(range(20))
    assert np.diff([float(at) for at, _ in received]) == pytest.approx(np.full(19, 1 / FPS), abs=0.001)


@pytest.mark.skipif(has_srt(), reason="this PyAV has SRT")
def test_srt_is_offered_only_where_ffmpeg_has_it(run_cli: Cli, bars: Path) -> None:
    result = run_cli("live", "--camera", bars, "--to", "srt://127.0.0.1:1")
    assert result.code == 2
    assert "built without SRT; stream by udp://" in result.err
    assert "srt" not in run_cli("live", "--camera", bars, "--to", "gopher://x/y").err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--camera", "7"], "--camera 7: no such camera; there is none here"),
        (["--camera", "gone.mp4"], "--camera gone.mp4: no such file"),
        (["--camera", "udp://127.0.0.1:1?timeout=200000"], "cannot be opened"),
        (["--to", "window"], "--to window: no display here"),
        (["--to", "virtual"], "pip install 'vidstyle[virtual]'"),
        (["--to", "gopher://x/y"], "cannot stream there; use one of rtmp"),
        (["--to", "udp://256.0.0.1:1"], "cannot stream there"),
        (["--to", "nowhere/out.mp4"], "does not exist; make it first"),
        (["--to", "out"], "takes window, virtual, pipe:, a URL, or a video file"),
        (["--to", "out.xyz"], "no video container is called .xyz"),
        (["--to", "bars.mp4"], "exists already; --overwrite replaces it"),
        (["--to", "pipe:", "--to", "pipe:"], "names the same place twice"),
        (["--seconds", "0"], "--seconds 0: takes seconds"),
        (["--size", "65x48"], "--size 65x48: takes even sides"),
        (["--camera-size", "big"], "--camera-size big: takes WIDTHxHEIGHT"),
        (["--camera-fps", "0"], "--camera-fps 0: takes frames per second"),
        (["--strength", "2"], "--strength 2: takes 0"),
        (["--stroke-size", "0"], "--stroke-size 0: takes 0.125 (fine) to 8 (broad)"),
        (["--style", "stary_night"], "did you mean starry_night"),
        (["--camera", "screen", "--loop"], "--loop: is for video files"),
        (["--camera", "screen"], "--camera screen: no display here"),
        (["--camera", "screen", "--to", "window"], "do not go together on Linux"),
    ],
)
def test_what_cannot_be(
    options: list[str],
    message: str,
    run_cli: Cli,
    bars: Path,
    style_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    monkeypatch.setattr("vidstyle.media.cameras.list_cameras", lambda **_: [])
    given = {"--camera": str(bars), "--to": "new.mp4", "--style": str(style_file)}
    rest = [text for option, value in given.items() if option not in options for text in (option, value)]
    result = run_cli("live", "--device", "cpu", *rest, *options)
    assert result.code == 2
    assert result.out == ""
    assert re.fullmatch(r"vidstyle: error: [^\n]+\n", result.err)
    assert message in result.err
    assert set(os.listdir(tmp_path)) == {"bars.mp4"}


@pytest.mark.parametrize("to", ["gopher://x/y", "out.xyz"])
def test_what_cannot_be_leaves_nothing_running(
    to: str, bars: Path, style_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(threading.enumerate())
    # Whoever keeps the exception keeps alive all that its traceback knows.
    with pytest.raises(InputError) as _kept:
        run(LiveSettings(style=style_file, camera=str(bars), to=(to,), device="cpu"))
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), thread.name
