"""`vidstyle live`: files as cameras, recordings, pipes and streams, signals, and what cannot be."""

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result, contents
from live_sessions import Ticker
from live_steps import FPS
from media_files import HEIGHT, WIDTH, barcode, make_video, read_barcode, read_times, read_video
from waiting import PATIENCE, at_leisure, wait_until

from vidstyle.errors import InputError
from vidstyle.live import LiveSettings, run
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.stream_connections import StreamTarget, has_srt
from vidstyle.media.streaming import StreamSink
from vidstyle.style_files import save_style
from vidstyle.styles import load_style

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

MILLISECOND = 1000 * MICROSECOND
Cli = Callable[..., Result]


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
    *first, begun, last = result.err.splitlines()
    # On a machine where nothing has been painted before.
    assert first in ([], ["vidstyle: compiling for this machine, which has to be done once"])
    assert begun == f"vidstyle: bars.mp4, 64x48, goes to {output}"
    assert re.fullmatch(
        r"vidstyle: bars.mp4: \d+ frames captured, \d+ shown, \d+ dropped, .* on cpu \((torch_cpu|openvino)\)", last
    )
    painted = read_video(output)
    assert 3 < len(painted) < 20
    assert np.abs(painted[-1][1].astype(int) - barcode(len(painted) - 1)).mean() > 10


def test_paintings_are_brought_nearer(run_cli: Cli, bars: Path, style_file: Path, tmp_path: Path) -> None:
    still = make_video(tmp_path / "still.mp4", pictures=[barcode(5)] * 25, times=range(25))
    # A network for which nothing has to be compiled.
    plain = load_style("johnson_starry_night")
    asking = tmp_path / "asking.safetensors"
    save_style(asking, plain.network, dataclasses.replace(plain.card, optimise=10), plain.grams)

    def last_shown(style: str | Path, *steps: object) -> np.ndarray:
        output = tmp_path / "shown.mkv"
        options = "--style", style, "--camera", still, "--device", "cpu", *steps
        assert run_cli("live", *options, "--to", output, "--overwrite").code == 0
        return read_video(output)[-1][1].astype(int)

    at_once = last_shown("johnson_starry_night")
    assert np.abs(last_shown("johnson_starry_night", "--optimise", 10) - at_once).mean() > 1
    assert np.abs(last_shown(asking) - at_once).mean() > 1, "as the style says"
    assert np.abs(last_shown(asking, "--optimise", 0) - at_once).mean() < 0.5
    result = run_cli("live", "--style", style_file, "--camera", bars, "--optimise", 3, "--to", tmp_path / "no.mkv")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "--optimise: noise does not know its picture" in result.err
    assert not (tmp_path / "no.mkv").exists()


@pytest.mark.parametrize(("to", "shape"), [("pipe:", (HEIGHT, WIDTH, 3)), ("pipe:yuv420p", (HEIGHT * 3 // 2, WIDTH))])
def test_a_pipe_gets_raw_frames_and_a_loop_goes_on(
    to: str, shape: tuple[int, ...], bars: Path, style_file: Path
) -> None:
    command = [sys.executable, "-m", "vidstyle", *map(str, source_of(bars, style_file)), "--loop"]
    command += ["--to", to, "--seconds", "1.6", "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, *shape)[:, :HEIGHT]
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
    time.sleep(at_leisure(1))
    process.send_signal(number)
    begin = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < at_leisure(1.2)
    assert (process.returncode, err) == (0, "")
    assert len(read_times(output)) == json.loads(out)["shown"] > 5
    assert set(contents(tmp_path)) == {"bars.mp4", "out.mp4"}


def test_ctrl_c_before_anything_is_shown(start_cli: Callable[..., Any], style_file: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        process = start_cli("live", "--style", style_file, "--camera", url, "--to", tmp_path / "out.mp4")
        silent.settimeout(PATIENCE)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        out, err = process.communicate(timeout=PATIENCE)
        connection.close()
    assert time.monotonic() - begin < at_leisure(1.2)
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
        (["--to", "out.jpg"], "--to out.jpg: takes window, virtual, pipe:, a URL, or a video file"),
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
    result = run_cli("live", "--device", "cpu", "--quiet", *rest, *options)
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
