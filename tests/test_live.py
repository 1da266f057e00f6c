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
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result, contents, wait_until
from media_files import HEIGHT, WIDTH, barcode, make_video, read_barcode, read_times, read_video

from vidstyle.engines import Engine
from vidstyle.errors import InputError, VidstyleError
from vidstyle.live import Figures, Session, Settings, run
from vidstyle.live_brush import BLEND_SECONDS, Brush, Shelf
from vidstyle.live_state import KeepUp, LiveState
from vidstyle.media.frame import Frame
from vidstyle.media.images import read_image
from vidstyle.media.live_sinks import Recording, StreamSink, _has_srt
from vidstyle.media.sources import MICROSECOND

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

FPS = 30
MILLISECOND = 1000 * MICROSECOND
Cli = Callable[..., Result]


class Ticker:
    """A camera that writes the number of every frame into it as a bar code."""

    name, notice, rate = "ticker", "", float(FPS)

    def __init__(self, count: int, *, lost_after: int | None = None, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self._count, self._lost_after = count, lost_after
        self.width, self.height = size
        self._closed = threading.Event()
        self.at = -1
        """The number of the last frame taken."""

    def frames(self) -> Iterator[Frame]:
        start = time.monotonic()
        for number in range(self._count):
            due = start + number / FPS
            if self._closed.wait(max(0.0, due - time.monotonic())):
                return
            self.at = number
            yield Frame(barcode(number, self.width, self.height), round(due / MICROSECOND), MICROSECOND)
            if number == self._lost_after:
                self.notice = "ticker is gone"
                self._closed.wait(10)

    def close(self) -> None:
        self._closed.set()


class Filter(Engine):
    """An engine that takes a while for each pixel and does something simple to it."""

    name, device, depth = "filter", "cpu", 1

    def __init__(self, change: Callable[[np.ndarray], np.ndarray] = np.copy, seconds: float = 0.0) -> None:
        self._change, self._seconds = change, seconds
        self._in_flight: deque[Frame] = deque()
        self.sizes: list[tuple[int, int]] = []
        self.closed = False

    def submit(self, frame: Frame) -> None:
        height, width = frame.pixels.shape[:2]
        self.sizes.append((width, height))
        time.sleep(self._seconds * width * height / (WIDTH * HEIGHT))
        self._in_flight.append(frame)

    def result(self) -> Frame:
        frame = self._in_flight.popleft()
        return replace(frame, pixels=self._change(frame.pixels))

    def close(self) -> None:
        self.closed = True


class Viewer:
    """A sink that keeps what it is given, and when."""

    name, waiting = "viewer", 1

    def __init__(self, step: Callable[[int], None] = lambda _: None, *, holds: bool = False) -> None:
        self.holds, self._step = holds, step
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


def watch(source: Ticker, engine: Engine, *sinks: Any, state: LiveState | None = None, **options: Any) -> Figures:
    """A session with one style."""
    shelf = Shelf(lambda _: engine, "a", engine)
    state = state or LiveState(["a"], "a")
    return Session(source, shelf, Brush(shelf, "a"), state, sinks, **options).run(threading.Event())


def black(pixels: np.ndarray) -> np.ndarray:
    return np.zeros_like(pixels)


def white(pixels: np.ndarray) -> np.ndarray:
    return np.full_like(pixels, 255)


# --- pace


def test_what_is_fast_enough_shows_every_frame_once_and_at_once() -> None:
    viewer = Viewer()
    figures = watch(Ticker(30), Filter(), viewer)
    assert viewer.numbers == list(range(30))
    assert (figures.captured, figures.shown, figures.dropped) == (30, 30, 0)
    assert figures.fps == pytest.approx(FPS, rel=0.1)
    assert figures.delay_ms["p50"] < 1000 / FPS


@pytest.mark.parametrize("slow", ["engine", "sink"])
def test_the_newest_frame_wins_and_the_delay_does_not_grow(slow: str) -> None:
    pause = 0.08
    viewer = Viewer((lambda _: time.sleep(pause)) if slow == "sink" else lambda _: None)
    engine = Filter(seconds=pause if slow == "engine" else 0.0)
    figures = watch(Ticker(60), engine, viewer, keep_up=KeepUp(WIDTH, HEIGHT, enabled=False))
    numbers = viewer.numbers
    assert 15 < len(numbers) < 30
    # In order, none twice, and what is missing is what was counted.
    assert all(one < next_one for one, next_one in itertools.pairwise(numbers))
    assert figures.dropped == 60 - len(numbers) == figures.captured - figures.shown
    # What has waited when its turn comes is one frame old at most, and one waits in front of the sink.
    delays = [at - frame.time for at, frame in zip(viewer.arrived, viewer.frames, strict=True)]
    assert np.median(delays[-8:]) < 2 * pause + 2 / FPS
    assert np.median(delays[-8:]) < np.median(delays[4:12]) + 0.04
    assert figures.delay_ms["p50"] == pytest.approx(1000 * np.median(delays), abs=15)


def test_a_slow_sink_holds_no_other_up() -> None:
    slow, fast = Viewer(lambda _: time.sleep(0.1)), Viewer()
    figures = watch(Ticker(30), Filter(), fast, slow)
    assert fast.numbers == list(range(30))
    assert [sink["dropped"] for sink in figures.sinks] == [0, 30 - len(slow.numbers)]
    assert len(slow.numbers) < 20


def test_painting_that_is_too_slow_goes_on_smaller_at_the_same_size_on_the_screen() -> None:
    source, viewer = Ticker(75, size=(160, 120)), Viewer()
    engine = Filter(seconds=2 / FPS * WIDTH * HEIGHT / (160 * 120))
    figures = watch(source, engine, viewer)
    assert engine.sizes[0] == (160, 120)
    assert figures.painted_width < 160
    assert {frame.pixels.shape for frame in viewer.frames} == {(120, 160, 3)}
    # From then on it keeps up.
    assert viewer.numbers[-15:] == list(range(60, 75))


# --- styles


def test_a_style_changes_within_two_frames_without_a_gap_and_fades() -> None:
    engines = {"black": Filter(black), "white": Filter(white), "grey": Filter()}
    shelf = Shelf(lambda name: engines[name], "black", engines["black"])
    state = LiveState(["black", "white", "grey"], "black")
    source = Ticker(40)
    pressed: list[int] = []

    def step(number: int) -> None:
        if number == 15:
            state.press("right")
            pressed.append(source.at)

    viewer = Viewer(step)
    Session(source, shelf, Brush(shelf, "black"), state, [viewer]).run(threading.Event())
    levels = [float(frame.pixels.mean()) for frame in viewer.frames]
    assert len(levels) == 40
    first = next(n for n, level in enumerate(levels) if level > 0)
    full = next(n for n, level in enumerate(levels) if level == 255)
    assert first - pressed[0] <= 2
    assert full - first == pytest.approx(BLEND_SECONDS * FPS, abs=1.5)
    assert levels == sorted(levels)
    assert np.diff(levels).max() < 255 / 3


def test_styles_out_of_reach_are_let_go() -> None:
    engines = {name: Filter() for name in "abcdef"}
    shelf = Shelf(lambda name: engines[name], "a", engines["a"])
    deadline = time.monotonic() + 5
    shelf.keep("fab")
    while shelf.ready("f") is None and time.monotonic() < deadline:
        time.sleep(0.01)
    shelf.keep("abc")
    while not engines["f"].closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [name for name in engines if engines[name].closed] == ["f"]
    shelf.close()


def test_a_style_that_cannot_be_loaded_leaves_the_last_one() -> None:
    def make(name: str) -> Engine:
        raise InputError(f"{name} is broken")

    shelf = Shelf(make, "good", Filter(black))
    state = LiveState(["good", "bad"], "bad")
    viewer = Viewer()
    Session(Ticker(10), shelf, Brush(shelf, "good"), state, [viewer]).run(threading.Event())
    assert {frame.pixels.max() for frame in viewer.frames} == {0}
    assert shelf.notice == "bad is broken"


# --- wishes


def test_frozen_means_the_same_picture_and_time_goes_on() -> None:
    state = LiveState(["a"], "a")

    def step(number: int) -> None:
        if number in (5, 15):
            state.press("space")

    viewer = Viewer(step)
    watch(Ticker(25), Filter(), viewer, state=state)
    numbers = viewer.numbers
    assert len(set(numbers[8:15])) == 1
    assert numbers[-5:] == list(range(20, 25))
    assert np.diff([frame.time for frame in viewer.frames]).max() < 3 / FPS


def test_a_mirror_is_one() -> None:
    viewer = Viewer()
    watch(Ticker(3), Filter(), viewer, state=LiveState(["a"], "a", mirror=True))
    assert (viewer.frames[1].pixels == barcode(1)[:, ::-1]).all()


def test_recording_and_pictures_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = LiveState(["a"], "a")
    keys = {5: "r", 12: "p", 25: "r"}
    viewer = Viewer(lambda number: state.press(keys.get(number, "")))
    figures = watch(Ticker(32), Filter(), viewer, state=state)
    recording, picture = (Path(name) for name in figures.files)
    recorded = [read_barcode(pixels) for _, pixels in read_video(recording)]
    shown = viewer.numbers
    assert recorded == sorted(set(recorded))
    assert shown[5] <= recorded[0] <= shown[5] + 4
    assert shown[24] <= recorded[-1] <= shown[25] + 4
    assert shown[11] <= read_barcode(read_image(picture)) <= shown[12] + 4
    assert sorted(contents(tmp_path)) == sorted(figures.files)


# --- what goes wrong


def test_the_last_picture_stays_with_a_notice_while_the_camera_is_gone() -> None:
    viewer = Viewer(holds=True)
    figures = watch(Ticker(20, lost_after=4), Filter(), viewer, seconds=1.0)
    assert figures.shown == 5
    assert viewer.numbers[:5] == [0, 1, 2, 3, 4]
    assert len(viewer.frames) >= 7
    assert set(viewer.numbers[5:]) == {4}
    assert (viewer.frames[-1].pixels != viewer.frames[4].pixels).any()


@pytest.mark.parametrize("stage", ["engine", "sink"])
@pytest.mark.timeout(20)
def test_a_failure_ends_the_session_and_finishes_the_recording(stage: str, tmp_path: Path) -> None:
    def fail(*_arguments: object) -> Any:
        if source.at >= 10:
            raise VidstyleError("it broke")
        return _arguments[0]

    source = Ticker(1000)
    viewer = Viewer(fail if stage == "sink" else lambda _: None)
    engine = Filter(fail if stage == "engine" else np.copy)
    recording = Recording(tmp_path / "out.mp4", WIDTH, HEIGHT, FPS)
    with pytest.raises(VidstyleError, match="it broke"):
        watch(source, engine, viewer, recording)
    assert viewer.closed
    assert len(read_times(tmp_path / "out.mp4")) > 4
    assert list(contents(tmp_path)) == ["out.mp4"]


def test_a_viewer_that_leaves_ends_the_session() -> None:
    def leave(number: int) -> None:
        if number == 5:
            raise BrokenPipeError

    figures = watch(Ticker(1000), Filter(), Viewer(leave))
    assert figures.shown >= 5
    assert figures.captured < 100


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
    assert set(figures["stages_ms"]) == {"wait", "paint", "sink"}
    assert 0 < figures["delay_ms"]["p50"] <= figures["delay_ms"]["p95"] <= figures["delay_ms"]["p99"]


def test_painting_live_paints(run_cli: Cli, bars: Path, style_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mkv"
    result = run_cli("live", "--style", style_file, "--camera", bars, "--to", output, "--seconds", "0.5")
    assert result.code == 0
    assert re.fullmatch(
        r"vidstyle: bars.mp4: \d+ frames captured, \d+ shown, \d+ dropped, .* on cpu \(torch_cpu\)\n", result.err
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


def test_a_stream_arrives_at_its_viewer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        sink = StreamSink(f"udp://127.0.0.1:{receiver.getsockname()[1]}", WIDTH, HEIGHT, FPS)
        for frame in Ticker(20).frames():
            sink.write(frame)
        sink.close()
        packets = []
        try:
            while True:
                packets.append(receiver.recv(65536))
        except TimeoutError:
            (tmp_path / "got.ts").write_bytes(b"".join(packets))
    # Seven whole packets of MPEG-TS each, filled up rather than held back.
    assert {len(packet) for packet in packets} == {1316}
    received = read_video(tmp_path / "got.ts")
    assert [read_barcode(pixels) for _, pixels in received] == list(range(20))
    assert np.diff([float(at) for at, _ in received]) == pytest.approx(np.full(19, 1 / FPS), abs=0.001)


@pytest.mark.skipif(_has_srt(), reason="this PyAV has SRT")
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
        run(Settings(style=style_file, camera=str(bars), to=(to,), device="cpu"))
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), thread.name
