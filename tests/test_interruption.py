"""Signals stop a run at any time, and nothing half done is left."""

import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result, contents
from waiting import PATIENCE, at_leisure, wait_until

from vidstyle import interruption
from vidstyle.pipeline import Progress

pytestmark = pytest.mark.slow

StartCli = Callable[..., "subprocess.Popen[str]"]


def catches_signals(process: "subprocess.Popen[str]") -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    assert caught
    return bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def has_mapped(process: "subprocess.Popen[str]", library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text()


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def assert_interrupted(
    process: "subprocess.Popen[str]", folder: Path, before: dict[str, bytes], number: int = signal.SIGINT
) -> None:
    """Wait for the end of a process that has just been sent a signal."""
    begin = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - begin < at_leisure(1.2)  # a second, and some for starting what ends it
    assert (process.returncode, out, err) == (128 + number, "", "vidstyle: interrupted\n")
    assert contents(folder) == before


@pytest.fixture
def long_command(clip: Path, style_file: Path, tmp_path: Path) -> list[object]:
    """Takes many seconds."""
    return ["restyle", clip, tmp_path / "out.mp4", "--style", style_file, "--size", "1600x1200", "--device", "cpu"]


@pytest.mark.parametrize("number", SIGNALS)
def test_interrupted_while_starting(
    number: int, start_cli: StartCli, long_command: list[object], tmp_path: Path
) -> None:
    before = contents(tmp_path)
    process = start_cli(*long_command)
    wait_until(process, lambda: catches_signals(process))
    process.send_signal(number)
    assert_interrupted(process, tmp_path, before, number)


@pytest.mark.usefixtures("run_cli")
def test_what_is_interrupted_before_it_writes_never_does() -> None:
    released, left = threading.Event(), threading.Event()
    written: list[str] = []

    def work(check: Callable[[], None]) -> None:
        threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
        released.wait(PATIENCE)
        try:
            check()
            written.append("a file")
        finally:
            left.set()

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interruption.interruptible(work)
    # It does not wait for what is only being loaded.
    assert time.monotonic() - begin < at_leisure(0.5)
    released.set()
    assert left.wait(PATIENCE)
    assert not written


def test_interrupted_while_libraries_load(start_cli: StartCli, long_command: list[object], tmp_path: Path) -> None:
    before = contents(tmp_path)
    process = start_cli(*long_command)
    wait_until(process, lambda: has_mapped(process, "libtorch"))
    process.send_signal(signal.SIGINT)
    assert_interrupted(process, tmp_path, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_interrupted_while_painting(
    number: int, start_cli: StartCli, long_command: list[object], tmp_path: Path
) -> None:
    before = contents(tmp_path)
    process = start_cli(*long_command)
    wait_until(process, lambda: [*tmp_path.glob(".*.part*")])
    time.sleep(0.3)
    process.send_signal(number)
    # The impatient do it twice.
    time.sleep(0.05)
    process.send_signal(number)
    assert_interrupted(process, tmp_path, before, number)


def test_interrupted_while_a_large_picture_is_painted(
    start_cli: StartCli, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    before = contents(tmp_path)
    size = ["--size", "5000x4000", "--device", "cpu"]
    process = start_cli("restyle", picture, tmp_path / "out.png", "--style", style_file, *size)
    wait_until(process, lambda: [*tmp_path.glob(".*.part*")])
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert_interrupted(process, tmp_path, before)


def test_an_interrupted_overwrite_leaves_the_old_file(
    start_cli: StartCli, long_command: list[object], tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").write_text("the old one")
    before = contents(tmp_path)
    process = start_cli(*long_command, "--overwrite")
    wait_until(process, lambda: [*tmp_path.glob(".*.part*")])
    process.send_signal(signal.SIGINT)
    assert_interrupted(process, tmp_path, before)


def test_an_interrupted_folder_leaves_nothing(
    start_cli: StartCli, picture: Path, style_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        shutil.copy(picture, folder / f"{number}.png")
    before = contents(tmp_path)
    process = start_cli("restyle", folder, tmp_path / "out", "--style", style_file, "--size", "1600x1200")
    wait_until(process, lambda: len([*tmp_path.glob(".*.part/painted/*")]) > 1)
    process.send_signal(signal.SIGINT)
    assert_interrupted(process, tmp_path, before)


@pytest.mark.parametrize(("seconds", "hinted"), [(60.0, True), (5.0, False)])
def test_whoever_breaks_off_long_work_is_told_what_keeps_it(
    seconds: float,
    hinted: bool,
    clip: Path,
    style_file: Path,
    tmp_path: Path,
    run_cli: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken_off(*_: object, on_progress: Callable[..., None], **__: object) -> None:
        on_progress(Progress(frames=3, seconds=seconds), 10)
        raise KeyboardInterrupt

    monkeypatch.setattr("vidstyle.restyling.restyle", broken_off)
    result = run_cli("restyle", clip, tmp_path / "out.mp4", "--style", style_file)
    assert result.code == 130
    assert ("nothing is kept of out.mp4; begun with --resume" in result.err) == hinted
    assert result.err.endswith("vidstyle: interrupted\n")
