"""Regions by brightness, and style that is compared within them."""

import dataclasses

import pytest
import torch
from torch import Tensor

from vidstyle.errors import InputError
from vidstyle.perception.brightness import STRIDE, brightness_regions, region_shares
from vidstyle.perception.losses import gram_matrix
from vidstyle.perception.region_grams import region_grams
from vidstyle.training.recipe import Recipe
from vidstyle.training.trainer import Trainer


def halves(left: Tensor, right: Tensor) -> Tensor:
    """(1, 3, 64, 128): two textures (3, 64, 64) beside each other."""
    return torch.cat((left, right), -1)[None]


def test_regions_are_of_one_size_and_go_from_dark_to_bright() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(0, 1, 96).expand(2, 3, 64, 96) * 0.8 + 0.05 * torch.rand(2, 3, 64, 96)
    regions = brightness_regions(ramp, 3)
    assert regions.shape == (2, 3, 64 // STRIDE, 96 // STRIDE)
    assert torch.equal(regions.sum(1), torch.ones(2, 8, 12))
    torch.testing.assert_close(regions.mean((2, 3)), torch.full((2, 3), 1 / 3), rtol=0, atol=0.02)
    places = (regions * torch.arange(12.0)).sum((2, 3)) / regions.sum((2, 3))
    assert bool((places.diff() > 2).all())
    # Light alone changes nothing.
    assert torch.equal(brightness_regions(ramp * 0.5 + 0.3, 3), regions)


def test_a_flat_picture_has_regions_too() -> None:
    regions = brightness_regions(torch.full((1, 3, 40, 56), 0.5), 4)
    torch.testing.assert_close(regions.mean((2, 3)), torch.full((1, 4), 0.25), rtol=0, atol=0.05)


def test_the_gram_matrix_of_a_region_is_that_of_its_positions() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 5, 8, 16)
    regions = torch.zeros(1, 2, 8, 16)
    regions[:, 0, :, :8] = regions[:, 1, :, 8:] = 1
    found = region_grams(features, region_shares(regions, features.shape))[0]
    for gram, part in zip(found, features.chunk(2, -1), strict=True):
        torch.testing.assert_close(gram, gram_matrix(part)[0])
    everywhere = region_shares(torch.ones(1, 1, 2, 2), features.shape)
    torch.testing.assert_close(region_grams(features, everywhere)[:, 0], gram_matrix(features))


@pytest.mark.parametrize(("regions", "same"), [(1, True), (2, False)])
def test_strokes_belong_where_it_is_as_bright_as_in_the_picture(recipe: Recipe, regions: int, same: bool) -> None:
    torch.manual_seed(0)
    loss = dataclasses.replace(recipe.loss, style_regions=regions, total_variation=0.0, range=0.0, grid=0.0)
    objective = Trainer(dataclasses.replace(recipe, loss=loss)).objective
    objective.perceptual.float()
    fine, coarse = torch.rand(3, 64, 64), torch.rand(3, 8, 8).repeat_interleave(8, 1).repeat_interleave(8, 2)
    dark_is_fine = halves(fine * 0.4, coarse * 0.4 + 0.6)
    objective.set_style(dark_is_fine)
    source = halves(torch.full((3, 64, 64), 0.2), torch.full((3, 64, 64), 0.8))
    as_it_is, exchanged = (
        float(objective(source, painting)["style"]) for painting in (dark_is_fine, dark_is_fine.flip(-1))
    )
    assert as_it_is == pytest.approx(0, abs=1e-4)
    assert (exchanged < 0.05 * loss.style) == same


def test_regions_are_compared_by_gram_matrices_only(recipe: Recipe) -> None:
    loss = dataclasses.replace(recipe.loss, style_regions=2, style_kind="moments")
    with pytest.raises(InputError, match="style_regions"):
        Trainer(dataclasses.replace(recipe, loss=loss))
