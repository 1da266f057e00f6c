"""Streams: sound beside the picture, servers that go away and come back, and clocks that run on for hours."""

import socket
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Result
from flash_and_beep import largest_distance, make_clip
from live_steps import Clock, Painter, Steps, Viewer, numbered
from media_files import HEIGHT, WIDTH, barcode, read_barcode, read_times, read_video
from waiting import PATIENCE

from vidstyle.live import Session
from vidstyle.live.keyboard import LiveState
from vidstyle.live.painters import Painters
from vidstyle.live.session_parts import SessionParts
from vidstyle.media import streaming
from vidstyle.media.containers import MICROSECOND
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import Recording
from vidstyle.media.sounds import RATE, LiveSound
from vidstyle.media.stream_connections import StreamConnection, StreamTarget
from vidstyle.media.stream_process import StreamProcess
from vidstyle.media.streaming import StreamSink, place

pytestmark = pytest.mark.slow

FPS = 25
Cli = Callable[..., Result]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Server:
    """Takes one stream, as a server of RTMP or RTSP does: FFmpeg's own, in a thread.

    Args:
        url: where it listens.
        packets: after which it hangs up; None for not at all.

    Attributes:
        got: packets of pictures and of sound, with their times.
    """

    def __init__(self, url: str, packets: int | None = None) -> None:
        self._url, self._packets = url, packets
        self.got: dict[str, list[float]] = {"video": [], "audio": []}
        self.pictures: list[np.ndarray] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        rtsp = self._url.startswith("rtsp")
        options = {"rtsp_flags": "listen", "listen_timeout": str(round(PATIENCE))} if rtsp else {"listen": "1"}
        options |= {"probesize": "100000", "analyzeduration": "300000"}
        try:
            with av.open(self._url, options=options, timeout=(PATIENCE, 20)) as container:
                for count, packet in enumerate(container.demux()):
                    if packet.size and packet.pts is not None:
                        self.got[packet.stream.type].append(float(packet.pts * packet.time_base))
                        if packet.stream.type == "video":
                            self.pictures += [frame.to_ndarray(format="rgb24") for frame in packet.decode()]
                    if self._packets is not None and count >= self._packets:
                        return
        except (av.error.FFmpegError, OSError):
            return

    @property
    def numbers(self) -> list[int]:
        return [read_barcode(picture) for picture in self.pictures]


def frame(number: int, time: float) -> Frame:
    return Frame(barcode(number, WIDTH, HEIGHT), round(time / MICROSECOND), MICROSECOND)


