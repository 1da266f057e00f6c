"""Styles of certain times, and what lies between."""

import dataclasses
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result
from media_files import read_video
from training_material import write_picture
from vidstyle.engines.fading import FadingEngine

from vidstyle import InputError, restyle
from vidstyle.engines import Engine
from vidstyle.media.frame import Frame
from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, save_style

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


class Flat(Engine):
    """Paints everything in one level."""

    name, device, depth = "flat", "cpu", 1

    def __init__(self, level: int) -> None:
        self.level, self.closed, self.seen = level, False, list[Frame]()

    def submit(self, frame: Frame) -> None:
        self.seen.append(frame)

    def result(self) -> Frame:
        return dataclasses.replace(self.seen[-1], pixels=np.full_like(self.seen[-1].pixels, self.level))

    def close(self) -> None:
        self.closed = True


def test_an_engine_fades_into_the_next_in_time() -> None:
    engines = [Flat(level) for level in (0, 100, 200)]
    made: list[int] = []

    def maker(index: int) -> Callable[[], Engine]:
        def make() -> Engine:
            made.append(index)
            return engines[index]

        return make

    fading = FadingEngine([(time, maker(index)) for index, time in enumerate((1.0, 2.0, 4.0))])
    levels = []
    # The first frame of a file need not be at zero.
    for n in range(50, 60):
        frame = Frame(np.zeros((16, 16, 3), np.uint8), n, Fraction(1, 2))
        fading.submit(frame)
        painted = fading.result()
        assert (painted.pts, painted.pixels.shape) == (n, (16, 16, 3))
        levels.append(int(painted.pixels[0, 0, 0]))
        assert made == [0, 1, 2][: 1 + (n >= 53) + (n >= 55)]
    assert levels == [0, 0, 0, 50, 100, 125, 150, 175, 200, 200]
    assert [engine.closed for engine in engines] == [True, True, False]
    assert engines[1].seen[0].discontinuity
    assert not engines[1].seen[1].discontinuity
    fading.close()
    assert engines[2].closed


@pytest.fixture
def two_styles(tmp_path: Path) -> list[Path]:
    """A dark one and a light one."""
    paths = []
    for name, level in (("dark", -0.4), ("light", 0.4)):
        network = build_network("realtime", {"channels": 16, "blocks": 1})
        network.get_submodule("tail").weight.data.zero_()
        torch.nn.init.constant_(network.get_submodule("tail").bias, level)
        paths.append(tmp_path / f"{name}.safetensors")
        save_style(paths[-1], network, StyleCard(name, paths[-1], "realtime", {"channels": 16, "blocks": 1}))
    return paths


def test_a_video_goes_from_style_to_style(
    two_styles: list[Path], clip: Path, tmp_path: Path, run_cli: Callable[..., Result]
) -> None:
    dark, light = two_styles
    options = ("--codec", "ffv1", "--engine", "torch", "--json")
    result = run_cli(
        "restyle", clip, tmp_path / "out.mkv", "--style-at", f"0={dark}", "--style-at", f"0.2={light}", *options
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)["style"] == "dark, light"
    levels = [float(frame.mean()) for _, frame in read_video(tmp_path / "out.mkv")]
    assert len(levels) == 10
    assert levels[0] == pytest.approx(25.5, abs=3)
    assert levels[-1] == pytest.approx(229.5, abs=3)
    assert levels == sorted(levels)
    assert any(60 < level < 200 for level in levels)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--style, --style-at: name one style"),
        (("--style", "{dark}", "--style-at", "1={light}"), "--style, --style-at: name one style"),
        (("--style-at", "{dark}"), "takes TIME=STYLE"),
        (("--style-at", "soon={dark}"), "--style-at soon: takes seconds"),
        (("--style-at", "1={dark}", "--style-at", "1.0={light}"), "takes different times"),
        (("--style-at", "0=starry_nihgt"), "did you mean starry_night"),
    ],
)
def test_times_that_cannot_be_are_refused(
    two_styles: list[Path],
    clip: Path,
    tmp_path: Path,
    run_cli: Callable[..., Result],
    options: tuple[str, ...],
    says: str,
) -> None:
    dark, light = two_styles
    given = [option.format(dark=dark, light=light) for option in options]
    result = run_cli("restyle", clip, tmp_path / "out.mkv", *given)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert says in result.err
    assert not (tmp_path / "out.mkv").exists()


def test_a_picture_has_one_style(two_styles: list[Path], tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 0)
    with pytest.raises(InputError, match="a picture has one style"):
        restyle(tmp_path / "a.png", tmp_path / "b.png", style_at=[(0, two_styles[0]), (1, two_styles[1])])
