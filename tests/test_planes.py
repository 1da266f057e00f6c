"""From decoder to encoder without converting colours, where both speak 8-bit 4:2:0."""

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import colorful_picture, make_video, psnr
from test_color import RANGES, SPACES, decode, luma, make_colored, tags
from torch import Tensor, nn

from vidstyle import restyle
from vidstyle.media.converting import FrameConverter
from vidstyle.media.sources import FileSource
from vidstyle.nets import JohnsonNet, RealtimeNet
from vidstyle.style_files import Style, StyleCard
from vidstyle.styles import load_style


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What colour conversions have been done so far."""
    done: list[str] = []
    to_rgb = FrameConverter.to_rgb

    def noted(*args: Any, **options: Any) -> Any:
        done.append("to RGB")
        return to_rgb(*args, **options)

    monkeypatch.setattr(FrameConverter, "to_rgb", noted)
    return done


def paint_file(source: Path, output: Path, network: nn.Module | None = None, **options: object) -> Path:
    # A style that makes little of what eight bits round away.
    network = network or load_style("great_wave").network
    style = Style(StyleCard("any", Path("any"), "realtime"), network)
    restyle(source, output, style=style, engine="torch", **{"codec": "h264", "quality": 2, "steady": False, **options})
    return output


@pytest.mark.parametrize(("space", "color_range"), [*product(SPACES, RANGES)])
def test_planes_become_the_same_file_as_rgb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, converted: list[str], space: str, color_range: str
) -> None:
    source = make_colored(tmp_path / "a.mp4", space, color_range, 8)
    planes = decode(paint_file(source, tmp_path / "planes.mp4"))
    assert not converted
    monkeypatch.setattr(FileSource, "has_planes", False)
    rgb = decode(paint_file(source, tmp_path / "rgb.mp4"))
    assert len(converted) == len(planes) == 3
    for one, other in zip(planes, rgb, strict=True):
        assert tags(one) == tags(other)
        assert psnr(luma(one), luma(other)) > 40
        for plane in (1, 2):
            ours, theirs = (np.frombuffer(f.planes[plane], np.uint8) for f in (one, other))
            assert psnr(ours, theirs) > 40


@pytest.mark.parametrize(
    ("options", "source"),
    [
        ({"size": (32, 32)}, {}),
        ({"codec": "ffv1", "quality": None}, {}),
        ({}, {"pixel_format": "yuv444p"}),
        ({}, {"pixel_format": "yuv420p10le", "codec": "libx265"}),
        ({}, {"pictures": [colorful_picture(0, 63, 49)], "codec": "ffv1"}),
        ({}, {"prepare": lambda stream: stream.set_display_rotation(90)}),
        ({"network": JohnsonNet().eval()}, {}),
    ],
    ids=["scaled", "ffv1", "4:4:4", "10 bits", "odd sides", "rotated", "johnson"],
)
def test_all_else_goes_by_way_of_rgb(
    tmp_path: Path, converted: list[str], options: dict[str, object], source: dict[str, object]
) -> None:
    path = make_video(tmp_path / "a.mkv", times=[0], **{"pictures": [colorful_picture()], **source})
    paint_file(path, tmp_path / "b.mkv", **options)
    assert converted == ["to RGB"]


def test_pixels_that_are_not_square_keep_their_shape(tmp_path: Path, converted: list[str]) -> None:
    def stretch(stream: object) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)

    path = make_video(tmp_path / "a.mp4", pictures=[colorful_picture()], times=[0], prepare=stretch)
    paint_file(path, tmp_path / "b.mp4")
    assert converted == ["to RGB"]
    assert decode(tmp_path / "b.mp4")[0].width == 64


@pytest.mark.parametrize("look", [{"strength": 0.5}, {"keep_colors": True}], ids=str)
def test_looks_need_no_conversion(tmp_path: Path, converted: list[str], look: dict[str, object]) -> None:
    path = make_colored(tmp_path / "a.mp4", "BT.709", "limited", 8)
    plain = decode(paint_file(path, tmp_path / "b.mp4"))
    looked = decode(paint_file(path, tmp_path / "c.mp4", **look))
    assert not converted
    assert (plain[0].to_ndarray() != looked[0].to_ndarray()).any()


def test_a_still_video_is_painted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(
        tmp_path / "a.mkv", pictures=[colorful_picture()] * 6, times=range(6), codec="ffv1", pixel_format="yuv420p"
    )
    calls = []
    forward = RealtimeNet.still_ground

    def counted(network: RealtimeNet, x: Tensor) -> Tensor:
        calls.append(x.shape)
        return forward(network, x)

    monkeypatch.setattr(RealtimeNet, "still_ground", counted)
    network = RealtimeNet(16, 1).eval().requires_grad_(False)
    paint_file(path, tmp_path / "b.mp4", network)
    assert len(calls) == 1
    assert len(decode(tmp_path / "b.mp4")) == 6
