"""What many tests start from: a style, a clip, and the command line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from media_files import colorful_picture, make_video
from PIL import Image
from training_material import make_material

from vidstyle import cli, interruption
from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, save_style
from vidstyle.training.recipe import Recipe, load_recipe

# Plugins of fixtures, from which tests import more than that.
pytest.register_assert_rewrite("demo_pages", "demo_visits", "meta_recipes", "paint_material")
# Here and in what is started: threads that share small layers wait for each other longer than they compute.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that are slow from end to end come first, so that no process is left with a long one at the end."""

    def is_slow(item: pytest.Item) -> bool:
        module = item.getparent(pytest.Module)
        return module is not None and any(mark.name == "slow" for mark in module.own_markers)

    items.sort(key=lambda item: not is_slow(item))


FAILED = pytest.StashKey[bool]()
"""Of a test, whether it has: what it shared with others may be at fault, and is made anew for the next."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether a test has failed, for the fixtures that it used."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own, for this process and those it starts."""
    before = os.environ.get("XDG_CACHE_HOME")
    folder = tmp_path_factory.mktemp("cache")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Styles of pictures as they are made, in a tenth of the time, for tests that ask for it."""
    monkeypatch.setattr("vidstyle.any_style.polish.STEPS", 2)


@pytest.fixture(scope="session")
def style_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style with random weights: it paints fast and changes everything."""
    path = tmp_path_factory.mktemp("styles") / "noise.safetensors"
    arguments = {"channels": 16, "blocks": 1}
    torch.manual_seed(0)
    network = build_network("realtime", arguments)
    save_style(path, network, StyleCard("noise", path, "realtime", arguments, title="Noise"))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames of 64x48 without any loss."""
    pictures = [colorful_picture(n) for n in range(10)]
    return make_video(tmp_path / "clip.mkv", pictures=pictures, codec="ffv1", pixel_format="bgr0")


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread of torch, even where somebody has asked for more since."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """A folder of everything that training needs; see make_material."""
    return make_material(tmp_path)


@pytest.fixture
def recipe(material: Path) -> Recipe:
    """A recipe that trains on `material` in seconds."""
    return load_recipe(material / "train" / "dots.toml")


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Result]]:
    """Run a command in this process."""
    handlers = {number: signal.getsignal(number) for number in interruption.SIGNALS}

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def refused(run_cli: Callable[..., Result], tmp_path: Path) -> Callable[..., str]:
    """Run a command that must fail with exit code 2, one line, and nothing written; gives the line."""

    def run(*arguments: object) -> str:
        before = contents(tmp_path)
        result = run_cli(*arguments)
        assert result.code == 2
        assert result.out == ""
        assert re.fullmatch(r"vidstyle: error: [^\n]+\n", result.err), result.err
        assert contents(tmp_path) == before
        return result.err

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small PNG."""
    path = tmp_path / "picture.png"
    Image.fromarray(colorful_picture()).save(path)
    return path


@pytest.fixture
def start_cli() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "vidstyle", *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file and folder below `folder`, hidden ones too."""
    return {
        os.path.relpath(path, folder): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }
