"""Styles of certain times, and what lies between."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from conftest import Result
from media_files import read_video
from training_material import write_picture

from vidstyle import InputError, restyle
from vidstyle.nets import build_network
from vidstyle.style_files import StyleCard, save_style

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


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
    assert all(after > before - 0.1 for before, after in pairwise(levels))
    assert any(60 < level < 200 for level in levels)


@pytest.mark.parametrize(
    ("options", "says"),
    [
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