def sending(sink: StreamSink, seconds: float, until: Callable[[], bool] = lambda: False) -> int:
    """Send numbered frames at their pace; how many."""
    begin, count = time.monotonic(), 0
    while time.monotonic() - begin < seconds and not until():
        sink.write(frame(count, time.monotonic()))
        count += 1
        time.sleep(1 / FPS)
    return count


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_a_server_gets_pictures_and_sound(scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}/live/key"
    server = Server(url)
    sound = LiveSound()
    time.sleep(0.3)
    sink = StreamSink(StreamTarget(url, WIDTH, HEIGHT, FPS, sound=sound))
    for number in range(40):
        sound.hear((100 + number / FPS, np.zeros((2, RATE // FPS), np.float32)))
        sink.write(frame(number, 100 + number / FPS))
    sink.close()
    server.thread.join(PATIENCE)
    # A listener begins to watch at the next key frame, or after.
    assert set(range(27, 38)) <= set(server.numbers)
    assert len(server.got["audio"]) > 50
    assert server.got["video"][-1] - server.got["audio"][-1] == pytest.approx(0, abs=0.1)


def test_a_stream_without_sound_waits_for_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        sink = StreamSink(
            StreamTarget(f"udp://127.0.0.1:{receiver.getsockname()[1]}", WIDTH, HEIGHT, FPS, sound=LiveSound())
        )
        arrived = []
        for number in range(30):
            sink.write(frame(number, 100 + number / FPS))
            try:
                while receiver.recv(65536):
                    arrived.append(number)
            except BlockingIOError:
                pass
        sink.close()
    # A frame waits for the next one at the most, though the sound is silent from the first moment.
    assert set(range(2, 30)) <= set(arrived)


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp"])
def test_a_stream_that_is_cut_off_comes_back_and_disturbs_no_other(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streaming, "FIRST_PAUSE", 0.2)
    url = f"{scheme}://127.0.0.1:{free_port()}/live/secret-key"
    server = Server(url, packets=10)
    time.sleep(0.3)
    sink = StreamSink(StreamTarget(url, WIDTH, HEIGHT, FPS))
    recording = Recording(tmp_path / "out.mp4", WIDTH, HEIGHT, FPS)
    clock = Clock()
    source = Steps(numbered(150), clock)
    servers = [server]
    notices = set()

    def step(number: int) -> None:
        notices.add(sink.notice)
        if number == 70:
            servers.append(Server(url))
        # A process that streams takes a second to start, and more on a busy machine.
        time.sleep(0.1 if sink.notice and number > 70 else 0.02)

    viewer = Viewer(source, step)
    painters: Painters[Painter] = Painters({"a": Painter()}.__getitem__, {"a": Painter()})
    state = LiveState(["a"], "a", strength=0.0)
    parts = SessionParts([viewer, sink, recording])
    figures = Session(source, painters, state, parts, clock=clock).run(threading.Event())
    servers[1].thread.join(PATIENCE)
    assert figures.shown == 150
    assert len(read_times(tmp_path / "out.mp4")) == 150
    # What listens for RTSP begins to watch later.
    assert servers[0].numbers[0] == 0 if scheme == "rtmp" else servers[0].got["video"]
    assert len(servers[1].numbers) > 10
    assert servers[1].numbers[-1] >= 140
    assert notices == {"", f"{scheme}://127.0.0.1 is gone; trying again"}
    assert "secret-key" not in caplog.text
    assert 0 < figures.sinks[1]["dropped"] < 150  # type: ignore[operator]


def test_the_pauses_grow_and_begin_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    tried: list[float] = []

    class Nobody:
        """A connection that breaks with its first frame, as long as the test says so."""

        broken = True

        def __init__(self, *_: object, **__: object) -> None:
            tried.append(clock())

        def write(self, _: Frame) -> None:
            if Nobody.broken:
                raise BrokenPipeError

        def close(self) -> None:
            pass

    monkeypatch.setattr(streaming, "connected", Nobody)
    sink = StreamSink(StreamTarget("rtmp://host/app", WIDTH, HEIGHT, FPS), clock=clock)
    for number in range(1, 2000):
        clock.advance(number / 10)
        sink.write(frame(number, clock()))
    pauses = np.diff(tried)[1:]
    assert pauses == pytest.approx([2, 4, 8, 16, *[30] * (len(pauses) - 4)], abs=0.3)
    Nobody.broken = False
    for number in range(2000, 2500):
        clock.advance(number / 10)
        sink.write(frame(number, clock()))
    before = len(tried)
    Nobody.broken = True
    for number in range(2500, 2520):
        clock.advance(number / 10)
        sink.write(frame(number, clock()))
    assert np.diff(tried[before - 1 :])[-1] < 60
    assert tried[-1] - 250 == pytest.approx(1, abs=0.3)
    assert place("rtmp://user:pass@host:1935/app/key") == "rtmp://host"


@pytest.mark.parametrize(
    ("scheme", "seconds"), [("rtmp", 2**24 / 1000), ("udp", 2**33 / 90_000)], ids=["2^24 ms", "2^33 ticks"]
)
def test_a_clock_runs_on_past_what_a_field_of_it_holds(scheme: str, seconds: float, tmp_path: Path) -> None:
    times = [0.0, *(seconds + (n - 10) / FPS for n in range(20))]
    if scheme == "rtmp":
        url = f"rtmp://127.0.0.1:{free_port()}/live/key"
        server = Server(url)
        time.sleep(0.3)
        process = StreamProcess(StreamTarget(url, WIDTH, HEIGHT, FPS))
        for number, at in enumerate(times):
            process.write(frame(number, 100 + at))
        process.close()
        server.thread.join(PATIENCE)
        assert server.numbers[-18:] == list(range(3, 21))
        assert np.diff(server.got["video"])[-18:] == pytest.approx(np.full(18, 1 / FPS), abs=0.002)
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.settimeout(0.3)
        connection = StreamConnection(StreamTarget(f"udp://127.0.0.1:{receiver.getsockname()[1]}", WIDTH, HEIGHT, FPS))
        for number, at in enumerate(times):
            connection.write(frame(number, 100 + at))
        connection.close()
        got = bytearray()
        try:
            while True:
                got += receiver.recv(65536)
        except TimeoutError:
            (tmp_path / "got.ts").write_bytes(got)
    received = read_video(tmp_path / "got.ts")
    assert [read_barcode(pixels) for _, pixels in received] == list(range(21))


# --- sound in time with the picture


def test_sound_and_picture_of_a_file_stay_together_live(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 3.2)
    assert largest_distance(clip) < 0.025
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.5)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        options = ["--style", style_file, "--strength", "0", "--camera", clip, "--device", "cpu"]
        result = run_cli("live", *options, "--to", tmp_path / "out.mp4", "--to", url)
        assert result.code == 0, result.err
        got = bytearray()
        try:
            while True:
                got += receiver.recv(65536)
        except TimeoutError:
            (tmp_path / "got.ts").write_bytes(got)
    assert largest_distance(tmp_path / "out.mp4") < 0.04
    assert largest_distance(tmp_path / "got.ts") < 0.04


def test_nobody_hears_a_file_whose_sound_is_not_wanted(run_cli: Cli, style_file: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 0.8)
    options = ["--style", style_file, "--strength", "0", "--camera", clip, "--device", "cpu"]
    assert run_cli("live", *options, "--no-sound", "--to", tmp_path / "out.mp4").code == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    # A file that cannot have any is none the worse for it.
    assert run_cli("live", *options, "--to", tmp_path / "out.gif").code == 0


@pytest.mark.parametrize("drift", [1e-3, -1e-3])
def test_ten_minutes_of_a_clock_of_its_own_carry_no_sound_away(drift: float, tmp_path: Path) -> None:
    """One and a half, but of a microphone whose clock goes as wrong as a bad one does in ten."""
    sound = LiveSound()
    recording = Recording(tmp_path / "out.mkv", WIDTH, HEIGHT, 1, sound=sound)
    chunk = RATE // 10
    heard = 0
    for second in range(90):
        while heard * chunk * (1 + drift) / RATE < second + 1:
            # By the card's clock these are so many samples; by ours they take a little longer or shorter.
            began = heard * chunk * (1 + drift) / RATE
            times = began + np.arange(chunk) * (1 + drift) / RATE
            on = (times % 10 >= 5) & (times % 10 < 5.2)
            samples = np.where(on, 0.6 * np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32)
            sound.hear((100 + began, np.stack([samples, samples])))
            heard += 1
        recording.write(Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), (100 + second) * 1_000_000, MICROSECOND))
    recording.close()
    begins: list[float] = []
    with av.open(str(tmp_path / "out.mkv")) as container:
        quiet_until = 0.0
        for piece in container.decode(audio=0):
            samples, at = np.abs(piece.to_ndarray()[0]), float(piece.time or 0)
            loud = np.flatnonzero(samples > 0.1)
            if len(loud) and at > quiet_until:
                begins.append(at + loud[0] / RATE)
                quiet_until = at + 3
    wanted = np.arange(5, 89, 10)
    assert len(begins) >= len(wanted)
    assert np.abs(np.array(begins[: len(wanted)]) - wanted).max() < 0.04


def test_what_is_stretched_is_neither_cut_nor_filled(tmp_path: Path) -> None:
    sound = LiveSound()
    recording = Recording(tmp_path / "out.mkv", WIDTH, HEIGHT, FPS, sound=sound)
    chunk = RATE // FPS
    for number in range(3 * FPS):
        # 0.2 % too fast: without stretching there would be a gap of 30 ms every fifteen seconds, or clicks before.
        time_ = number / FPS * 1.002
        tone = 0.5 * np.sin(2 * np.pi * 100 * (number * chunk + np.arange(chunk)) / RATE)
        sound.hear((100 + time_, np.stack([tone, tone]).astype(np.float32)))
        recording.write(frame(number, 100 + time_))
    recording.close()
    with av.open(str(tmp_path / "out.mkv")) as container:
        samples = np.concatenate([piece.to_ndarray()[0] for piece in container.decode(audio=0)])
    middle = samples[RATE // 2 : -RATE // 2]
    # A hundredth of a second holds a wave: no piece of it is silent, and no step is larger than the tone's own.
    pieces = middle[: len(middle) // 480 * 480].reshape(-1, 480)
    assert np.abs(pieces).max(axis=1).min() > 0.4
    assert np.abs(np.diff(middle)).max() < 0.02
    assert Fraction(len(samples), RATE) == pytest.approx(3, abs=0.1)
