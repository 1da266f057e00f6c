"""Files that come into being: what may be written where, and what runs that were killed have left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Result, contents
from media_files import colorful_picture
from PIL import Image
from small_disks import largest_file

from vidstyle.errors import InputError
from vidstyle.media.suffixes import pictures_by_name
from vidstyle.output_files import Part, PartFolder, check_output
from vidstyle.training.checkpoint import Position, save_checkpoint

Cli = Callable[..., Result]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and locks are others there")


# --- what may be written


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "out.mp4"
    link.symlink_to(tmp_path / "nowhere" / "film.mp4")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="link that leads nowhere"):
            check_output(link, overwrite=overwrite)


@pytest.mark.parametrize("overwrite", [False, True])
def test_pipes_and_devices_are_refused(tmp_path: Path, overwrite: bool) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/null")):
        with pytest.raises(InputError, match="device or a pipe"):
            check_output(path, overwrite=overwrite)


def test_overwriting_a_link_writes_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    film, link = tmp_path / "there" / "film.mp4", tmp_path / "out.mp4"
    film.write_bytes(b"old")
    link.symlink_to(film)
    check_output(link, overwrite=True)
    part = Part(link)
    assert part.path.parent == film.parent, "so that it can be renamed"
    part.path.write_bytes(b"new")
    part.publish(overwrite=True)
    assert link.is_symlink()
    assert film.read_bytes() == b"new"
    assert sorted(contents(tmp_path)) == ["out.mp4", "there", "there/film.mp4"]


@pytest.mark.parametrize("source", ["clip", "picture"])
def test_every_command_refuses_before_it_paints(
    run_cli: Cli, request: pytest.FixtureRequest, style_file: Path, tmp_path: Path, source: str
) -> None:
    if source == "picture":
        path, out = tmp_path / "in.png", tmp_path / "out.png"
        Image.fromarray(colorful_picture()).save(path)
    else:
        path, out = request.getfixturevalue("clip"), tmp_path / "out.mp4"
    out.symlink_to(tmp_path / "nowhere")
    result = run_cli("restyle", path, out, "--style", style_file, "--overwrite")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "leads nowhere" in result.err


# --- what kills left

KILLED = """
import os, sys, signal
from pathlib import Path
from vidstyle.output_files import Part, PartFolder
target = Path(sys.argv[1])
part, folder = Part(target), PartFolder(target, target.parent)
part.path.write_bytes(b"half a film")
(folder.path / "one.png").write_bytes(b"a picture")
print("written", flush=True)
sys.stdin.read()
"""


def running(target: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", KILLED, str(target)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_the_next_run_of_the_same_output_tidies_up_after_a_killed_one_and_no_other(tmp_path: Path) -> None:
    with running(tmp_path / "out.mp4") as killed, running(tmp_path / "other.mp4") as other:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert len(list(tmp_path.iterdir())) == 4
    part = Part(tmp_path / "out.mp4")
    assert len(list(tmp_path.iterdir())) == 3
    part.discard()
    PartFolder(tmp_path / "other.mp4", tmp_path).discard()
    assert not list(tmp_path.iterdir())


def test_what_a_run_writes_that_is_alive_stays(tmp_path: Path) -> None:
    with running(tmp_path / "out.mp4") as alive:
        before = contents(tmp_path)
        Part(tmp_path / "out.mp4").discard()
        PartFolder(tmp_path / "out.mp4", tmp_path).discard()
        assert contents(tmp_path) == before
        alive.kill()


def test_half_written_and_other_hidden_pictures_are_not_taken_for_pictures(tmp_path: Path) -> None:
    part = Part(tmp_path / "out.png")
    for path in (tmp_path / "one.png", tmp_path / "._one.png", part.path):
        Image.fromarray(colorful_picture()).save(path)
    assert [path.name for path in pictures_by_name(tmp_path)] == ["one.png"]
    part.discard()


# --- disks and folders that take nothing


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder that takes no files, whoever asks."""
    folder = Path("/proc/self")
    if not folder.is_dir():
        pytest.skip("no such folder here")
    return folder


@pytest.mark.slow
def test_a_style_into_a_folder_that_takes_none_is_an_error_of_one_line(
    run_cli: Cli, tmp_path: Path, read_only: Path
) -> None:
    Image.fromarray(colorful_picture(0, 80, 60)).save(tmp_path / "in.png")
    result = run_cli("style-from", tmp_path / "in.png", read_only / "out.safetensors")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "cannot write there" in result.err


def test_a_checkpoint_for_which_there_is_no_room_is_an_error_of_one_line_and_the_last_one_stays(tmp_path: Path) -> None:
    network, path = torch.nn.Linear(300, 300), tmp_path / "style.checkpoint"
    path.write_bytes(b"the last one")
    with largest_file(100_000), pytest.raises(InputError, match=r"style\.checkpoint: cannot be written"):
        save_checkpoint(path, network, torch.optim.Adam(network.parameters()), Position("", 1), {})
    assert contents(tmp_path) == {"style.checkpoint": b"the last one"}
