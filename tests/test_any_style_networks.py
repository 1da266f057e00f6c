"""AdaIN and MetaNet: that they are what was published."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from meta_recipes import ARGUMENTS, DISTILLED
from torch import Tensor, nn
from training_material import write_perceptual_weights

from vidstyle import InputError, load_style
from vidstyle.nets import META_NETWORKS, build_network
from vidstyle.nets.adain import AdainNet, MetaAdainNet
from vidstyle.nets.metanet import MetaNet, ShenNet
from vidstyle.perception.perceptual_network import FILES, PerceptualNetwork
from vidstyle.perception.vgg import KINDS, Vgg, moments
from vidstyle.style_files import StyleCard, save_style
from vidstyle.training.recipe import NetworkChoice, Recipe
from vidstyle.training.starting_network import fresh_network

pytest_plugins = ["meta_recipes"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


def test_an_encoder_has_the_features_of_its_perceptual_network(meta_recipe: Callable[..., Recipe]) -> None:
    made = meta_recipe("metanet")
    network = fresh_network(made)
    assert isinstance(network, MetaNet)
    perceptual = PerceptualNetwork(DISTILLED, made.data.perceptual)
    image = torch.rand(1, 3, 48, 64)
    (encoder,) = network.description.encoders
    assert isinstance(encoder, Vgg)
    for layer, features in zip(encoder.wanted, encoder(image).values(), strict=True):
        torch.testing.assert_close(features, perceptual(image, [layer])[layer], rtol=1e-4, atol=1e-4)


def test_a_description_can_be_of_two_networks(meta_recipe: Callable[..., Recipe], material: Path) -> None:
    write_perceptual_weights(material / "wide", (*KINDS["vgg19-shallow"][1], 8))
    (material / "wide" / FILES["vgg19-shallow"]).replace(material / FILES["vgg19-shallow"])
    made = meta_recipe("metanet", encoder="vgg19-hybrid")
    network = fresh_network(made)
    assert isinstance(network, MetaNet)
    # Two blocks of VGG-19's width, two of the distilled one's; a mean and a deviation of each channel.
    assert network.description.size == 2 * (64 + 128 + 64 + 128)
    image = torch.rand(1, 3, 48, 64)
    for encoder in network.description.encoders:
        assert isinstance(encoder, Vgg)
        perceptual = PerceptualNetwork(encoder.kind, made.data.perceptual)
        for layer, features in zip(encoder.wanted, encoder(image).values(), strict=True):
            torch.testing.assert_close(features, perceptual(image, [layer])[layer], rtol=1e-3, atol=1e-3)


def test_an_encoder_takes_torchvisions_weights(recipe: Recipe, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    width = index = 0
    for block, (count, out) in enumerate(zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True)):
        index += block > 0
        for _ in range(count):
            shape = (out, width or 3, 3, 3)
            state[f"features.{index}.weight"] = torch.randn(shape, generator=generator) * (2 / 9 / shape[1]) ** 0.5
            state[f"features.{index}.bias"] = torch.zeros(out)
            width, index = out, index + 2
    path = tmp_path / "vgg16.pth"
    torch.save(state, path)
    made = dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, perceptual=path),
        network=NetworkChoice("metanet", {"encoder": "vgg16", "group": 2}),
    )
    network = fresh_network(made)
    assert isinstance(network, MetaNet)
    image = torch.rand(1, 3, 32, 40)
    (encoder,) = network.description.encoders
    assert isinstance(encoder, Vgg)
    expected = PerceptualNetwork("vgg16", path)(image, encoder.wanted)
    for layer, features in zip(encoder.wanted, encoder(image).values(), strict=True):
        torch.testing.assert_close(features, expected[layer], rtol=1e-3, atol=1e-3)


def test_weights_that_do_not_fit_an_encoder_are_refused(meta_recipe: Callable[..., Recipe], material: Path) -> None:
    write_perceptual_weights(material)
    with pytest.raises(InputError, match="no weights of vgg19-distilled"):
        fresh_network(meta_recipe("meta-adain"))


def test_an_encoder_that_does_not_exist_is_named() -> None:
    with pytest.raises(
        ValueError, match="unknown encoder 'resnet'; known: vgg16, vgg19, vgg19-shallow, vgg19-distilled"
    ):
        Vgg.of_kind("resnet", ("relu1_1",))
    with pytest.raises(ValueError, match="vgg16 has no layer relu3_4"):
        Vgg.of_kind("vgg16", ("relu3_4",))
    with pytest.raises(ValueError, match="block = 'inception'"):
        build_network("metanet", {"block": "inception", "encoder": DISTILLED})


# --- AdaIN


def decoded(network: AdainNet, image: Tensor) -> Tensor:
    """What the decoder is given."""
    given = []
    handle = network.decoder.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    network(image)
    handle.remove()
    return given[0]


def dressed(meta: MetaAdainNet, picture: Tensor) -> AdainNet:
    network = AdainNet(**meta.painter)
    network.load_state_dict(meta.write_weights(picture))
    return network


def test_adain_gives_features_the_pictures_mean_and_deviation() -> None:
    torch.manual_seed(0)
    meta = MetaAdainNet()
    picture, image = torch.rand(1, 3, 64, 64), torch.rand(2, 3, 48, 64)
    wanted = moments(meta.encoder(picture)["relu4_1"])
    for found, expected in zip(moments(decoded(dressed(meta, picture), image)), wanted, strict=True):
        torch.testing.assert_close(found, expected.expand(2, -1), rtol=0.02, atol=1e-3)


def test_at_strength_0_adain_leaves_features_as_they_are() -> None:
    torch.manual_seed(0)
    meta = MetaAdainNet(strength=0)
    image = torch.rand(1, 3, 48, 64)
    network = dressed(meta, torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(decoded(network, image), network.encoder(image)["relu4_1"])


def test_between_two_styles_of_adain_features_are_mixed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    meta = MetaAdainNet()
    parts = [dressed(meta, torch.rand(1, 3, 64, 64) ** power) for power in (1, 3)]
    for name, part in zip("ab", parts, strict=True):
        path = tmp_path / f"{name}.safetensors"
        save_style(path, part, StyleCard(name, path, "adain", meta.painter))
    image = torch.rand(1, 3, 48, 64)
    mix = load_style(f"{tmp_path / 'a.safetensors'}:1,{tmp_path / 'b.safetensors'}:3").network
    assert isinstance(mix, AdainNet)
    expected = 0.25 * decoded(parts[0], image) + 0.75 * decoded(parts[1], image)
    torch.testing.assert_close(decoded(mix, image), expected, rtol=0.01, atol=1e-3)


def test_the_stages_of_adains_decoder_are_the_whole_decoder() -> None:
    torch.manual_seed(0)
    network = AdainNet()
    features = torch.rand(1, 128, 4, 6)
    found = features
    for number in range(4):
        found = network.stage(number, found)
    torch.testing.assert_close(found, network.decoder(features))


# --- MetaNet


def test_the_transform_network_is_that_of_the_papers_table() -> None:
    convs = [m for m in ShenNet().modules() if isinstance(m, nn.Conv2d)]
    shapes = [(conv.in_channels, conv.out_channels, *conv.kernel_size, *conv.stride) for conv in convs]
    residual = [(32, 32, 3, 3, 1, 1)] * 10
    begin, end = [(3, 8, 9, 9, 1, 1), (8, 16, 3, 3, 2, 2), (16, 32, 3, 3, 2, 2)], [(32, 16, 3, 3, 1, 1)]
    assert shapes == [*begin, *residual, *end, (16, 8, 3, 3, 1, 1), (8, 3, 9, 9, 1, 1)]


def test_all_filters_but_the_outer_ones_are_written() -> None:
    whole, improved = build_network("metanet", {"encoder": DISTILLED}), build_network("metanet-improved")
    assert isinstance(whole, MetaNet)
    assert isinstance(improved, MetaNet)
    # 14 groups of 128 hidden numbers, as in the paper.
    assert (len(whole.generated), whole.hidden.out_features) == (14, 1792)
    assert (len(improved.generated), improved.description.kind) == (6, "vgg19")
    (branches,) = [m for m in improved.base.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert branches.groups == 32
    assert not any("branches" in name for name in improved.generated)


def test_normalised_filters_cannot_grow() -> None:
    meta = MetaNet(DISTILLED, group=4, filters="normalised")
    nn.init.normal_(meta.hidden.weight, std=100)
    written = meta.write_weights(torch.rand(1, 3, 64, 64))
    for name in meta.generated:
        torch.testing.assert_close(written[name].flatten(1).norm(dim=1), torch.ones(len(written[name])))


def test_written_norms_paint_in_the_pictures_colours() -> None:
    torch.manual_seed(0)
    meta = MetaNet(DISTILLED, group=4, norms="written")
    photo = torch.rand(1, 3, 48, 64)
    reds = []
    for color in ((0.8, 0.3, 0.2), (0.2, 0.3, 0.8)):
        meta.set_picture(torch.tensor(color).view(1, 3, 1, 1) + 0.1 * torch.rand(1, 3, 64, 64))
        reds.append((meta(photo)[:, 0] - meta(photo)[:, 2]).mean().item())
    assert reds[0] > 0.2
    assert reds[1] < -0.2


@pytest.mark.parametrize("picture", [torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)])
def test_a_picture_of_one_colour_makes_a_network_that_paints(picture: Tensor) -> None:
    torch.manual_seed(0)
    meta = MetaNet(DISTILLED, group=4, norms="written")
    meta.set_picture(picture)
    assert bool(meta(torch.rand(1, 3, 48, 64)).isfinite().all())


@pytest.mark.parametrize("block", ["residual", "resnext"])
def test_shens_network_paints_where_the_picture_is(block: str) -> None:
    network = ShenNet(block).eval()
    picture = torch.full((1, 3, 61, 90), 0.5)
    marked = picture.clone()
    marked[..., 30, 45] = 1
    with torch.no_grad():
        # Where statistics stay, only what is near changes.
        for module in network.modules():
            if isinstance(module, nn.InstanceNorm2d):
                module.forward = lambda x: x  # type: ignore[method-assign]
        changed = (network(marked) - network(picture)).abs().sum((0, 1)) > 1e-9
    assert changed.shape == (61, 90)
    rows, columns = changed.nonzero().T
    assert abs((rows.min() + rows.max()) / 2 - 30) <= 4
    assert abs((columns.min() + columns.max()) / 2 - 45) <= 4


@pytest.mark.parametrize("name", ["metanet", "metanet-improved"])
def test_every_part_that_is_to_learn_learns(name: str) -> None:
    torch.manual_seed(0)
    meta = META_NETWORKS[name](**ARGUMENTS[name])
    meta.set_picture(torch.rand(1, 3, 64, 64))
    meta(torch.rand(1, 3, 32, 32)).square().mean().backward()
    still = {key for key, p in meta.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    # Instance normalisation takes a convolution's own bias out again.
    assert {key for key in still if not key.endswith(".0.bias")} == set()
