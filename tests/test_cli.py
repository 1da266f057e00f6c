"""The command line as a whole: how it starts, what it says of itself, and how it ends."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from vidstyle.errors import VidstyleError

Cli = Callable[..., Result]


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = "import sys, vidstyle.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "vidstyle.cli" in loaded
    assert not {"torch", "av", "cv2", "numpy", "PIL"} & set(loaded)


def test_help_lists_the_commands_within_a_second() -> None:
    # Of processor, whatever else keeps the machine busy.
    before = os.times()
    shown = subprocess.run([sys.executable, "-m", "vidstyle", "--help"], capture_output=True, text=True)
    after = os.times()
    spent = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    assert spent < 1
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in ("restyle", "styles", "train"))


def test_help_is_what_the_reference_says_in_two_columns(run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run_cli("restyle", "--help").out.splitlines()
    assert lines[0].endswith("restyle [OPTIONS] INPUT... [OUTPUT]")
    assert max(map(len, lines)) <= 80
    assert "  --stroke-size NUMBER            Size of strokes against the frame: 2 is" in lines
    assert "  --steady, --no-steady           Let the paint of a video move with what it" in lines
    assert "  -h, --help                      Show this message and exit." in lines
    shown = " ".join(run_cli("--help").out.split())
    assert "live Paint a camera, a stream, the screen or a file while it plays; `q` or Ctrl-C ends it." in shown


def test_version(run_cli: Cli) -> None:
    assert re.fullmatch(r"vidstyle \d+\.\d+\.\d+\n", run_cli("--version").out)


def test_an_unknown_command_and_missing_arguments(refused: Callable[..., str]) -> None:
    assert "No such command 'restile'. Did you mean 'restyle'" in refused("restile")
    assert "No such command 'xyz'; there are restyle, preview, keys, live" in refused("xyz")
    assert "Missing argument 'INPUT" in refused("restyle")


REFUSED = (
    ("clip.mkv", "o.xyz"),
    ("clip.mkv", "o.mp4", "--codec", "prores"),
    ("clip.mkv", "o.mp4", "--quality", "99"),
    ("clip.mkv", "o.png"),
    ("clip.mkv", "o.mp4", "--strength", "2"),
    ("clip.mkv", "clip.mkv"),
    ("gone.mkv", "o.mp4"),
    ("https://example.org/a.mp4", "o.mp4"),
    ("picture.png", "o.png", "--start", "1"),
)
"""What names and options tell."""


def test_what_cannot_be_is_refused_before_torch_is_loaded(clip: Path, picture: Path) -> None:
    assert picture.parent == clip.parent
    code = f"""
import sys
from vidstyle import cli
for arguments in {REFUSED}:
    assert cli.run(["restyle", *arguments, "--style", "starry_night"]) == 2, arguments
    assert "torch" not in sys.modules, arguments
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("error: ") == len(REFUSED)


@pytest.mark.slow
def test_a_preview_is_refused_before_torch_is_loaded_and_painted_without_numba(
    picture: Path, style_file: Path, tmp_path: Path
) -> None:
    code = f"""
import sys
from vidstyle import cli
assert cli.run(["preview", "gone.mp4"]) == 2
assert cli.run(["preview", {str(picture)!r}, "--style", "stary_night"]) == 2
assert "torch" not in sys.modules
assert cli.run(["preview", {str(picture)!r}, {str(tmp_path / "sheet.png")!r}, "--style", {str(style_file)!r}]) == 0
assert "torch" in sys.modules and "numba" not in sys.modules and "openvino" not in sys.modules
# What only its compiler needs is left out, and can be had.
assert "torch._meta_registrations" not in sys.modules
import torch, torch._meta_registrations
torch.export.export(torch.nn.Conv2d(3, 3, 3), (torch.zeros(1, 3, 8, 8),))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_no_picture_is_known_without_all_that_pillow_reads(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no picture" * 9)
    code = f"""
import sys
from pathlib import Path
from vidstyle.media.images import FORMATS, is_image
assert not is_image(Path({str(tmp_path / "clip.mp4")!r}))
from PIL import Image
assert set(FORMATS) <= set(Image.OPEN) and "PIL.PsdImagePlugin" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_bug_keeps_its_traceback(clip: Path, style_file: Path, tmp_path: Path) -> None:
    code = f"""
import vidstyle.restyling, vidstyle.cli
def restyle(*_, **__): raise ZeroDivisionError("a bug")
vidstyle.restyling.restyle = restyle
import sys
sys.argv = ["vidstyle", "restyle", {str(clip)!r}, "out.mp4", "--style", "starry_night"]
vidstyle.cli.main()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "in restyle" in result.stderr
    assert result.stderr.endswith("ZeroDivisionError: a bug\n")


def test_what_is_neither_usage_nor_a_bug_exits_with_1(
    run_cli: Cli, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise VidstyleError("the network\nhas melted")

    monkeypatch.setattr("vidstyle.restyling.restyle", fail)
    result = run_cli("restyle", clip, tmp_path / "out.mp4", "--style", "starry_night")
    assert (result.code, result.err) == (1, "vidstyle: error: the network has melted\n")


def test_what_torch_says_of_tracing_stays_unsaid_beside_other_threads() -> None:
    # Another thread has remembered the filters of warnings, and takes them back meanwhile.
    code = """
import warnings
from vidstyle.cli import run
run(["--version"])
other = warnings.catch_warnings()
other.__enter__()
import torch
warnings.simplefilter("ignore")
other.__exit__(None, None, None)
torch.jit.trace(lambda x: x[: x.shape[0] // 2 if x.shape[0] > 3 else 1], torch.zeros(4), check_trace=False)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "TracerWarning" not in done.stderr
