"""Contours of a picture, and strokes that run along them or across."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from vidstyle.perception.contours import STRIDE, contour_loss, contours
from vidstyle.training.recipe import Recipe
from vidstyle.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def stripes(angle: float, wide: float, side: int = 128) -> Tensor:
    """(1, 3, side, side): stripes that run in a direction, degrees from the horizontal, downwards."""
    y, x = torch.meshgrid(torch.arange(side) * 1.0, torch.arange(side) * 1.0, indexing="ij")
    across = y * math.cos(math.radians(angle)) - x * math.sin(math.radians(angle))
    return (0.5 + 0.3 * torch.sin(across * math.pi / wide)).expand(1, 3, side, side)


def edge(side: int = 128) -> Tensor:
    """(1, 3, side, side): dark above, bright below."""
    return (torch.arange(side) >= side // 2).float()[:, None].expand(1, 3, side, side) * 0.8


@pytest.mark.parametrize("angle", [0, 30, 90, 120])
def test_contours_are_crossed_at_right_angles(angle: float) -> None:
    directions, _ = contours(stripes(angle, 16))
    middle = directions[0, :, 12:20, 12:20].mean((1, 2))
    # The direction across is a quarter of a turn from the one along, and twice that half a turn.
    expected = -torch.tensor([math.cos(math.radians(2 * angle)), math.sin(math.radians(2 * angle))])
    assert float(middle @ expected) > 0.9
    assert float(middle.norm()) < 1.01


def test_a_contour_is_felt_nearby_and_detail_is_there() -> None:
    directions, detail = contours(edge())
    sure = directions.norm(dim=1)[0, :, 16]
    middle = 64 // STRIDE
    assert sure[middle] > 0.9
    assert sure[middle - 8] > 0.5
    assert sure[1] < 0.1
    assert detail[0, 0, middle, 16] > 1.5
    assert detail[0, 0, 1, 16] < 0.1


def test_a_flat_picture_has_no_contours() -> None:
    directions, detail = contours(torch.full((1, 3, 64, 72), 0.4))
    assert directions.shape == (1, 2, 16, 18)
    assert not directions.any()
    assert not detail.any()


def test_strokes_along_cost_nothing_and_across_twice_what_any_do() -> None:
    directions, _ = contours(edge())
    torch.manual_seed(0)
    anywhere = torch.rand(1, 1, 32, 32).repeat_interleave(4, 2).repeat_interleave(4, 3).expand(-1, 3, -1, -1)
    costs = [float(contour_loss(picture, directions)) for picture in (stripes(0, 8), anywhere, stripes(90, 8))]
    assert costs == pytest.approx([0, 1, 2], abs=0.1)
    # However strong they are.
    faint = 0.5 + 0.3 * (stripes(90, 8) - 0.5)
    assert float(contour_loss(faint, directions)) == pytest.approx(costs[2], abs=0.1)


def test_strokes_can_be_turned() -> None:
    directions, _ = contours(edge())
    painted = (0.5 + 0.1 * torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))).requires_grad_()
    before = contour_loss(painted, directions)
    (gradient,) = torch.autograd.grad(before, painted)
    assert contour_loss(painted - gradient * 0.1 / gradient.abs().max(), directions) < before - 0.01


def test_training_asks_for_contours_and_room_if_its_recipe_does(recipe: Recipe) -> None:
    torch.manual_seed(0)
    source, painted = edge(), torch.rand(1, 3, 128, 128)
    found = {}
    for name, words in {"without": {}, "with": {"contour": 2.0, "style_room": 0.5}}.items():
        layers = ("relu1_1", "relu4_1")
        loss = dataclasses.replace(recipe.loss, style_layers=layers, style_regions=2, **words)
        objective = Trainer(dataclasses.replace(recipe, loss=loss)).objective
        objective.perceptual.float()
        found[name] = {term: float(value) for term, value in objective(source, painted).items()}
    assert found["with"].pop("contour") == pytest.approx(2 * float(contour_loss(painted, contours(source)[0])))
    assert "contour" not in found["without"]
    # Room changes where motifs are looked for, and nothing else.
    different = {
        term for term, value in found["with"].items() if value != pytest.approx(found["without"][term], rel=1e-5)
    }
    assert different == {"style"}
