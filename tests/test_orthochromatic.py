"""What has another colour than what is behind it is not lost: red is seen darker than blue."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from av.video.reformatter import VideoReformatter
from media_files import psnr
from PIL import Image
from torch import Tensor

from vidstyle.engines.frame_function import frame_function
from vidstyle.media.color import LUMA, planes_of_rgb
from vidstyle.media.frame import Color
from vidstyle.nets import build_network
from vidstyle.nets.realtime import RealtimeNet
from vidstyle.style_files import StyleCard, save_style
from vidstyle.styles import list_styles, load_style

SMALL = {"channels": 16, "blocks": 1, "strokes": {"strength": 0.4, "clear": 0.01}}
FOX, WALL = (0.70, 0.35, 0.15), (0.38, 0.42, 0.39)
"""Two colours of one luminance, RGB."""


def twins(share: float, name: str = "realtime") -> tuple[RealtimeNet, RealtimeNet]:
    """Two networks with the same weights, of which the second sees red darker."""
    torch.manual_seed(0)
    plain, seeing = (build_network(name, SMALL | {"orthochromatic": k}).eval() for k in (0.0, share))
    seeing.load_state_dict(plain.state_dict())
    assert isinstance(plain, RealtimeNet)
    assert isinstance(seeing, RealtimeNet)
    return plain, seeing


def luma(rgb: Tensor) -> Tensor:
    return torch.tensordot(torch.tensor(LUMA), rgb, ([0], [-3]))


def disc(inside: tuple[float, float, float], outside: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    """A disc before a wall, (1, 3, 240, 320), and where it is, (240, 320)."""
    y, x = torch.meshgrid(torch.arange(240.0), torch.arange(320.0), indexing="ij")
    mask = (y - 120) ** 2 + (x - 160) ** 2 < 70**2
    colors = (torch.tensor(color)[:, None, None] for color in (inside, outside))
    one, other = colors
    return torch.where(mask, one, other)[None], mask


@torch.inference_mode()
def test_red_is_seen_darker_blue_lighter_and_grey_as_it_is() -> None:
    _, network = twins(0.25)
    red, blue, grey = (torch.tensor(c).view(1, 3, 1, 1) for c in ((1.0, 0, 0), (0, 0, 1.0), (0.3, 0.3, 0.3)))
    assert float(luma(network.seen(red))) == pytest.approx(LUMA[0] - 0.25, abs=1e-6)
    assert float(luma(network.seen(blue))) == pytest.approx(LUMA[2] + 0.25, abs=1e-6)
    torch.testing.assert_close(network.seen(grey), grey)


@pytest.mark.parametrize("name", ["realtime", "form"])
@torch.inference_mode()
def test_a_picture_is_painted_as_one_of_the_seen_colours_would_be(name: str) -> None:
    plain, network = twins(0.3, name)
    picture = torch.rand(1, 3, 64, 80)
    torch.testing.assert_close(network(picture), plain(network.seen(picture)), rtol=1e-4, atol=1e-4)
    assert float((network(picture) - plain(picture)).abs().mean()) > 0.01
    grey = picture.mean(1, keepdim=True).expand(1, 3, 64, 80)
    torch.testing.assert_close(network(grey), plain(grey), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["starry_night", "great_wave", "the_scream", "shipwreck"])
@torch.inference_mode()
def test_a_fox_stands_out_from_a_wall_of_its_light(name: str) -> None:
    picture, inside = disc(FOX, WALL)
    light = luma(picture[0])
    assert abs(float(light[inside].mean() - light[~inside].mean())) < 0.02

    def contrast(network: torch.nn.Module) -> float:
        painted = luma(network(picture)[0])
        return 255 * abs(float(painted[inside].mean() - painted[~inside].mean()))

    network = load_style(name).network
    assert isinstance(network, RealtimeNet)
    assert contrast(network) > 50
    network.orthochromatic = 0.0
    assert contrast(network) < 30


@pytest.mark.parametrize("full_range", [False, True])
def test_planes_are_seen_as_their_rgb_is(full_range: bool) -> None:
    """Of a picture whose colours change slowly, so that planes have them as well."""
    y, x = np.mgrid[:96, :128] / 128
    rgb = np.stack((0.2 + 0.6 * x, 0.4 + 0.2 * y, 0.7 - 0.5 * x), 2)
    _, network = twins(0.5)
    color = Color(1, full_range)
    pixels = (255 * rgb).round().astype(np.uint8)
    planes = planes_of_rgb(pixels, color, VideoReformatter())
    by_planes = frame_function(copy.deepcopy(network), torch.float32, color)
    by_rgb = frame_function(copy.deepcopy(network), torch.float32)
    with torch.inference_mode():
        painted, expected = by_planes(torch.from_numpy(planes)).numpy(), by_rgb(torch.from_numpy(pixels)).numpy()
    shown = planes_of_rgb(expected, color, VideoReformatter())
    assert psnr(painted[:96], shown[:96]) > 38
    network.orthochromatic = 0.0
    with torch.inference_mode():
        other = frame_function(network, torch.float32)(torch.from_numpy(pixels)).numpy()
    assert psnr(other, expected) < 30


def test_all_styles_of_the_real_time_network_that_tell_light_from_dark_see_so() -> None:
    cards = [card for card in list_styles() if card.network in ("realtime", "form")]
    assert {card.name for card in cards if card.arguments.get("orthochromatic") != 0.25} == {"cezanne"}


def test_styles_of_any_picture_see_so_as_well(few_steps: None, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    assert load_style(tmp_path / "a.png").card.arguments["orthochromatic"] == 0.25


def test_a_mix_sees_as_much_of_it_as_its_styles_on_the_mean(tmp_path: Path) -> None:
    for name, arguments in (("a", SMALL), ("b", SMALL | {"orthochromatic": 0.2})):
        path = tmp_path / f"{name}.safetensors"
        save_style(path, build_network("realtime", arguments), StyleCard(name, path, "realtime", arguments))
    a, b = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for mix in (f"{a}:1,{b}:3", f"{b}:3,{a}:1"):
        style = load_style(mix)
        assert style.card.arguments["orthochromatic"] == pytest.approx(0.15)
        assert isinstance(style.network, RealtimeNet)
        assert style.network.orthochromatic == pytest.approx(0.15)
    assert "orthochromatic" not in load_style(f"{a}:0.5,{a}:0.5").card.arguments


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_shares_that_cannot_be_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="orthochromatic"):
        build_network("realtime", {"orthochromatic": share})
