"""Pairs of frames that move, with exact flow, and the temporal loss on them."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vidstyle.nets.canvas import still_coordinates
from vidstyle.perception.losses import feature_temporal_loss, luminance_temporal_loss, temporal_loss
from vidstyle.perception.warping import coarse, pixel_grid, warp
from vidstyle.training import moving_pairs
from vidstyle.training.moving_pairs import follow_flow, moving_pair


def photographs(n: int, seed: int) -> Tensor:
    noise = torch.rand(n, 3, 24, 24, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, size=(96, 96), mode="bicubic", align_corners=True).clamp(0, 1)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> moving_pairs.Pair:
    monkeypatch.setattr(moving_pairs, "NOISE", 0.0)
    monkeypatch.setattr(moving_pairs, "EXPOSURE", 0.0)
    monkeypatch.setattr(moving_pairs, "BLUR", 0.0)
    torch.manual_seed(1)
    return moving_pair(photographs(6, 0), photographs(6, 1))


def test_the_flow_leads_back_to_the_same_thing_wherever_it_is_visible(pair: moving_pairs.Pair) -> None:
    difference = (warp(pair.first, pair.flow) - pair.second).abs()
    seen = pair.visible.expand_as(difference) == 1
    assert difference[seen].mean() < 0.01
    assert difference[~seen].mean() > 5 * difference[seen].mean()
    assert 0.6 < pair.visible.mean() < 0.99
    assert pair.flow.abs().max() > 4


def test_frames_out_of_focus_have_the_flow_of_sharp_ones(
    pair: moving_pairs.Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_pairs, "BLUR", 1.0)
    torch.manual_seed(1)
    soft = moving_pair(photographs(6, 0), photographs(6, 1))
    assert torch.equal(soft.flow, pair.flow)
    assert torch.equal(soft.visible, pair.visible)

    def detail(frames: Tensor) -> Tensor:
        return frames.diff(n=2, dim=-1).square().mean((1, 2, 3))

    kept = torch.cat((detail(soft.first) / detail(pair.first), detail(soft.second) / detail(pair.second)))
    assert kept.min() < 0.9
    assert kept.max() < 1 + 1e-5
    assert (kept > 0.999).any()


def test_what_is_not_visible_is_left_out(pair: moving_pairs.Pair) -> None:
    nothing = torch.zeros_like(pair.visible)
    assert temporal_loss(pair.first, pair.second, pair.flow, nothing) == 0
    everything = torch.ones_like(pair.visible)
    visible_only = temporal_loss(pair.first, pair.second, pair.flow, pair.visible)
    assert visible_only < temporal_loss(pair.first, pair.second, pair.flow, everything) / 3


def test_temporal_loss_of_a_still_picture_is_the_mean_square_of_its_change() -> None:
    picture = torch.rand(1, 3, 8, 8)
    still, seen = torch.zeros(1, 8, 8, 2), torch.ones(1, 1, 8, 8)
    torch.testing.assert_close(temporal_loss(picture, picture + 0.2, still, seen), torch.tensor(0.04))


def test_a_painting_may_grow_brighter_as_its_source_does() -> None:
    painted, source = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    still, seen = torch.zeros(1, 8, 8, 2), torch.ones(1, 1, 8, 8)
    lit = luminance_temporal_loss((painted, painted + 0.1), (source, source + 0.1), still, seen)
    torch.testing.assert_close(lit, torch.tensor(0.0))
    flicker = luminance_temporal_loss((painted, painted + 0.1), (source, source), still, seen)
    torch.testing.assert_close(flicker, torch.tensor(0.01))
    red = torch.tensor([0.1, 0.0, 0.0]).view(1, 3, 1, 1)
    turned = luminance_temporal_loss((painted, painted), (source, source + red), still, seen)
    torch.testing.assert_close(turned, torch.tensor((0.1 * 0.2126) ** 2))


def test_temporal_loss_of_parts_adds_up_to_that_of_the_whole(pair: moving_pairs.Pair) -> None:
    whole = temporal_loss(pair.first, pair.second, pair.flow, pair.visible)
    pixels = pair.visible.sum() / 2
    halves = [pair[which] for which in (slice(0, 3), slice(3, 6))]
    parts = [temporal_loss(half.first, half.second, half.flow, half.visible, pixels=pixels) for half in halves]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_features_are_compared_along_the_flow_and_without_their_margin() -> None:
    features = torch.rand(1, 5, 8, 10)
    flow = torch.tensor([4.0, 8.0]).expand(1, 24, 32, 2)
    seen = torch.zeros(1, 1, 24, 32)
    seen[..., :12, :24] = 1
    # One position to the right, two down; positions are 4 pixels, and there is one more on each side.
    moved = features.roll((-2, -1), (2, 3))
    assert feature_temporal_loss(features, moved, flow, seen) < 1e-10
    assert feature_temporal_loss(features, features, flow, seen) > 0.05


def test_a_position_is_visible_where_all_of_its_pixels_are() -> None:
    visible = torch.ones(1, 1, 8, 8)
    visible[..., 1, 6] = 0
    flow, seen = coarse(torch.full((1, 8, 8, 2), 6.0), visible)
    assert seen[0, 0].tolist() == [[1, 0], [1, 1]]
    torch.testing.assert_close(flow, torch.full((1, 2, 2, 2), 1.5))


def test_warping_by_whole_pixels_moves_the_picture() -> None:
    picture = torch.rand(1, 3, 8, 10)
    flow = torch.tensor([2.0, 1.0]).expand(1, 8, 10, 2)
    torch.testing.assert_close(warp(picture, flow)[..., :-1, :-2], picture[..., 1:, 2:])


def test_the_canvas_follows_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_pairs, "FLOW_ERROR", 0.0)
    still = still_coordinates(14, 16)
    flow = torch.tensor([8.0, -4.0]).expand(1, 40, 48, 2)
    moved = follow_flow(still, flow, margin=2)
    inside = (slice(None), slice(2, -2), slice(2, -4))
    torch.testing.assert_close(moved[inside], (still + torch.tensor([2.0, -1.0]))[inside])


def test_pixel_grid_counts_x_before_y() -> None:
    assert pixel_grid(2, 3)[1, 2].tolist() == [2.0, 1.0]
