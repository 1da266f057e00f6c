"""The network on bytes: the same pictures, whether colours are converted before and after it or within it."""

import copy
from itertools import product

import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from media_files import colorful_picture, psnr

from vidstyle.engines import network_takes_planes
from vidstyle.engines.frame_function import FrameFunction, frame_function
from vidstyle.lazy_network import REAL_TIME
from vidstyle.media.frame import SWSCALE_MATRIX, Color
from vidstyle.nets import NETWORKS, JohnsonNet, RealtimeNet
from vidstyle.nets.cells import fold_bytes, unfold_bytes
from vidstyle.styles import load_style

MATRICES = {"BT.601": 6, "BT.709": 1, "BT.2020": 9}
COLORS = [Color(matrix, full_range) for matrix, full_range in product(MATRICES.values(), (False, True))]


def to_planes(rgb: np.ndarray, color: Color) -> np.ndarray:
    """(3 H / 2, W) of (H, W, 3)."""
    picture = VideoFrame.from_ndarray(rgb, "rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_colorspace=SWSCALE_MATRIX.get(color.matrix, color.matrix),
        dst_color_range=ColorRange.JPEG if color.full_range else ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
    )
    return picture.to_ndarray()


def to_rgb(planes: np.ndarray, color: Color) -> np.ndarray:
    """(H, W, 3) of (3 H / 2, W)."""
    picture = VideoFrame.from_ndarray(planes, "yuv420p")
    picture.colorspace = color.matrix
    picture.color_range = ColorRange.JPEG if color.full_range else ColorRange.MPEG
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    return picture.reformat(format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=exact).to_ndarray()


@torch.inference_mode()
def paint(function: torch.nn.Module, pixels: np.ndarray) -> np.ndarray:
    return function(torch.from_numpy(pixels)).numpy()


@pytest.mark.parametrize("size", [(64, 48), (63, 49), (16, 17)], ids=str)
def test_rgb_is_painted_as_if_converted_outside(size: tuple[int, int]) -> None:
    network, pixels = load_style("starry_night").network, colorful_picture(2, *size)
    outside = paint(FrameFunction(copy.deepcopy(network), torch.float32), pixels).astype(int)
    within = paint(frame_function(copy.deepcopy(network), torch.float32), pixels).astype(int)
    assert np.abs(within - outside).max() <= 1
    assert np.abs(within - pixels).mean() > 3


@pytest.mark.parametrize("size", [(64, 48), (66, 50)], ids=str)
@pytest.mark.parametrize("color", COLORS, ids=str)
def test_planes_are_painted_as_their_rgb_is(color: Color, size: tuple[int, int]) -> None:
    # A style that makes little of what eight bits round away; and of where chroma lies, which may be seen in luma, see
    # test_orthochromatic.py.
    network = load_style("great_wave").network
    assert isinstance(network, RealtimeNet)
    network.orthochromatic = 0.0
    planes = to_planes(colorful_picture(2, *size), color)
    rgb = to_rgb(planes, color)
    expected = to_planes(paint(frame_function(copy.deepcopy(network), torch.float32), rgb), color)
    painted = paint(frame_function(copy.deepcopy(network), torch.float32, color), planes)
    height = size[1]
    assert psnr(painted[:height], expected[:height]) > 40
    assert psnr(painted[height:], expected[height:]) > 40
    assert psnr(painted[:height], planes[:height]) < 35


@pytest.mark.parametrize("color", COLORS, ids=str)
def test_painted_planes_stay_within_their_range(color: Color) -> None:
    network = load_style("starry_night").network
    with torch.no_grad():
        network.tail.weight *= 50
    noise = np.random.default_rng(0).integers(0, 256, (72, 64), np.uint8)
    painted = paint(frame_function(network, torch.float32, color), noise)
    low, high, chroma = (0, 255, 255) if color.full_range else (16, 235, 240)
    assert painted[:48].min() >= low
    assert painted[48:].min() >= low
    assert painted[:48].max() == high
    assert painted[48:].max() <= chroma


@pytest.mark.parametrize(("size", "planes"), [((64, 48), True), ((62, 50), True), ((63, 49), False), ((16, 17), False)])
def test_folding_is_undone_by_unfolding(size: tuple[int, int], planes: bool) -> None:
    width, height = size
    shape = (height * 3 // 2, width) if planes else (height, width, 3)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
    cells = fold_bytes(pixels, 2, planes=planes)[:, 2:-2, 2:-2]
    assert torch.equal(unfold_bytes(cells, (height, width), planes=planes), pixels)


def test_planes_are_for_the_real_time_network_and_known_colours_of_8_bits() -> None:
    network = load_style("starry_night").network
    assert network_takes_planes(network, Color())
    assert not network_takes_planes(JohnsonNet(), Color())
    assert not network_takes_planes(network, Color(bits=10))
    assert not network_takes_planes(network, Color(matrix=7))
    with pytest.raises(ValueError, match="JohnsonNet takes RGB, not planes"):
        frame_function(JohnsonNet(), torch.float32, Color())
    with pytest.raises(ValueError, match="no planes of these colours"):
        frame_function(network, torch.float32, Color(matrix=7))


def test_what_is_loaded_late_is_known_to_be_a_real_time_network_by_its_name() -> None:
    assert {name for name, make in NETWORKS.items() if isinstance(make(), RealtimeNet)} == set(REAL_TIME)
