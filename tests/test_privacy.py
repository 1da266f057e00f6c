"""Nothing leaves the machine unasked, and no identity is written."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from media_files import colorful_picture, make_video
from training_material import make_material

from vidstyle import cli

pytestmark = pytest.mark.slow

OFFLINE = Path(__file__).parent / "offline"
COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Offline:
    """What a process did that could reach nothing but this machine.

    Attributes:
        attempts: a line for each time that it tried.
        home: every file in its home folder.
        out: what it printed.
    """

    attempts: list[str]
    home: list[str]
    out: str


def run_offline(folder: Path, *arguments: str) -> Offline:
    """Run Python with a home folder of its own and without a network, and all processes that it starts."""
    home, attempts = folder / "home", folder / "attempts"
    home.mkdir()
    attempts.touch()
    removed = {"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CI", "TF_BUILD", "JENKINS_URL", "GRADIO_ANALYTICS_ENABLED"}
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    environment |= {
        "HOME": str(home),
        "VIDSTYLE_ATTEMPTS": str(attempts),
        "OMP_NUM_THREADS": "1",  # threads that share small layers wait for each other longer than they compute
        "PYTHONPATH": os.pathsep.join([str(OFFLINE), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=folder, timeout=250
    )
    assert done.returncode == 0, done.stderr
    files = [str(path.relative_to(home)) for path in sorted(home.rglob("*")) if path.is_file()]
    return Offline(attempts.read_text().splitlines(), files, done.stdout)


def arguments_of_every_command(folder: Path, style: Path) -> dict[str, list[object]]:
    """What to give to each command so that it does all of its work on little."""
    material = make_material(folder)
    photograph, dots = material / "photos" / "0.jpg", material / "dots.png"
    clip = make_video(folder / "clip.mp4", pictures=[colorful_picture(n) for n in range(4)], times=range(4))
    short = ("--steps", 1, "--perceptual-weights", material)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return {
        "bench": ["--size", "64x48", "--style", style, "--frames", 8, "--rounds", 1, "--plot", folder / "bars.png"],
        "cameras": [],
        "doctor": [],
        "demo": ["--port", port, "--device", "cpu"],
        "evaluate": [clip, "--style", style, "--frames", 2, "--perceptual-weights", material, "--picture", dots],
        "live": ["--camera", clip, "--style", style, "--to", folder / "live.mp4", "--device", "cpu"],
        "export": [style, folder / "style.onnx"],
        "keys": [clip, folder / "keys"],
        "paint": [photograph, dots, folder / "slow.png", "--size", 64, "--steps", 1, "--perceptual", "vidstyle"],
        "preview": [clip, folder / "sheet.png", "--style", style],
        "restyle": [clip, folder / "painted.mp4", "--style", style, "--device", "cpu"],
        "style-from": [dots, folder / "dots.safetensors", "--device", "cpu"],
        "styles": [],
        "train": [
            material / "train" / "dots.toml",
            "--out",
            folder / "t.safetensors",
            *short,
            "--report",
            folder / "r",
        ],
    }


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory, style_file: Path) -> Offline:
    """Every command, one after the other."""
    folder = tmp_path_factory.mktemp("offline")
    arguments = arguments_of_every_command(folder, style_file)
    commands = [[name, *map(str, arguments[name])] for name in COMMANDS if name in arguments]
    return run_offline(folder, str(OFFLINE / "run_commands.py"), json.dumps(commands))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reaches_for_nothing_beyond_this_machine(command: str, offline: Offline) -> None:
    codes = json.loads(offline.out.splitlines()[-1])
    assert codes.get(command) == 0, "add what it takes to arguments_of_every_command"
    assert [line for line in offline.attempts if line.startswith(f"{command}:")] == []


def test_nothing_but_what_can_be_made_again_is_written_at_home(offline: Offline) -> None:
    assert [path for path in offline.home if not path.startswith(".cache/")] == []


def test_openvino_that_a_program_had_loaded_before_is_silent_from_then_on(tmp_path: Path, style_file: Path) -> None:
    pytest.importorskip("openvino")
    code = f"""
import os, time
os.environ["VIDSTYLE_COMMAND"] = "before"
import openvino
time.sleep(0.5)  # what it sends, it sends from another thread
os.environ["VIDSTYLE_COMMAND"] = "after"
import numpy, vidstyle
vidstyle.Painter({str(style_file)!r}, device="cpu", engine="openvino")(numpy.zeros((48, 64, 3), numpy.uint8))
time.sleep(0.5)
"""
    attempts = run_offline(tmp_path, "-c", code).attempts
    # That there are some shows that refusing works.
    assert "before: socket.getaddrinfo www.google-analytics.com" in attempts
    assert [line for line in attempts if not line.startswith("before:")] == []
