"""The transform networks: their size, their cost, and the pictures that they take."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from vidstyle.nets import FormNet, JohnsonNet, RealtimeNet, build_network
from vidstyle.nets.canvas import CANVAS_SIDE, canvas_plane, sample_canvas, still_coordinates, white_noise
from vidstyle.nets.form import CoarseBranch, begun_from
from vidstyle.nets.realtime import count_flops, fold, measure_light, unfold, without_grid


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_realtime_network_is_within_its_budget() -> None:
    network = RealtimeNet()
    assert count_flops(network, 360, 640) <= 8e9
    assert parameters(network) <= 300_000


def test_a_light_one_is_a_third_of_it() -> None:
    assert count_flops(RealtimeNet(channels=32, blocks=3), 360, 640) <= 3e9


def test_the_large_network_is_within_its_budget_and_paints_like_the_small_one() -> None:
    network = build_network("large").eval()
    assert 16e9 <= count_flops(network, 360, 640) <= 25e9
    assert isinstance(network, RealtimeNet)


def test_a_sense_of_form_costs_less_than_three_of_the_real_time_network() -> None:
    network = FormNet()
    assert count_flops(network, 360, 640) <= 16e9
    assert parameters(network) <= 2_000_000


def test_the_light_sense_of_form_starts_from_the_light_network_and_costs_no_more_than_the_usual_one() -> None:
    torch.manual_seed(0)
    light = FormNet(32, 5, widths=(48, 128), depths=(1, 4)).eval()
    assert count_flops(light, 360, 640) <= 10e9
    small, picture = RealtimeNet(32, 3).eval(), torch.rand(1, 3, 48, 64)
    light.load_state_dict(begun_from(small.state_dict(), light.state_dict()))
    with torch.inference_mode():
        assert torch.equal(light(picture), small(picture))


def test_a_sense_of_form_adds_nothing_before_it_has_learnt() -> None:
    torch.manual_seed(0)
    small, other, picture = RealtimeNet(16, 2).eval(), eager_form(), torch.rand(1, 3, 70, 50)
    network = FormNet(16, 3, widths=(8, 8), depths=(1, 1)).eval()
    network.load_state_dict(begun_from(small.state_dict(), other.state_dict()))
    with torch.inference_mode():
        assert torch.equal(network(picture), small(picture))
        assert not torch.allclose(other(picture), small(picture), atol=0.01)
    assert torch.equal(network.get_parameter("form.down.1.weight"), other.get_parameter("form.down.1.weight"))


def eager_form() -> FormNet:
    """A small FormNet all of whose layers count."""
    network = FormNet(16, 3, widths=(8, 8), depths=(1, 1)).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return network.requires_grad_(False)


def test_form_is_seen_from_afar_and_no_farther_than_it_says() -> None:
    torch.manual_seed(0)
    network, light = eager_form(), torch.tensor([[0.5, 0.25]])
    picture = torch.rand(1, 3, 640, 32)
    changed = picture.clone()
    changed[..., 320:324, :] = 1 - changed[..., 320:324, :]
    with torch.inference_mode():
        difference = (network(changed, light=light) - network(picture, light=light)).abs().amax((0, 1, 3))
    rows = torch.nonzero(difference).flatten() // 4
    near = RealtimeNet(16, 3).reach
    assert 80 - network.reach <= rows.min() < 80 - near
    assert 80 + near < rows.max() <= 80 + network.reach


@pytest.mark.parametrize(
    ("widths", "depths"), [((), ()), ((8,), (1, 1)), ((8,) * 5, (1,) * 5), ((8,), (10**9,)), ((8,), (-1,))]
)
def test_levels_of_form_that_cannot_be_are_refused(widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="take one of each for a level"):
        FormNet(widths=widths, depths=depths)


def test_replicated_borders_do_not_tell_form_where_a_picture_ends() -> None:
    """Of a picture that is the same everywhere, the branch makes the same everywhere."""
    torch.manual_seed(0)
    plain = torch.rand(1, 16, 1, 1).expand(1, 16, 24, 20)
    for padding_mode, differs in (("replicate", False), ("zeros", True)):
        branch = CoarseBranch(16, (8, 8), (1, 1), padding_mode)
        for module in branch.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        with torch.inference_mode():
            made = branch(plain)
        assert made.abs().max() > 0.01
        assert torch.allclose(made, made[..., 12:13, 10:11].expand_as(made), atol=1e-4) is not differs


@pytest.mark.parametrize("kind", [RealtimeNet, partial(FormNet, widths=(8,), depths=(1,))])
def test_replicated_borders_do_not_tell_the_trunk_where_a_picture_ends(kind: Callable[..., RealtimeNet]) -> None:
    """Of what is the same everywhere, it makes the same everywhere: no frame along the border."""
    torch.manual_seed(0)
    plain = torch.rand(1, 16, 1, 1).expand(1, 16, 24, 20)
    for padding_mode, differs in (("replicate", False), ("zeros", True)):
        network = kind(16, 2, padding_mode=padding_mode)
        for block in network.blocks:
            nn.init.kaiming_normal_(block.get_submodule("conv2").weight)
        with torch.inference_mode():
            made = network.trunk(plain.clone())
        assert torch.allclose(made, made[..., 12:13, 10:11].expand_as(made), atol=1e-4) is not differs


@pytest.mark.parametrize("kind", [RealtimeNet, FormNet])
def test_a_padding_that_there_is_not_is_refused(kind: Callable[..., RealtimeNet]) -> None:
    with pytest.raises(ValueError, match="padding_mode = 'circular': is one of zeros, replicate"):
        kind(padding_mode="circular")


def test_flops_are_twice_the_multiply_adds() -> None:
    conv = nn.Conv2d(3, 5, 3, padding=1)
    assert count_flops(conv, 10, 20) == 2 * 10 * 20 * 3 * 5 * 9
    upsampling = nn.ConvTranspose2d(3, 5, 3, stride=2)
    assert count_flops(upsampling, 10, 20) == 2 * 10 * 20 * 3 * 5 * 9


def test_johnsons_network_is_that_of_the_papers_supplement() -> None:
    network = JohnsonNet()
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    shapes = [(type(m).__name__, m.out_channels, m.kernel_size[0], m.stride[0]) for m in convs]
    assert shapes == [
        ("Conv2d", 32, 9, 1),
        ("Conv2d", 64, 3, 2),
        ("Conv2d", 128, 3, 2),
        *[("Conv2d", 128, 3, 1)] * 10,
        ("ConvTranspose2d", 64, 3, 2),
        ("ConvTranspose2d", 32, 3, 2),
        ("Conv2d", 3, 9, 1),
    ]
    assert parameters(network) == 1_679_235
    assert sum(isinstance(m, nn.InstanceNorm2d) for m in network.modules()) == 15


@pytest.mark.parametrize("name", ["realtime", "form", "johnson"])
@settings(max_examples=8, deadline=None)
@given(height=st.integers(16, 90), width=st.integers(16, 90))
def test_any_size_comes_out_as_it_went_in(name: str, height: int, width: int) -> None:
    network = build_network(name).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, height, width)).shape == (1, 3, height, width)


def test_a_picture_is_painted_alike_wherever_it_is_cropped() -> None:
    """Light apart, there is no statistic of the whole frame: far from the border a pixel does not know its size."""
    torch.manual_seed(0)
    network = RealtimeNet(blocks=1).eval()
    nn.init.normal_(network.blocks[0].conv2.weight, std=0.05)
    picture = torch.rand(1, 3, 128, 160)
    light = measure_light(picture)
    with torch.inference_mode():
        whole, part = network(picture, light=light), network(picture[..., :96, :96], light=light)
    torch.testing.assert_close(whole[..., :64, :64], part[..., :64, :64], rtol=0, atol=1e-5)


def test_a_flat_picture_is_not_painted_flat() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        painted = RealtimeNet().eval()(torch.full((1, 3, 64, 64), 0.3))
    assert painted.std() > 0.05


def test_the_noise_of_the_canvas_never_changes() -> None:
    noise = white_noise(2, 64, 96)
    assert noise.mean().abs() < 0.05
    assert noise.var() == pytest.approx(1, abs=0.05)
    assert (noise[..., 1:] * noise[..., :-1]).mean().abs() < 0.05
    torch.testing.assert_close(noise[0, 0, 0, :3], torch.tensor([-1.7321, 0.3748, -1.5638]), rtol=0, atol=1e-4)


def test_the_canvas_looks_alike_between_positions_and_repeats_without_a_seam() -> None:
    still = still_coordinates(64, 64)
    on, between = sample_canvas(4, still), sample_canvas(4, still + 0.5)
    assert on.var() == pytest.approx(1, abs=0.1)
    assert between.var() == pytest.approx(on.var().item(), rel=0.2)
    torch.testing.assert_close(on, canvas_plane(4)[..., 2:66, 2:66], rtol=0, atol=1e-4)
    torch.testing.assert_close(sample_canvas(4, still + CANVAS_SIDE), on, rtol=0, atol=1e-3)
    steps = sample_canvas(4, still + CANVAS_SIDE - 32).diff(dim=-1).abs()
    assert steps[..., 31].mean() < 1.5 * steps.mean()


def test_strokes_move_with_the_picture_and_its_canvas() -> None:
    torch.manual_seed(0)
    network = RealtimeNet(blocks=1).eval()
    nn.init.normal_(network.blocks[0].conv2.weight, std=0.05)
    picture = torch.rand(1, 3, 64, 96)
    coordinates, light = still_coordinates(*network.canvas_size(64, 64)), measure_light(picture)
    with torch.inference_mode():
        before = network(picture[..., 8:72], sample_canvas(4, coordinates + torch.tensor([2.0, 0.0])), light)
        after = network(picture[..., 16:80], sample_canvas(4, coordinates + torch.tensor([4.0, 0.0])), light)
    inside = (..., slice(24, -24), slice(24, -24))
    torch.testing.assert_close(before[..., 8:][inside], after[..., :-8][inside], atol=1e-3, rtol=0)


def test_a_darker_and_flatter_picture_is_painted_alike() -> None:
    torch.manual_seed(0)
    network = RealtimeNet(blocks=1).eval()
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(picture), network(picture * 0.4 + 0.05), rtol=0, atol=1e-4)


def test_light_is_the_mean_and_spread_of_luminance() -> None:
    flat = measure_light(torch.full((1, 3, 64, 64), 0.4))
    torch.testing.assert_close(flat, torch.tensor([[0.4, 0.06]]))
    halves = torch.cat((torch.zeros(1, 3, 64, 32), torch.ones(1, 3, 64, 32)), -1)
    torch.testing.assert_close(measure_light(halves), torch.tensor([[0.5, 0.5]]), rtol=0, atol=0.01)


def test_a_grid_is_taken_out_and_a_surface_left_alone() -> None:
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 2, 80), indexing="ij")
    surface = torch.stack((x, y, x - y))[None]
    cell = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    cell -= cell.mean((2, 3), keepdim=True)
    inside = (..., slice(8, -8), slice(8, -8))
    smooth = unfold(without_grid(fold(surface)))
    torch.testing.assert_close(smooth[inside], surface[inside], rtol=0, atol=1e-5)
    meshed = unfold(without_grid(fold(surface + cell.repeat(1, 1, 16, 20))))
    torch.testing.assert_close(meshed[inside], surface[inside], rtol=0, atol=1e-5)


def test_fold_keeps_the_pixels_of_a_cell_together() -> None:
    picture = torch.rand(2, 3, 8, 12)
    folded = fold(picture)
    assert folded.shape == (2, 48, 2, 3)
    torch.testing.assert_close(folded[0, :, 1, 2].reshape(4, 4, 3), picture[0, :, 4:, 8:].permute(1, 2, 0))
    torch.testing.assert_close(unfold(folded), picture)


def test_fold_is_pixel_unshuffle_in_another_order() -> None:
    picture = torch.rand(1, 3, 8, 8)
    order = torch.arange(48).reshape(3, 16).T.flatten()
    torch.testing.assert_close(fold(picture), F.pixel_unshuffle(picture, 4)[:, order])


def test_the_canvas_is_laid_anew_when_weights_or_size_change() -> None:
    network = RealtimeNet(blocks=1).eval()
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        before = network(picture)
    network.train()
    with torch.no_grad():
        network.ground.weight.mul_(3)
    with torch.inference_mode():
        after = network.eval()(picture)
        assert network(torch.rand(1, 3, 32, 96)).shape == (1, 3, 32, 96)
    assert not torch.allclose(before, after)


def test_an_unknown_network_or_argument_is_named() -> None:
    with pytest.raises(ValueError, match="unknown network 'resnet'"):
        build_network("resnet")
    with pytest.raises(ValueError, match="colour"):
        build_network("realtime", {"colour": 3})
