"""The terms of the training objective, against their equations."""

import pytest
import torch
from torch.nn import functional as F

from vidstyle.perception import losses


def test_gram_matrix_is_the_mean_product_of_channels() -> None:
    features = torch.rand(2, 3, 4, 5)
    expected = torch.einsum("nchw,ndhw->ncd", features, features) / (3 * 4 * 5)
    torch.testing.assert_close(losses.gram_matrix(features), expected)


def test_style_loss_is_relative_to_the_target() -> None:
    target = torch.rand(1, 4, 4) + 1
    assert losses.style_loss(target, target) == 0
    torch.testing.assert_close(losses.style_loss(3 * target, target), torch.tensor(4.0))
    torch.testing.assert_close(losses.style_loss(30 * target, 10 * target), torch.tensor(4.0))


def test_normalised_content_ignores_mean_and_contrast_of_a_channel() -> None:
    features = torch.rand(1, 3, 8, 8)
    repainted = features * torch.tensor([2.0, 5.0, 0.5])[:, None, None] + 7
    assert losses.content_loss(repainted, features) > 1
    assert losses.normalised_content_loss(repainted, features) < 1e-3
    assert losses.normalised_content_loss(features.flip(-1), features) > 0.5


def test_content_loss_is_the_squared_distance_over_its_size() -> None:
    painted, source = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    expected = (painted - source).norm() ** 2 / (3 * 4 * 5)
    torch.testing.assert_close(losses.content_loss(painted, source), expected)


def test_gram_loss_is_the_squared_frobenius_distance() -> None:
    grams, target = torch.rand(2, 4, 4), torch.rand(1, 4, 4)
    expected = sum(torch.linalg.matrix_norm(gram - target[0]) ** 2 for gram in grams) / 2
    torch.testing.assert_close(losses.gram_loss(grams, target), expected)


def test_moments_are_mean_and_deviation_of_each_channel() -> None:
    features = torch.randn(2, 3, 40, 50) * torch.tensor([1.0, 2.0, 5.0])[:, None, None] + 3
    found = losses.stacked_moments(features)
    torch.testing.assert_close(found[:, 0], features.mean((2, 3)))
    torch.testing.assert_close(found[:, 1], features.std((2, 3)), rtol=1e-3, atol=0)
    assert losses.moment_loss(found, found[:1]) < 0.1
    moved = found + torch.tensor([2.0, 1.0])[:, None]
    torch.testing.assert_close(losses.moment_loss(moved, found), torch.tensor(5.0))


def test_the_loss_of_a_constant_channel_has_a_gradient() -> None:
    flat = torch.ones(1, 2, 4, 4, requires_grad=True)
    losses.moment_loss(losses.stacked_moments(flat), torch.zeros(1, 2, 2)).backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_the_total_is_the_sum_of_weighted_terms() -> None:
    terms = losses.weighted({"content": torch.tensor(2.0), "grid": torch.tensor(3.0)}, {"content": 10.0})
    assert {name: term.item() for name, term in terms.items()} == {"content": 20.0, "grid": 3.0}
    assert losses.total(terms) == 23


def test_total_variation_of_a_ramp_is_the_square_of_its_step() -> None:
    ramp = torch.arange(8.0).expand(1, 3, 8, 8) / 10
    torch.testing.assert_close(losses.total_variation(ramp), torch.tensor(0.01))


def test_range_loss_counts_only_what_clamping_would_cut() -> None:
    assert losses.range_loss(torch.tensor([0.0, 0.5, 1.0])) == 0
    torch.testing.assert_close(losses.range_loss(torch.tensor([-0.5, 1.5])), torch.tensor(0.25))


def smooth_picture(seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=(128, 128), mode="bicubic", align_corners=True)


def test_grid_loss_sees_a_grid_and_not_a_picture() -> None:
    picture = smooth_picture()
    cell = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    grid = 0.2 * (cell - cell.mean()).repeat(1, 3, 32, 32)
    assert losses.grid_loss(picture + grid) > 20 * losses.grid_loss(picture)
    assert losses.grid_loss(picture + grid) == pytest.approx(grid.square().mean().item(), rel=0.3)


def test_grid_loss_can_be_descended() -> None:
    picture = smooth_picture().requires_grad_()
    losses.grid_loss(picture).backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_flicker_is_variation_where_the_source_shows_no_motion() -> None:
    painted, flat = torch.rand(1, 3, 32, 40), torch.full((1, 3, 32, 40), 0.1)
    torch.testing.assert_close(losses.flicker_loss(painted, flat), losses.total_variation(painted))
    textured = torch.rand(1, 3, 32, 40)
    assert losses.flicker_loss(painted, textured) < 1e-3 * losses.total_variation(painted)
    half = torch.cat((flat[..., :20], textured[..., 20:]), 3)
    assert 0.3 < losses.flicker_loss(painted, half) / losses.total_variation(painted) < 0.5
    assert losses.flicker_loss(flat, flat) == 0


def test_flicker_weighs_a_ramp_by_its_slope() -> None:
    slope = losses.FAINT**0.5
    ramp = (slope * torch.arange(64.0)).expand(1, 3, 48, 64)
    painted = torch.zeros(1, 3, 48, 64)
    painted[..., 24:, 32] = 1
    # One row down to the line, a column before it and one behind, each at half its weight.
    expected = 0.5 * (1 / (47 * 64) + 2 * 24 / (48 * 63))
    torch.testing.assert_close(losses.flicker_loss(painted, ramp), torch.tensor(expected), rtol=1e-3, atol=0)


def test_gram_matrices_have_gradients_where_torch_computes_in_half_precision_by_itself() -> None:
    torch.manual_seed(0)
    features = torch.rand(1, 8, 12, 12)
    found = []
    for half in (False, True):
        x = features.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            gram = losses.gram_matrix(x)
        gram.square().sum().backward()
        found.append(x.grad)
    torch.testing.assert_close(found[1], found[0], rtol=0.03, atol=1e-6)
