"""Strokes that follow form: where they run, how strong they are, and that they cost little."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vidstyle.nets import build_network
from vidstyle.nets.canvas import (
    CANVAS_SIDE,
    grain_plane,
    potential_plane,
    sample_canvas,
    sample_strokes,
    still_coordinates,
)
from vidstyle.nets.realtime import RealtimeNet, unfold
from vidstyle.nets.strokes import (
    LONG,
    PHASES,
    PLANES,
    READABLE,
    SHARPNESS,
    StrokeField,
    Strokes,
    directions,
    grain_lines,
    line_angles,
    unit,
)
from vidstyle.perception.contours import structure_tensor
from vidstyle.style_files import StyleCard, save_style
from vidstyle.styles import load_style

SIZE = 60, 90
"""Positions."""
USUAL = Strokes()


def drawn(luma: Tensor, strokes: Strokes = USUAL) -> np.ndarray:
    """Strokes under a picture of positions (h, w), a pixel each: (4 h, 4 w)."""
    with torch.inference_mode():
        field = StrokeField(strokes).eval()
        cells, ground = field(luma[None, None], sample_strokes(still_coordinates(*luma.shape)))
        assert ground.shape == (1, 0, *luma.shape)
        assert cells.shape == (1, 16, *luma.shape)
        return unfold(cells)[0, 0].numpy()


def edge(angle: float) -> Tensor:
    """Half dark, half bright, a soft contour at an angle through the middle."""
    y, x = torch.meshgrid(torch.arange(SIZE[0]) - SIZE[0] / 2, torch.arange(SIZE[1]) - SIZE[1] / 2, indexing="ij")
    return torch.tanh((y * math.cos(angle) - x * math.sin(angle)) / 6) / 4


def run_along(picture: np.ndarray, angle: float) -> float:
    """How much strokes run along an angle: 1 where all do, -1 where all run across, 0 where they run anywhere."""
    energy, even, odd = structure_tensor(torch.from_numpy(picture)[None, None])[0].sum((1, 2)).tolist()
    return -(even * math.cos(2 * angle) + odd * math.sin(2 * angle)) / energy


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 4, math.pi / 2, 2.5])
def test_strokes_run_along_a_contour_whatever_its_angle(angle: float) -> None:
    middle = drawn(edge(angle), Strokes(swirls=0))[80:160, 140:220]
    assert run_along(middle, angle) > 0.5


def test_strokes_run_around_what_is_round() -> None:
    y, x = torch.meshgrid(torch.arange(80.0) - 40, torch.arange(80.0) - 40, indexing="ij")
    picture = drawn(torch.tanh((20 - torch.hypot(x, y)) / 5) / 4)
    ring = torch.from_numpy(picture)[None, None]
    tensor = structure_tensor(ring)[0].double()
    angle = 2 * torch.atan2(y, x).repeat_interleave(4, 0).repeat_interleave(4, 1)[:-1, :-1]
    near = (torch.hypot(x, y) - 20).abs().repeat_interleave(4, 0).repeat_interleave(4, 1)[:-1, :-1] < 4
    # Their gradient points to the middle.
    outwards = (tensor[1] * angle.cos() + tensor[2] * angle.sin())[near].sum() / tensor[0][near].sum()
    assert outwards > 0.5


def test_a_flat_picture_has_swirls() -> None:
    flat = torch.zeros(SIZE)
    picture = drawn(flat)
    field, _, _ = directions(flat[None, None], sample_strokes(still_coordinates(*SIZE))[:, PHASES:], 0.35)
    # Directions differ from place to place, and strokes run along them.
    assert float(field.mean((2, 3)).norm()) < 0.5
    tensor = structure_tensor(torch.from_numpy(picture)[None, None])
    along = cv2.resize(field[0].permute(1, 2, 0).numpy(), (picture.shape[1] - 1, picture.shape[0] - 1))
    agreement = -(tensor[0, 1:].permute(1, 2, 0).numpy() * along).sum() / float(tensor[0, 0].sum())
    assert agreement > 0.5


def test_a_style_file_has_them_as_the_network_had(tmp_path: Path) -> None:
    torch.manual_seed(0)
    arguments = {"channels": 16, "blocks": 1, "strokes": {"strength": 0.5, "width": 1.5}}
    network, path = build_network("realtime", arguments).eval(), tmp_path / "a.safetensors"
    save_style(path, network, StyleCard("a", path, "realtime", arguments))
    picture = torch.rand(1, 3, 48, 64)
    with torch.inference_mode():
        torch.testing.assert_close(load_style(path).network(picture), network(picture), rtol=0, atol=0.01)


@pytest.mark.parametrize(("width", "length"), [(0.7, 0.7), (1, 1), (1.5, 2), (2.5, 3)])
def test_strokes_of_every_size_are_as_strong(width: float, length: float) -> None:
    picture = drawn(torch.zeros(SIZE), Strokes(strength=0.5, width=width, length=length))
    assert 0.3 < picture.std() < 0.6
    assert abs(float(picture.mean())) < 0.1


def test_longer_and_wider_strokes_are_longer_and_wider() -> None:
    fine, wide, long = (
        drawn(edge(0.0), Strokes(swirls=0, width=width, length=length))[80:160, 120:240]
        for width, length in ((1, 1), (2, 1), (1, 2))
    )

    def change(picture: np.ndarray, axis: int) -> float:
        return float(np.abs(np.diff(picture, axis=axis)).mean() / picture.std())

    assert change(wide, 0) < 0.8 * change(fine, 0)
    assert change(long, 1) < 0.8 * change(fine, 1)
    assert change(long, 0) > 0.75 * change(fine, 0)


def test_where_there_is_detail_strokes_are_faint() -> None:
    luma = torch.zeros(SIZE)
    luma[:, 45:] = 0.25 * (-1.0) ** torch.div(torch.arange(45), 2, rounding_mode="floor")
    picture = drawn(luma)
    assert picture[:, 250:].std() < 0.4 * picture[:, :100].std()


def face(luma: Tensor) -> Tensor:
    """Two eyes and a mouth, each of a few positions, on (h, w) that is flat: what is between them is a face."""
    luma = luma.clone()
    for rows, columns in (
        (slice(22, 24), slice(20, 23)),
        (slice(22, 24), slice(29, 32)),
        (slice(32, 34), slice(22, 30)),
    ):
        luma[rows, columns] -= 0.4
    return luma


def test_a_face_is_left_clear_and_the_wall_behind_it_is_not() -> None:
    luma = face(torch.zeros(SIZE))
    canvas = torch.cat((sample_canvas(2, still_coordinates(*SIZE)), sample_strokes(still_coordinates(*SIZE))), 1)
    cheeks, wall = (slice(25, 31), slice(22, 30)), (slice(10, 50), slice(55, 85))
    with torch.inference_mode():
        (pixels, ground), (clear_pixels, clear_ground) = (
            StrokeField(Strokes(clear=clear)).eval()(luma[None, None], canvas) for clear in (0.0, 0.015)
        )
    for everywhere, clear in ((pixels, clear_pixels), (ground, clear_ground)):
        on_the_face, behind = (
            float(clear[:, :, rows, columns].std() / everywhere[:, :, rows, columns].std())
            for rows, columns in (cheeks, wall)
        )
        assert on_the_face < 0.6
        assert behind > 0.95


def test_the_canvas_repeats_without_a_seam() -> None:
    still = still_coordinates(12, 10)
    on = sample_strokes(still)
    assert on.shape == (1, PLANES, 12, 10)
    torch.testing.assert_close(sample_strokes(still + CANVAS_SIDE), on, rtol=0, atol=2e-3)
    torch.testing.assert_close(on[0, PHASES], potential_plane()[0, 0, 2:14, 2:12], rtol=0, atol=1e-3)
    torch.testing.assert_close(
        torch.nn.functional.pixel_shuffle(on[:, :PHASES], 2), grain_plane()[..., 2:26, 2:22], rtol=0, atol=1e-3
    )
    steps = potential_plane()[0, 0, 2:-2, 2:-2]
    assert float((steps[0] - steps[-1]).abs().max()) < 2 * float(steps.diff(dim=0).abs().max())


@pytest.mark.parametrize("name", ["realtime", "form"])
def test_a_network_sees_them_as_far_as_it_says(name: str) -> None:
    torch.manual_seed(0)
    small = {"channels": 8, "blocks": 1, "strokes": {"strength": 1.0}}
    network = build_network(name, small if name == "realtime" else {**small, "widths": [8], "depths": [0]}).eval()
    assert isinstance(network, RealtimeNet)
    light, picture = torch.tensor([[0.5, 0.25]]), torch.rand(1, 3, 640, 32)
    changed = picture.clone()
    changed[..., 320:324, :] = 1 - changed[..., 320:324, :]
    with torch.inference_mode():
        difference = (network(changed, light=light) - network(picture, light=light)).abs().amax((0, 1, 3))
    rows = torch.nonzero(difference).flatten() // 4
    assert network.strokes is not None
    bare = network.reach - network.strokes.reach
    assert 80 - network.reach <= rows.min() < 80 - bare
    assert 80 + bare < rows.max() <= 80 + network.reach


@pytest.mark.parametrize(("width", "length"), [(0.7, 0.7), (1, 1), (1.8, 2.2), (3.3, 3.7)])
def test_grain_that_is_folded_is_drawn_out_as_number_by_number(width: float, length: float) -> None:
    """Strokes at every number of the grain, enlarged and drawn out as they are defined."""
    strokes = Strokes(width=width, length=length)
    luma, canvas = edge(0.4)[None, None], sample_strokes(still_coordinates(*SIZE))
    field, detail, _ = directions(luma, canvas[:, PHASES:], strokes.swirls)

    def enlarged(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear")

    shares = ((1 + F.conv2d(unit(enlarged(field)), line_angles())) / 2) ** SHARPNESS
    lines, grain = grain_lines(strokes), F.pixel_shuffle(canvas[:, :PHASES], 2)
    side = lines.shape[-1] // 2
    for _ in range(LONG):
        grain = (F.conv2d(F.pad(grain, (side,) * 4, mode="replicate"), lines) * shares).sum(1, keepdim=True)
    expected = enlarged(grain * strokes.strength * enlarged(READABLE / (READABLE + detail)))
    np.testing.assert_allclose(drawn(luma[0, 0], strokes), expected[0, 0].numpy(), atol=1e-5)


def test_the_canvas_is_drawn_out_alike() -> None:
    luma, still = edge(0.4), still_coordinates(*SIZE)
    canvas = torch.cat((sample_canvas(3, still), sample_strokes(still)), 1)
    with torch.inference_mode():
        _, ground = StrokeField(Strokes(swirls=0)).eval()(luma[None, None], canvas)
    assert ground.shape == (1, 3, *SIZE)
    near = (slice(20, 40), slice(25, 65))
    before, after = (
        [run_along(channel[near].numpy(), 0.4) for channel in channels] for channels in (canvas[0, :3], ground[0])
    )
    assert np.mean(after) > np.mean(before) + 0.25
    assert all(0.6 < float(channel.std()) < 1.4 for channel in ground[0])


def test_a_style_that_was_learnt_without_takes_them_on() -> None:
    torch.manual_seed(0)
    plain, strokes = (
        build_network("realtime", {"channels": 16, "blocks": 1, "strokes": strokes}).eval()
        for strokes in (None, {"strength": 0.5})
    )
    strokes.load_state_dict(plain.state_dict())
    picture = torch.rand(1, 3, 64, 80)
    with torch.inference_mode():
        assert float((strokes(picture) - plain(picture)).abs().mean()) > 0.003


@pytest.mark.parametrize(
    "strokes", [{"width": 0}, {"length": 5}, {"width": -1}, {"length": math.nan}, {"breadth": 1}, {"clear": -0.1}]
)
def test_strokes_that_cannot_be_are_refused(strokes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"strokes|breadth"):
        build_network("realtime", {"strokes": strokes})
