"""Recordings survive: a full disk, a kill, and what the next run finds."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from media_files import read_times, read_video
from small_disks import largest_file
from waiting import at_leisure

from vidstyle.errors import InputError
from vidstyle.media.frame import Frame
from vidstyle.media.live_sinks import Recording
from vidstyle.media.recording_file import plays
from vidstyle.media.sources import FileSource
from vidstyle.media.stream_connections import TICK

pytestmark = pytest.mark.slow

SUFFIXES = [".mp4", ".mkv", ".mov", ".webm"]
WIDTH, HEIGHT, RATE = 160, 96, 25


def noise(number: int) -> Frame:
    pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Frame(pixels, round(number / RATE / TICK), TICK)


def record(path: Path, frames: int, **options: bool) -> Recording:
    recording = Recording(path, WIDTH, HEIGHT, RATE, **options)
    for number in range(frames):
        recording.write(noise(number))
    return recording


def go_on(recording: Recording) -> None:
    for number in range(10_000):
        recording.write(noise(number))


def boxes(path: Path) -> list[str]:
    """Names of what an MP4 file consists of."""
    data, at, found = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        found.append(data[at + 4 : at + 8].decode("latin-1"))
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return found


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_recording_that_is_complete_is_an_ordinary_file_that_begins_at_zero(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    record(path, 60).close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert [float(time) for time in read_times(path)] == pytest.approx([n / RATE for n in range(60)], abs=0.0011)
    if suffix in {".mp4", ".mov"}:
        assert "moof" not in boxes(path)
        assert boxes(path).count("moov") == 1


# --- kills

UNTIL_KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_recording_file import record
recording = record(Path(sys.argv[2]), 150)
print("recorded", flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def recorder(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has recorded six seconds and does not finish."""
    command = [sys.executable, "-c", UNTIL_KILLED, str(Path(__file__).parent), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "recorded\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_run_that_is_killed_leaves_a_file_that_plays_and_the_next_one_keeps_it(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"out{suffix}"
    with recorder(path) as process:
        process.send_signal(signal.SIGKILL)
    left = tmp_path / f"out.recording{suffix}"
    assert [file.name for file in tmp_path.iterdir()] == [left.name]
    # x264 holds back what it looks ahead.
    assert len(read_video(left)) > 60
    record(path, 30).close()
    rescued = tmp_path / f"out.rescued{suffix}"
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, rescued.name])
    assert len(read_video(rescued)) > 60
    assert "kept as" in caplog.text


def test_a_recording_that_is_still_going_on_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with recorder(path) as process:
        record(tmp_path / "out.mp4", 30).close()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["out.mp4", "out.recording.mp4"]
        assert process.poll() is None


def test_a_leftover_without_a_picture_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "out.recording.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    record(tmp_path / "out.mp4", 30).close()
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


# --- full disks


@pytest.fixture
def small_files() -> Iterator[int]:
    """No file may grow beyond so many bytes."""
    size = 1_200_000
    with largest_file(size):
        yield size


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_keeps_what_was_recorded_until_then(suffix: str, tmp_path: Path, small_files: int) -> None:
    path = tmp_path / f"out{suffix}"
    recording = Recording(path, WIDTH, HEIGHT, RATE)
    with pytest.raises(InputError, match="too large for the disk; it has what was recorded until then"):
        go_on(recording)
    recording.close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_size <= small_files
    source = FileSource(path)
    assert sum(1 for _ in source) > 20
    source.close()


def test_a_disk_that_is_full_at_the_very_end_keeps_it_too(tmp_path: Path, small_files: int) -> None:
    # The index alone, and then ever more of the last frames, have no room.
    kept = 0
    for frames in range(118, 138, 2):
        path = tmp_path / f"out{frames}.mp4"
        try:
            record(path, frames).close()
        except InputError as error:
            assert "until then" in str(error)  # noqa: PT017 (which of them fail is the encoder's business)
            kept += 1
        assert plays(path)
    assert kept > 0
    assert len(list(tmp_path.iterdir())) == 10


def test_a_full_disk_never_replaces_what_must_not_be_overwritten(tmp_path: Path, small_files: int) -> None:
    path = tmp_path / "out.mp4"
    recording = Recording(path, WIDTH, HEIGHT, RATE)
    path.write_bytes(b"somebody else's")
    with pytest.raises(InputError, match=r"exists already.*what was recorded is in .*out\.recording\.mp4"):
        go_on(recording)
    recording.close()
    assert path.read_bytes() == b"somebody else's"
    assert plays(tmp_path / "out.recording.mp4")


def test_nothing_is_left_where_nothing_was_recorded(tmp_path: Path) -> None:
    begin = time.monotonic()
    Recording(tmp_path / "out.mp4", WIDTH, HEIGHT, RATE).close()
    assert not list(tmp_path.iterdir())
    assert time.monotonic() - begin < at_leisure(20)
