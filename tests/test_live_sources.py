"""What comes of streams that change under way: their shape, their rate, their clock, their end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from media_files import barcode, corner_colors, make_video, quartered_picture, read_barcode
from waiting import at_leisure

from vidstyle.live.arranging import Colors
from vidstyle.media import live_sources
from vidstyle.media.arrival import ArrivalClock, Thinning
from vidstyle.media.cameras import Address
from vidstyle.media.file_player import FilePlayer
from vidstyle.media.fitting_bars import fitted_size, with_bars
from vidstyle.media.frame import Color
from vidstyle.media.live_sources import CameraSource

ZERO_LATENCY = {"crf": "8", "preset": "ultrafast", "tune": "zerolatency"}


class Door:
    """A server that gives each who connects the next one of some streams, by a function that sends it."""

    def __init__(self, *sends: Callable[[socket.socket], None]) -> None:
        self._sends = list(sends)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._sends:
            connection, _ = self._socket.accept()
            with connection:
                self._sends.pop(0)(connection)


def whole(path: Path) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(path.read_bytes())


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_sources, "RETRY_SECONDS", 0.05)


def taken(source: CameraSource, count: int) -> Iterator[tuple[np.ndarray, float]]:
    """RGB and times of so many frames."""
    colors = Colors(source.color)
    for number, frame in enumerate(source.frames(), 1):
        yield colors.rgb(frame.pixels), frame.time
        if number == count:
            source.close()
            return


# --- shapes


@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize(("size", "inner"), [((48, 96), (24, 48)), ((192, 64), (64, 22)), ((128, 96), (64, 48))])
def test_a_stream_that_comes_back_in_another_shape_gets_bars(
    size: tuple[int, int], inner: tuple[int, int], planes: bool, tmp_path: Path
) -> None:
    first = make_video(tmp_path / "a.ts", pictures=[quartered_picture()] * 4, times=range(4), options=ZERO_LATENCY)
    other = make_video(tmp_path / "b.ts", pictures=[quartered_picture(*size)] * 4, times=range(4), options=ZERO_LATENCY)
    source = CameraSource(Address("door", Door(whole(first), whole(other)).url), planes=planes)
    shown = [rgb for rgb, _ in taken(source, 6)]
    assert {picture.shape for picture in shown} == {(48, 64, 3)}
    left, top = (64 - inner[0]) // 2, (48 - inner[1]) // 2
    last = shown[-1].astype(int)
    middle = last[top : 48 - top, left : 64 - left]
    assert corner_colors(middle) == ["red", "green", "blue", "white"]
    last[top + top % 2 : 48 - top, left + left % 2 : 64 - left] = 0
    assert np.median(last) <= 2
    assert (last > 60).mean() < 0.08


def test_bars_of_full_range_are_as_black_as_of_limited_range() -> None:
    for full_range in (False, True):
        color = Color(6, full_range=full_range)
        planes = Colors(color).planes(np.full((48, 24, 3), 200, np.uint8))
        shown = Colors(color).rgb(with_bars(planes, (64, 48), full_range=full_range))
        assert shown[:, :18].max() <= 2
        assert shown[:, 24:40].min() > 190


def test_sizes_that_differ_by_a_pixel_fill_the_frame() -> None:
    assert fitted_size((1921, 1080), (1920, 1080)) == (1920, 1080)
    assert fitted_size((1920, 1080), (1280, 720)) == (1280, 720)
    assert fitted_size((1440, 1080), (1280, 720)) == (960, 720)


# --- rates


@pytest.mark.parametrize(
    ("rate", "kept"), [(25, 25), (60, 60), (59.94, 59.94), (75, 75), (100, 100), (119.88, 59.94), (144, 72), (240, 60)]
)
def test_no_more_is_taken_than_an_eye_sees_and_that_evenly(rate: float, kept: float) -> None:
    for announced in (rate, 30):
        thinning = Thinning(announced)
        jitter = np.random.default_rng(0).uniform(-0.0005, 0.0005, 480)
        times = [n / rate for n in range(480) if thinning.takes(n / rate + jitter[n])][-60:]
        assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 1 / kept), rel=1e-6)


def test_a_rate_that_doubles_is_followed() -> None:
    thinning = Thinning(60)
    first = [n / 60 for n in range(60)]
    times = [*first, *(1 + n / 120 for n in range(240))]
    kept = [at for at in times if thinning.takes(at)]
    assert kept[:60] == first
    assert np.diff(kept)[-60:] == pytest.approx(np.full(60, 1 / 60), rel=1e-6)


def test_a_file_of_240_frames_a_second_gives_60_of_them(tmp_path: Path) -> None:
    pictures = [barcode(n) for n in range(120)]
    clip = make_video(tmp_path / "fast.mp4", pictures=pictures, times=range(120), time_base=Fraction(1, 240), rate=240)
    player = FilePlayer(clip)
    assert player.rate == 60
    frames = list(player.frames())
    assert [read_barcode(frame.pixels) for frame in frames] == list(range(0, 120, 4))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(np.full(29, 1 / 60), abs=1e-5)


# --- clocks and ends


def test_a_clock_that_wraps_around_is_followed() -> None:
    for period in (2**24 / 1000, 2**33 / 90_000):
        clock = ArrivalClock()
        times = [(period - 1 + n / 25) % period for n in range(50)]
        captured = [clock.captured(at, 1000 + n / 25) for n, at in enumerate(times)]
        assert captured == pytest.approx([1000 + n / 25 for n in range(50)], abs=1e-3)


def test_a_transport_stream_goes_on_where_its_clock_wraps(tmp_path: Path) -> None:
    # One second before 2^33 ticks of 90 kHz, and one after.
    begin = 2**33 - 90_000
    pictures = [barcode(n) for n in range(50)]
    times = [begin + n * 3600 for n in range(50)]
    clip = make_video(
        tmp_path / "a.ts", pictures=pictures, times=times, time_base=Fraction(1, 90_000), options=ZERO_LATENCY
    )
    source = CameraSource(Address("door", Door(whole(clip)).url))
    seen = list(taken(source, 48))
    assert [read_barcode(rgb) for rgb, _ in seen] == list(range(1, 49))
    assert max(at for _, at in seen) - min(at for _, at in seen) < 3


@pytest.mark.slow
def test_what_a_decoder_has_kept_is_not_shown_seconds_later(tmp_path: Path) -> None:
    pictures = [barcode(n) for n in range(20)]
    clip = make_video(tmp_path / "a.ts", pictures=pictures, times=range(20), options=ZERO_LATENCY).read_bytes()

    def stall(connection: socket.socket) -> None:
        connection.sendall(clip)
        # Neither goes on nor hangs up, as somebody who sends datagrams and has gone.
        time.sleep(2.0)

    source = CameraSource(Address("door", Door(stall).url))
    threading.Timer(3.0, source.close).start()
    arrived = [(read_barcode(frame.pixels), time.monotonic()) for frame in source.frames()]
    assert [number for number, _ in arrived][:17] == list(range(1, 18))
    assert arrived[-1][1] - arrived[0][1] < at_leisure(1.0)


def test_damage_on_the_way_costs_no_connection(tmp_path: Path) -> None:
    pictures = [barcode(n) for n in range(40)]
    clip = bytearray(
        make_video(
            tmp_path / "a.ts", pictures=pictures, times=range(40), options=ZERO_LATENCY | {"g": "10"}
        ).read_bytes()
    )
    for at in range(len(clip) // 3, len(clip) // 2, 188 * 3):
        clip[at + 20 : at + 120] = bytes(100)
    source = CameraSource(Address("door", Door(lambda connection: connection.sendall(clip)).url))
    threading.Timer(at_leisure(1.0), source.close).start()
    numbers = [read_barcode(frame.pixels) for frame in source.frames()]
    assert numbers[-1] >= 38
