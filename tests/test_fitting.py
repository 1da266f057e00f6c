"""Frames too large for the device: painted in parts without seams, or refused with a size that fits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from media_files import colorful_picture, make_video, psnr
from test_cells import to_planes
from torch import Tensor, nn

from vidstyle import InputError, restyle
from vidstyle.engines.fitting import SMALLEST_TILE, FittingFunction, is_lost_device, is_out_of_memory
from vidstyle.engines.frame_function import CellFunction, frame_function
from vidstyle.media.frame import Color
from vidstyle.nets import FormNet, RealtimeNet
from vidstyle.nets.cells import CellNet
from vidstyle.style_files import Style, StyleCard
from vidstyle.styles import load_style

SIZE = (253, 166)
"""Neither side is a multiple of 4."""

pytestmark = pytest.mark.usefixtures("one_thread")


def noisy_picture(width: int, height: int) -> np.ndarray:
    """Bright on one side, dark on the other, with noise: parts differ in light, and every pixel has an answer."""
    noise = np.random.default_rng(0).integers(-40, 40, (height, width, 3))
    ramp = np.linspace(-60, 60, width)[None, :, None]
    return (colorful_picture(3, width, height) + noise + ramp).clip(0, 255).astype(np.uint8)


@torch.inference_mode()
def paint(function: Callable[..., Tensor], pixels: np.ndarray, *arguments: int) -> np.ndarray:
    return function(torch.from_numpy(pixels), *arguments).numpy()


def small_network() -> RealtimeNet:
    """What depends on little around it, so that small pictures have parts."""
    network = load_style("starry_night_light").network
    assert isinstance(network, RealtimeNet)
    network.strokes = None
    return network


def functions(planes: Color | None = None) -> CellFunction:
    function = frame_function(small_network(), torch.float32, planes)
    assert isinstance(function, CellFunction)
    return function


# --- in parts


@pytest.mark.parametrize("planes", [False, True])
def test_parts_leave_no_seams(planes: bool) -> None:
    width, height = (size - size % 2 for size in SIZE) if planes else SIZE
    pixels = noisy_picture(width, height)
    color = Color() if planes else None
    pixels = to_planes(pixels, color) if color else pixels
    function = functions(color)
    whole = paint(function, pixels)
    for side in (20, 57):
        parts = paint(function.in_tiles, pixels, side)
        assert psnr(parts, whole) > 45
        assert np.abs(parts.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("planes", [None, Color()], ids=["rgb", "planes"])
@pytest.mark.parametrize("strokes", [None, {"strength": 0.5, "length": 0.6}], ids=["form", "strokes"])
def test_parts_leave_no_seams_in_forms_and_strokes_either(
    strokes: dict[str, float] | None, planes: Color | None
) -> None:
    torch.manual_seed(0)
    network = FormNet(16, 2, widths=(8, 8), depths=(1, 1), strokes=strokes).eval()
    nn.init.normal_(network.form.up[0].weight, std=0.2)
    pixels = noisy_picture(402, 298)
    pixels = to_planes(pixels, planes) if planes else pixels
    function = frame_function(network, torch.float32, planes)
    assert isinstance(function, CellFunction)
    whole = paint(function, pixels)
    for side in (21, 34):
        assert np.abs(paint(function.in_tiles, pixels, side).astype(int) - whole).max() <= 1


@pytest.mark.slow
def test_parts_have_the_strokes_of_the_whole_in_half_precision_too() -> None:
    function = frame_function(load_style("starry_night").network, torch.bfloat16)
    assert isinstance(function, CellFunction)
    pixels = np.full((480, 640, 3), 90, np.uint8)
    assert np.abs(paint(function.in_tiles, pixels, 60).astype(int) - paint(function, pixels)).max() <= 1


def test_it_is_the_surroundings_the_light_and_the_canvas_that_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, function = noisy_picture(*SIZE), functions()
    whole = paint(function, pixels)
    half = SIZE[0] // 8 * 4
    assert psnr(paint(function, np.ascontiguousarray(pixels[:, :half])), whole[:, :half]) < 45
    monkeypatch.setattr(RealtimeNet, "reach", 2)
    assert psnr(paint(function.in_tiles, pixels, 20), whole) < 45


def test_reach_is_how_far_a_pixel_is_seen() -> None:
    network = small_network()
    picture, light = torch.full((1, 3, 256, 256), 0.5), torch.tensor([[0.5, 0.25]])
    changed = picture.clone()
    changed[..., 128:132, 128:132] = 1
    with torch.inference_mode():
        difference = (network(changed, light=light) - network(picture, light=light)).abs().amax((0, 1))
    rows = torch.nonzero(difference.amax(1) > 1e-6).flatten() // 4
    assert rows.min() >= 32 - network.reach
    assert rows.max() <= 32 + network.reach


# --- when there is no room


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[tuple[int, int]]]:
    """Gives the network room for so many positions; what it has been asked for since is in the list."""
    whole, asked = CellNet.paint, []

    def limit(positions: int) -> list[tuple[int, int]]:
        def within_room(net: CellNet, cells: Tensor, *rest: Tensor) -> Tensor:
            asked.append((cells.shape[1], cells.shape[2]))
            if cells.shape[1] * cells.shape[2] > positions:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return whole(net, cells, *rest)

        monkeypatch.setattr(CellNet, "paint", within_room)
        return asked

    return limit


def test_a_frame_without_room_is_painted_in_parts(room: Callable[[int], list[tuple[int, int]]]) -> None:
    pixels = noisy_picture(400, 300)
    whole = paint(functions(), pixels)
    asked = room(90 * 70)
    function = FittingFunction(functions(), "cuda:0")
    assert psnr(paint(function, pixels), whole) > 45
    assert function.side(torch.Size(pixels.shape)) == 50
    # What does not fit is not tried again, and what fits is painted whole.
    asked.clear()
    paint(function, pixels)
    assert max(height * width for height, width in asked) <= 90 * 70
    paint(function, noisy_picture(64, 48))
    assert asked[-1] == (16, 20)


def test_where_not_even_parts_fit_a_size_is_named(room: Callable[[int], list[tuple[int, int]]]) -> None:
    room(30 * 30)
    function = FittingFunction(functions(), "cuda:0")
    message = r"^cuda:0: not enough memory to paint 400x300; 100x74 fits, see size$"
    with pytest.raises(InputError, match=message):
        paint(function, noisy_picture(400, 300))
    room(10)
    with pytest.raises(InputError, match=r"^cuda:0: not enough memory to paint 400x300; close what else uses it"):
        paint(function, noisy_picture(400, 300))


class Cramped(nn.Module):
    """A network with statistics of the whole frame, for which there is room up to 120x90."""

    def forward(self, image: Tensor) -> Tensor:
        if image.shape[-2] * image.shape[-1] > 120 * 90:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return 1 - image


def test_networks_that_see_the_whole_frame_are_refused_with_a_size_that_fits() -> None:
    function = FittingFunction(frame_function(Cramped(), torch.float32), "cpu")
    with pytest.raises(InputError, match=r"^cpu: not enough memory to paint 240x180; 120x90 fits, see size$"):
        paint(function, noisy_picture(240, 180))
    assert paint(function, noisy_picture(120, 90)).shape == (90, 120, 3)


def test_other_failures_pass() -> None:
    class Broken(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        paint(FittingFunction(frame_function(Broken(), torch.float32), "cpu"), noisy_picture(64, 48))


def test_an_engine_paints_a_frame_without_room(room: Callable[[int], list[tuple[int, int]]], tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", pictures=[noisy_picture(320, 240)] * 2, times=[0, 40])
    style = Style(StyleCard("any", Path("any"), "realtime"), small_network())
    asked = room((2 * SMALLEST_TILE) ** 2)
    summary = restyle(source, tmp_path / "b.mp4", style=style, engine="torch", steady=False)
    assert summary.frames == 2
    assert len(asked) > 4


def test_a_size_that_does_not_fit_is_the_end_of_a_run(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", pictures=[noisy_picture(240, 180)] * 2, times=[0, 40])
    style = Style(StyleCard("any", Path("any"), "johnson"), Cramped())
    with pytest.raises(InputError, match="not enough memory to paint 240x180; 120x90 fits"):
        restyle(source, tmp_path / "b.mp4", style=style, engine="torch")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


# --- what errors mean


@pytest.mark.parametrize(
    ("error", "memory", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True, False),
        (MemoryError(), True, False),
        (RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ..."), False, True),
        (RuntimeError("shapes do not fit"), False, False),
        (ValueError("CUDA error"), False, False),
    ],
    ids=str,
)
def test_errors_are_told_apart(error: Exception, memory: bool, lost: bool) -> None:
    assert (is_out_of_memory(error), is_lost_device(error)) == (memory, lost)
