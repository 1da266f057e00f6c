"""Measuring styles on a video."""

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Result

from vidstyle.bench.evaluate import Clip
from vidstyle.errors import InputError
from vidstyle.media.frame import Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.style_files import read_card, save_style
from vidstyle.styles import find_style, load_style

pytestmark = pytest.mark.slow

Cli = Callable[..., Result]
SIDE = 128


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A texture that drifts by two pixels a frame."""
    noise = np.random.default_rng(0).random((20, 30, 3), np.float32)
    scene = (cv2.resize(noise, (240, 160), interpolation=cv2.INTER_CUBIC) * 255).clip(0, 255).astype(np.uint8)
    path = tmp_path / "clip.mp4"
    with FileSink(path, VideoFormat(SIDE, SIDE, Fraction(1, 25), Fraction(25)), quality=4) as sink:
        for n in range(5):
            view = np.ascontiguousarray(scene[16 : 16 + SIDE, 2 * n : 2 * n + SIDE])
            sink.write(Frame(view, n, Fraction(1, 25), 1))
    return path


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    """A style that may be written to."""
    style = load_style("starry_night")
    path = tmp_path / "mine.safetensors"
    save_style(path, style.network, style.card)
    return path


def test_what_moves_along_has_hardly_an_error_and_noise_has_a_large_one(clip: Path) -> None:
    measured = Clip(clip)
    noise = np.random.default_rng(0)
    flicker = [noise.integers(0, 256, frame.shape, np.uint8) for frame in measured.frames]
    assert measured.warp_error(measured.frames) < 0.02
    # Of two independent uniform numbers, one of them smoothed by being moved.
    assert 0.25 < measured.warp_error(flicker) < 0.42


def test_every_installed_style_is_measured_without_a_perceptual_network(
    clip: Path, run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of those that come along, two: each is compiled.
    for name in ("great_wave", "starry_night"):
        (tmp_path / "library").mkdir(exist_ok=True)
        shutil.copy(find_style(name), tmp_path / "library")
    monkeypatch.setattr("vidstyle.styles.library", lambda: tmp_path / "library")
    result = run_cli("evaluate", clip, "--frames", 3, "--json")
    assert result.code == 0, result.err
    rows = json.loads(result.out)
    assert [row["style"] for row in rows] == ["great_wave", "starry_night"]
    for row in rows:
        assert 0 < row["warp_error_source"] < row["warp_error_per_frame"] < 0.5
        assert 0 < row["warp_error"] < 0.5
        assert "style_distance" not in row


def test_the_figures_go_into_the_style_file(clip: Path, material: Path, style_file: Path, run_cli: Cli) -> None:
    before = read_card(style_file)
    weights = ("--perceptual-weights", material, "--picture", material / "dots.png")
    result = run_cli("evaluate", clip, "--style", style_file, "--frames", 3, *weights, "--write")
    assert result.code == 0, result.err
    # Headings are broken where the terminal is narrow.
    for word in ("mine", "warp", "style", "content", "grid", f"{read_card(style_file).metrics['warp_error']:.3g}"):
        assert word in result.out
    card = read_card(style_file)
    assert {"warp_error", "warp_error_per_frame", "style_distance", "content_distance"} <= card.metrics.keys()
    assert card.metrics["style_distance"] > 0
    assert (card.title, card.recipe) == (before.title, before.recipe)
    # The weights stay as they are.
    ours, theirs = (load_style(style).network.state_dict() for style in (style_file, "starry_night"))
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_a_style_whose_picture_is_not_there_is_measured_without(clip: Path, material: Path, run_cli: Cli) -> None:
    weights = ("--perceptual-weights", material, "--recipes", material)
    result = run_cli("evaluate", clip, "--style", find_style("starry_night"), "--frames", 2, *weights, "--json")
    assert result.code == 0
    assert "names its picture; see --picture" in result.err
    assert "style_distance" not in json.loads(result.out)[0]


def test_a_still_is_no_clip(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError, match="one frame only"):
        Clip(clip, frames=1)


def test_a_missing_clip_is_an_error(tmp_path: Path, run_cli: Cli) -> None:
    result = run_cli("evaluate", tmp_path / "none.mp4", "--style", "Starry Night")
    assert (result.code, len(result.err.strip().splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--picture", "none.jpg"], "--picture none.jpg: no such picture"),
        (["--perceptual", "vgg99"], "--perceptual vgg99: unknown; use vgg16"),
    ],
)
def test_what_it_is_to_compare_with_must_be_there(clip: Path, run_cli: Cli, options: list[str], says: str) -> None:
    result = run_cli("evaluate", clip, "--style", "starry_night", *options)
    assert result.code == 2
    assert says in result.err


def test_the_perceptual_network_that_ships_judges_without_a_file(clip: Path, material: Path, run_cli: Cli) -> None:
    arguments = ("evaluate", clip, "--style", find_style("starry_night"), "--frames", 2, "--json")
    alone = run_cli(*arguments)
    assert "note: steadiness and grid alone" in alone.err
    assert "style_distance" not in json.loads(alone.out)[0]
    judged = run_cli(*arguments, "--perceptual", "vidstyle", "--picture", material / "dots.png")
    assert "note" not in judged.err
    assert 0 < json.loads(judged.out)[0]["style_distance"] < 5
