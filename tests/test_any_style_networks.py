"""AdaIN and MetaNet: that they are what was published, learn, and make styles that every command takes."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result
from PIL import Image
from torch import Tensor, nn
from training_material import losses_of, write_perceptual_weights, write_picture

from vidstyle import InputError, load_style, styles
from vidstyle.nets import META_NETWORKS, build_network, description
from vidstyle.nets.adain import AdainNet, MetaAdainNet
from vidstyle.nets.metanet import MetaNet, ShenNet
from vidstyle.perception.perceptual_network import FILES, PerceptualNetwork
from vidstyle.perception.tensors import to_pixels
from vidstyle.perception.vgg import KINDS, Vgg, moments
from vidstyle.style_files import StyleCard, read_card, save_style
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import NetworkChoice, Recipe
from vidstyle.training.starting_network import fresh_network
from vidstyle.training.trainer import Trainer, squares

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

DISTILLED = "vgg19-distilled"
ARGUMENTS = {
    "meta-adain": {"encoder": DISTILLED},
    "metanet": {"encoder": DISTILLED, "group": 4},
    "metanet-improved": {"encoder": DISTILLED, "group": 4},
}


@pytest.fixture
def meta_recipe(recipe: Recipe, material: Path) -> Callable[..., Recipe]:
    """A recipe for a meta network, learning from three pictures in eight steps, each picture for two."""
    folder = material / "pictures"
    folder.mkdir()
    for seed in range(3):
        write_picture(folder / f"{seed}.png", seed, (320, 280))
    write_perceptual_weights(material, (*KINDS[DISTILLED][1], 8))

    def make(name: str, *, train_encoder: bool = False, **arguments: object) -> Recipe:
        return dataclasses.replace(
            recipe,
            style=dataclasses.replace(recipe.style, image=folder, batches=2),
            network=NetworkChoice(name, ARGUMENTS[name] | arguments, train_encoder=train_encoder),
            loss=dataclasses.replace(recipe.loss, perceptual=DISTILLED, style_kind="moments"),
            schedule=dataclasses.replace(recipe.schedule, steps=8),
        )

    return make


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


def test_adains_decoder_learns_to_undo_the_encoder(meta_recipe: Callable[..., Recipe]) -> None:
    made = meta_recipe("meta-adain")
    schedule = dataclasses.replace(made.schedule, steps=40, inversion_steps=30, warm_up=1, learning_rate=3e-3)
    made = dataclasses.replace(made, loss=dataclasses.replace(made.loss, inversion=1.0), schedule=schedule)
    trainer = Trainer(made, device="cpu")
    found = [progress.losses for progress in trainer.run()]
    assert set(found[29]) == {"inversion", "total"}
    assert {"style", "content", "inversion"} <= set(found[30])
    assert found[29]["inversion"] < 0.5 * found[0]["inversion"]


def test_only_a_decoder_can_learn_to_invert(meta_recipe: Callable[..., Recipe]) -> None:
    made = meta_recipe("metanet")
    made = dataclasses.replace(made, loss=dataclasses.replace(made.loss, inversion=1.0))
    with pytest.raises(InputError, match=r"loss\.inversion: this network has no decoder"):
        losses_of(Trainer(made, device="cpu"), 1)


def test_steps_of_inversion_need_its_weight(meta_recipe: Callable[..., Recipe]) -> None:
    made = meta_recipe("meta-adain")
    made = dataclasses.replace(made, schedule=dataclasses.replace(made.schedule, inversion_steps=3))
    with pytest.raises(InputError, match=r"schedule\.inversion_steps: .* set loss\.inversion"):
        Trainer(made, device="cpu")


def test_pictures_are_cut_into_tiles_and_enlarged_if_they_hold_none() -> None:
    picture = torch.arange(3 * 5 * 7.0).view(1, 3, 5, 7)
    cut = squares(picture, 2)
    assert cut.shape == (6, 3, 2, 2)
    torch.testing.assert_close(cut[4], picture[0, :, 2:4, 2:4])
    assert squares(picture, 8).shape == (1, 3, 8, 8)


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


def test_what_pictures_have_in_common_does_not_drown_what_tells_them_apart(
    meta_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three pictures of noise are more alike than pictures are.
    monkeypatch.setattr(description, "LEAST_SPREAD", 1e-3)
    trainer = Trainer(meta_recipe("metanet"), device="cpu")
    assert isinstance(trainer.network, MetaNet)
    assert trainer.pictures is not None
    crops = [trainer.pictures.crop(step) for step in range(len(trainer.pictures.paths))]
    described = torch.cat([trainer.network.description(crop) for crop in crops])
    torch.testing.assert_close(described.mean(0), torch.zeros(described.shape[1]), rtol=0, atol=1e-2)
    spread = described.std(0, correction=0)
    assert bool((spread < 1.01).all())
    assert (spread > 0.99).float().mean() > 0.5


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_an_encoder_learns_only_if_it_is_told_to(name: str, meta_recipe: Callable[..., Recipe]) -> None:
    changed = {}
    for train_encoder in (False, True):
        trainer = Trainer(meta_recipe(name, train_encoder=train_encoder), device="cpu")
        before = {key: p.clone() for key, p in trainer.network.named_parameters()}
        losses_of(trainer, 3)
        after = dict(trainer.network.named_parameters())
        changed[train_encoder] = {key for key in before if not torch.equal(before[key], after[key])}
    more = {key for key in changed[True] - changed[False] if ".convs." in f".{key}"}
    assert more
    assert not any(".convs." in f".{key}" for key in changed[False])


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


# --- training, and what comes of it


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_they_learn_and_make_styles(
    name: str, meta_recipe: Callable[..., Recipe], material: Path, run_cli: Callable[..., Result]
) -> None:
    meta_file, style_file = material / "meta.safetensors", material / "style.safetensors"
    card = make_style(meta_recipe(name), meta_file)
    assert card is not None
    assert card.metrics["style_distance"] > 0
    result = run_cli("style-from", material / "pictures" / "1.png", style_file, "--by", meta_file)
    assert (result.code, result.out) == (0, "")
    style = load_style(style_file)
    assert style.card.network == ("adain" if name == "meta-adain" else "shen")
    with pytest.raises(InputError, match="is no style, but makes them"):
        load_style(meta_file)
    photo = torch.rand(1, 3, 45, 62)
    painted = style.network(photo)
    assert painted.shape == photo.shape
    assert bool(painted.isfinite().all())
    assert run_cli("restyle", material / "photos" / "1.jpg", material / "out.png", "--style", style_file).code == 0


@pytest.mark.parametrize("name", styles.META_STYLES)
def test_what_ships_paints_in_a_pictures_colours(name: str, material: Path, run_cli: Callable[..., Result]) -> None:
    red, blue = (material / f"{color}.png" for color in ("red", "blue"))
    grain = torch.rand(160, 200, 1)
    for path, color in ((red, (0.9, 0.3, 0.1)), (blue, (0.1, 0.3, 0.9))):
        Image.fromarray(to_pixels((torch.tensor(color) * (0.5 + 0.5 * grain)).movedim(2, 0))).save(path)
    photo = torch.rand(1, 3, 12, 16).repeat_interleave(8, 2).repeat_interleave(8, 3)
    warmth = {}
    for picture in (red, blue):
        out = picture.with_suffix(".safetensors")
        assert run_cli("style-from", picture, out, "--by", name).code == 0
        with torch.inference_mode():
            painted = load_style(out).network(photo)
        assert painted.shape == photo.shape
        warmth[picture] = (painted[:, 0] - painted[:, 2]).mean().item()
    assert warmth[red] > warmth[blue] + 0.1


def test_larger_strokes_are_those_of_a_larger_picture(
    material: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    write = META_NETWORKS["meta-adain"].write_weights
    monkeypatch.setattr(
        META_NETWORKS["meta-adain"],
        "write_weights",
        lambda meta, picture: seen.append(picture.shape) or write(meta, picture),
    )
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)).save(material / "grain.png")
    for strokes in ("1", "2", "0.5"):
        made = ("style-from", material / "grain.png", material / f"{strokes}.safetensors", "--by", "adain")
        assert run_cli(*made, "--stroke-size", strokes).code == 0
    # Before them the network may have been tried out.
    assert [min(shape[2:]) for shape in seen][-3:] == [360, 720, 180]
    result = run_cli("style-from", material / "grain.png", material / "out.safetensors", "--stroke-size", "3")
    assert (result.code, "--stroke-size 3: takes 0.5 (fine) to 2 (broad)" in result.err) == (2, True)


def test_a_picture_is_kept_for_as_many_steps_as_the_recipe_says(meta_recipe: Callable[..., Recipe]) -> None:
    trainer = Trainer(meta_recipe("metanet"), device="cpu")
    assert trainer.pictures is not None
    seen = []
    turn_to = trainer.turn_to
    trainer.turn_to = lambda style: (seen.append(float(style.mean())), turn_to(style))[1]  # type: ignore[method-assign]
    losses_of(trainer, 6)
    assert [len(set(seen[i : i + 2])) for i in (0, 2, 4)] == [1, 1, 1]
    assert len(set(seen)) == 3


def test_what_makes_no_styles_is_refused(style_file: Path, material: Path, run_cli: Callable[..., Result]) -> None:
    picture, out = material / "dots.png", material / "out.safetensors"
    result = run_cli("style-from", picture, out, "--by", style_file)
    assert (result.code, "makes no styles of pictures" in result.err) == (2, True)
    result = run_cli("style-from", picture, out, "--by", "gan")
    assert result.code == 2
    assert (
        "--by gan: nothing that makes styles; there are meta_realtime, adain, metanet_improved, and files of your own"
        in result.err
    )
    assert not out.exists()
    assert read_card(style_file).network == "realtime"
