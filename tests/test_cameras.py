"""Cameras: what is listed, what is asked for, when a frame was captured, and what happens when one goes away."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from conftest import Result
from media_files import barcode, make_video, read_barcode
from waiting import at_leisure

from vidstyle.errors import InputError
from vidstyle.media import cameras, live_sources
from vidstyle.media.arrival import ArrivalClock
from vidstyle.media.cameras import Address, Mode, Request, find_address, needs_mjpeg, parse_modes
from vidstyle.media.file_player import FilePlayer
from vidstyle.media.frame import Frame
from vidstyle.media.live_sources import CameraSource

V4L2_LOG = """\
Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 1280x720
Compressed:       mjpeg :          Motion-JPEG : 640x480 1280x720 1920x1080
"""
DSHOW_LOG = """\
  pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30
  vcodec=mjpeg  min s=1280x720 fps=5 max s=1280x720 fps=60.0002
"""
AVFOUNDATION_LOG = """\
Supported modes:
  640x480@[1.000000 30.000030]fps
  1280x720@[1.000000 30.000030]fps
"""


def found(*devices: tuple[str, str]) -> Callable[[str], list[SimpleNamespace]]:
    return lambda _format: [SimpleNamespace(name=n, description=d, media_types=["video"]) for n, d in devices]


@pytest.fixture
def two_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine with two cameras, the modes of which are in V4L2_LOG."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("av.device.enumerate_input_devices", found(("/dev/video0", "Cam"), ("/dev/video2", "Grabber")))
    monkeypatch.setattr(cameras, "_ask_for_modes", lambda _device: parse_modes(V4L2_LOG))


def test_modes_are_read_on_every_platform() -> None:
    assert parse_modes(V4L2_LOG) == [
        Mode(640, 480),
        Mode(640, 480, None, True),
        Mode(1280, 720),
        Mode(1280, 720, None, True),
        Mode(1920, 1080, None, True),
    ]
    assert parse_modes(DSHOW_LOG) == [Mode(640, 480, 30), Mode(1280, 720, 60, True)]
    assert parse_modes(AVFOUNDATION_LOG) == [Mode(640, 480, 30), Mode(1280, 720, 30)]
    assert parse_modes("Cannot open video device /dev/video0: No such file or directory") == []


@pytest.mark.parametrize(
    ("size", "fps", "mjpeg"),
    [
        ((640, 480), None, False),
        ((640, 480), 60, True),
        ((1280, 720), None, True),
        ((1280, 720), 10, False),
        ((1920, 1080), 5, True),
        ((320, 240), 60, False),
        (None, 60, False),
    ],
)
def test_mjpeg_is_asked_for_where_plain_pixels_are_too_many(
    size: tuple[int, int] | None, fps: float | None, mjpeg: bool
) -> None:
    assert needs_mjpeg(tuple(parse_modes(V4L2_LOG)), Request(size, fps)) is mjpeg


@pytest.mark.usefixtures("two_cameras")
def test_cameras_are_listed_with_their_modes(run_cli: Callable[..., Result]) -> None:
    shown = run_cli("cameras")
    assert shown.code == 0
    assert "0  Cam  (/dev/video0)\n   640x480\n   640x480 compressed\n" in shown.out
    listed = json.loads(run_cli("cameras", "--json").out)
    assert [camera["device"] for camera in listed] == ["/dev/video0", "/dev/video2"]
    assert listed[1]["modes"][4] == {"width": 1920, "height": 1080, "fps": None, "compressed": True}


def test_no_camera_is_no_error(run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av.device.enumerate_input_devices", found())
    assert run_cli("cameras") == Result(
        0, "", "vidstyle: no camera is here; --camera also takes a video file, a URL, or screen\n"
    )
    assert json.loads(run_cli("cameras", "--json").out) == []


@pytest.mark.usefixtures("two_cameras")
def test_cameras_are_found_by_number_device_and_name() -> None:
    files = [find_address(camera, Request()).file for camera in ("1", "/dev/video2", "Grabber")]
    assert files == ["/dev/video2"] * 3
    asked = find_address("0", Request((1280, 720), 30))
    assert asked.format == "video4linux2,v4l2"
    assert asked.options == {"video_size": "1280x720", "framerate": "30", "input_format": "mjpeg"}
    with pytest.raises(InputError, match=r"no such camera; there are: 0 \(Cam\), 1 \(Grabber\)$"):
        find_address("2", Request())


@pytest.mark.parametrize(
    ("platform", "camera", "file", "form"),
    [
        ("win32", "Cam", "video=@device_x", "dshow"),
        ("darwin", "0", "@device_x:none", "avfoundation"),
        ("win32", "screen", "desktop", "gdigrab"),
        ("darwin", "screen:1", "Capture screen 1:none", "avfoundation"),
        ("linux", "screen:1", ":9.1", "x11grab"),
        ("linux", "rtsp://host/x", "rtsp://host/x", None),
    ],
)
def test_every_platform_has_its_own_names(
    platform: str, camera: str, file: str, form: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("DISPLAY", ":9.0")
    monkeypatch.setattr("av.device.enumerate_input_devices", found(("@device_x", "Cam")))
    address = find_address(camera, Request())
    assert (address.file, address.format) == (file, form)


# --- when a frame was captured


def test_frames_keep_the_distances_at_which_they_were_taken() -> None:
    rng = np.random.default_rng(0)
    clock = ArrivalClock()
    taken = np.arange(200) / 30
    arrived = 1000 + taken + 0.02 + rng.exponential(0.02, 200)
    captured = np.array([clock.captured(t, a) for t, a in zip(taken, arrived, strict=True)])
    assert (captured <= arrived + 1e-9).all()
    # Once the fastest frame is known, the rest of the jitter is gone.
    assert np.abs(np.diff(captured[60:]) - 1 / 30).max() < 0.003
    assert np.abs(np.diff(arrived[60:]) - 1 / 30).max() > 0.03


def test_a_clock_that_starts_again_is_followed() -> None:
    clock = ArrivalClock()
    assert clock.captured(50.0, 1000.0) == 1000.0
    assert clock.captured(0.0, 1000.04) == pytest.approx(1000.04)
    assert clock.captured(0.04, 1000.08) == pytest.approx(1000.08)
    assert clock.captured(None, 1000.2) == 1000.2


# --- reading


def test_a_file_comes_at_its_own_pace(tmp_path: Path) -> None:
    path = make_video(tmp_path / "clip.mp4", times=(0, 2, 3, 9), time_base=Fraction(1, 25))
    player = FilePlayer(path)
    begin = time.monotonic()
    arrived = []
    frames = []
    for frame in player.frames():
        arrived.append(time.monotonic() - begin)
        frames.append(frame.time - begin)
    assert np.diff(frames) == pytest.approx([0.08, 0.04, 0.24], abs=1e-5)
    late = np.array(arrived) - frames
    assert (late >= 0).all()
    assert np.median(late) < at_leisure(0.03)


@pytest.mark.parametrize(("shape", "size"), [(Fraction(4, 3), (84, 48)), (Fraction(1, 2), (64, 96))])
def test_pixels_that_are_not_square_keep_their_shape(tmp_path: Path, shape: Fraction, size: tuple[int, int]) -> None:
    def anamorphic(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = shape

    player = FilePlayer(make_video(tmp_path / "a.mp4", prepare=anamorphic))
    assert (player.width, player.height) == size
    assert next(player.frames()).pixels.shape == (size[1], size[0], 3)
    player.close()


@pytest.mark.parametrize(("shape", "size"), [(Fraction(4, 3), (84, 48)), (Fraction(1, 2), (64, 96))])
@pytest.mark.parametrize("planes", [False, True])
def test_what_comes_by_an_address_keeps_its_shape(
    tmp_path: Path, shape: Fraction, size: tuple[int, int], planes: bool
) -> None:
    def anamorphic(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = shape

    clip = make_video(tmp_path / "a.ts", prepare=anamorphic)
    source = CameraSource(Address("clip", str(clip)), planes=planes)
    assert (source.width, source.height) == size
    frame = next(iter(source.frames()))
    assert frame.pixels.shape[:2] == ((source.height * 3 // 2 if planes else source.height), source.width)
    source.close()


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    pictures = [np.zeros((47, 65, 3), np.uint8)]
    path = make_video(tmp_path / "odd.mkv", pictures=pictures, times=(0,), codec="ffv1", pixel_format="bgr0")
    player = FilePlayer(path)
    assert (player.width, player.height) == (64, 46)
    assert next(iter(player.frames())).pixels.shape == (46, 64, 3)


class Server:
    """Sends a clip to everyone who connects, and hangs up."""

    def __init__(self, clip: bytes) -> None:
        self._clip = clip
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.sendall(self._clip)

    def close(self) -> None:
        # Which also ends the accept that is under way.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    options = {"crf": "10", "preset": "ultrafast", "tune": "zerolatency"}
    pictures = [barcode(n) for n in range(10)]
    clip = make_video(tmp_path / "clip.ts", pictures=pictures, options=options)
    started = Server(clip.read_bytes())
    yield started
    with contextlib.suppress(OSError):
        started.close()


def test_a_camera_that_goes_away_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sources, "RETRY_SECONDS", 0.1)
    source = CameraSource(Address("door", server.url))
    assert (source.width, source.height) == (64, 48)
    seen: list[tuple[Frame, str]] = []
    for frame in source.frames():
        seen.append((frame, source.notice))
        if len(seen) == 12:
            source.close()
    numbers = [read_barcode(frame.pixels) for frame, _ in seen]
    # The first frame of each connection tells what the rest is like.
    assert numbers == [*range(1, 10), 1, 2, 3]
    assert [frame.discontinuity for frame, _ in seen] == [n == 1 for n in numbers]
    assert {notice for _, notice in seen} == {""}
    assert np.diff([frame.time for frame, _ in seen]).min() > 0


def test_a_camera_that_stays_away_is_waited_for_with_a_notice(server: Server) -> None:
    source = CameraSource(Address("door", server.url))
    server.close()
    wait = at_leisure(1.0)
    threading.Timer(wait, source.close).start()
    begin = time.monotonic()
    assert len(list(source.frames())) == 9
    assert source.notice == "door is gone; waiting for it"
    assert 0.9 * wait < time.monotonic() - begin < wait + at_leisure(2)
