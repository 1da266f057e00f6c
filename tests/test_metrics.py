"""What a painting is worth in numbers."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vidstyle.perception import metrics


def perceptual(image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
    """A stand-in for VGG: fixed random filters."""
    filters = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    return {layer: F.relu(F.conv2d(image, filters)) for layer in layers}


def picture(seed: int) -> Tensor:
    return torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(seed))


def test_a_picture_is_at_distance_zero_from_its_own_style_and_content() -> None:
    assert metrics.style_distance(perceptual, picture(0), picture(0), ["relu1_1"]) == 0
    assert metrics.content_distance(perceptual, picture(0), picture(0)) == 0


def test_style_has_no_place_and_content_has_no_contrast() -> None:
    turned = picture(0).roll((5, 9), (2, 3))
    assert metrics.style_distance(perceptual, turned, picture(0), ["relu1_1"]) < 0.05
    assert metrics.content_distance(perceptual, turned, picture(0)) > 1
    assert metrics.style_distance(perceptual, picture(0) * 0.5, picture(0), ["relu1_1"]) > 0.5
    assert metrics.content_distance(perceptual, picture(0) * 0.5, picture(0)) < 0.05


def test_grid_score_of_noise_is_low_and_of_a_shuffled_pattern_high() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(80, 176, (128, 160, 3))
    cell = rng.integers(-25, 26, (4, 4, 1))
    grid = np.tile(cell, (32, 40, 1))
    assert metrics.grid_score(noise.astype(np.uint8)) < 13
    assert metrics.grid_score((noise + grid).astype(np.uint8)) > 25


def test_what_is_flat_has_no_grid() -> None:
    assert metrics.grid_score(np.full((128, 160, 3), 77, np.uint8)) == 0
