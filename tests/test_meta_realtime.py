"""Styles of any picture: the meta network, its training, and what the commands make of it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result
from PIL import Image
from training_material import losses_of, write_perceptual_weights, write_picture

from vidstyle import InputError, load_style, styles
from vidstyle.any_style.polish import polished_weights
from vidstyle.any_style.writing import LEAST_SIDE, STROKES, read_style_picture
from vidstyle.nets import MetaRealtimeNet, RealtimeNet
from vidstyle.nets.meta import PICTURE_SIDE
from vidstyle.nets.meta_realtime import colored, uncolored
from vidstyle.nets.palette import palette_of
from vidstyle.perception.metrics import style_distance
from vidstyle.perception.perceptual_network import FILES, LAYERS, PerceptualNetwork, nearest_perceptual
from vidstyle.perception.tensors import load_style_image
from vidstyle.perception.vgg import KINDS
from vidstyle.style_files import StyleCard, load_style_file, read_card, save_style
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import Recipe, load_recipe
from vidstyle.training.starting_network import fresh_network
from vidstyle.training.style_pictures import StylePictures
from vidstyle.training.trainer import Trainer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]

META_FILE = f"{styles.META_STYLE}.safetensors"
PAINTER = {"channels": 16, "blocks": 1}
ARGUMENTS = {"kernels": 3, "size": 8, "painter": PAINTER}


def picture_of_colors(*colors: tuple[float, float, float]) -> torch.Tensor:
    """(1, 3, 32, 32) in [0, 1]: as many stripes."""
    stripes = torch.tensor(colors).T.repeat_interleave(32 // len(colors) + 1, 1)[:, :32]
    return stripes[None, :, None].expand(1, 3, 32, 32).contiguous()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with one style and a small meta network, and nothing else."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setattr(styles, "library", lambda: folder)
    torch.manual_seed(0)
    meta = MetaRealtimeNet(kernels=3, size=8, painter=PAINTER)
    for parameter in meta.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    save_style(folder / META_FILE, meta, StyleCard("meta", folder, "meta-realtime", ARGUMENTS))
    path = folder / "noise.safetensors"
    save_style(path, RealtimeNet(**PAINTER), StyleCard("noise", path, "realtime", PAINTER, "Noise"))
    return folder


def test_a_palette_is_mean_and_root_of_covariance() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 64, 64)
    palette = palette_of(picture)
    torch.testing.assert_close(palette.mean[0], picture.mean((0, 2, 3)))
    covariance = torch.cov(picture[0].flatten(1), correction=0) + 0.03**2 * torch.eye(3)
    torch.testing.assert_close(palette.root[0] @ palette.root[0], covariance)


def test_colors_are_put_in_and_taken_out_exactly() -> None:
    network = RealtimeNet(**PAINTER).eval()
    photo, palette = torch.rand(1, 3, 40, 48), palette_of(picture_of_colors((0.9, 0.1, 0.2), (0.2, 0.8, 0.9)))
    with torch.no_grad():
        network.tail.bias.normal_()
        network.blocks[0].conv2.weight.normal_(std=0.1)
        before = network(photo)
        state = dict(network.state_dict())
        plain = uncolored(state, palette)
        back = colored(plain, palette.root[0], palette.mean[0])
        for name, tensor in state.items():
            torch.testing.assert_close(back[name], tensor, rtol=1e-3, atol=1e-4)
        # What the network paints is carried over, too: its last steps are the same for all colours.
        network.load_state_dict(plain)
        without = network(photo) - 0.5
    mixed = torch.einsum("ij,njhw->nihw", palette.root[0], without) + palette.mean[0][:, None, None]
    torch.testing.assert_close(mixed, before, rtol=1e-3, atol=1e-3)


def test_between_its_experts_lies_where_a_meta_network_starts() -> None:
    torch.manual_seed(0)
    experts = [
        (
            {name: torch.randn_like(t) for name, t in RealtimeNet(**PAINTER).state_dict().items()},
            torch.rand(1, 3, 32, 32),
        )
        for _ in range(3)
    ]
    meta = MetaRealtimeNet(kernels=3, size=8, painter=PAINTER)
    meta.learn_from(experts)
    for k, (state, picture) in enumerate(experts):
        plain = uncolored(state, palette_of(picture))
        for name, base in meta.base.named_parameters():
            if base.dim() == 4:
                torch.testing.assert_close(base + meta.bank[name.replace(".", "_")][k], plain[name])


@pytest.mark.parametrize("change", [{"kernels": 3}, {"kernels": 0}, {"kernels": 0, "rank": 2}])
def test_every_part_of_a_meta_network_learns(change: dict[str, int]) -> None:
    torch.manual_seed(0)
    meta = MetaRealtimeNet(**{"size": 8, "painter": PAINTER} | change)
    meta.set_picture(torch.rand(1, 3, 64, 64))
    meta(torch.rand(1, 3, 32, 32)).square().mean().backward()
    # What follows a convolution that starts at zero learns a step later.
    still = {name for name, p in meta.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    assert {name for name in still if "conv1" not in name and "conv2" not in name} == set()


def test_a_picture_becomes_a_style_of_its_colors(library: Path, tmp_path: Path) -> None:
    painted = {}
    photo = torch.rand(1, 3, 48, 64)
    for name, color in {"red": (200, 20, 20), "blue": (20, 20, 200)}.items():
        Image.new("RGB", (80, 60), color).save(tmp_path / f"{name}.png")
        with torch.inference_mode():
            style = load_style(tmp_path / f"{name}.png")
        assert (style.card.name, style.card.network) == (name, "realtime")
        assert style.card.arguments == {**PAINTER, "strokes": dict(STROKES), "padding_mode": "replicate"}
        painted[name] = style.network(photo).mean((0, 2, 3))
    assert painted["red"].argmax() == 0
    assert painted["blue"].argmax() == 2


def test_strokes_under_a_pictures_style_are_as_large_as_one_asks_for(library: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    usual, wide = (styles.style_of(tmp_path / "a.png", stroke_size=size).card.arguments["strokes"] for size in (1, 1.5))
    assert (wide["width"], wide["length"]) == pytest.approx((1.5 * usual["width"], 1.5 * usual["length"]))
    assert wide["strength"] == usual["strength"]


def test_a_pictures_style_has_the_strokes_that_what_writes_it_has_learnt_with(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    learnt = {"strength": 0.2, "width": 1.0, "length": 1.3, "clear": 0.015}
    arguments = {"kernels": 3, "size": 8, "painter": PAINTER | {"strokes": learnt}}
    meta = tmp_path / "meta.safetensors"
    save_style(meta, MetaRealtimeNet(**arguments), StyleCard("meta", meta, "meta-realtime", arguments))
    # Away from faces and letters, however large they are.
    for size in (1.0, 2.0):
        made = styles.style_of(tmp_path / "a.png", meta, stroke_size=size).card.arguments["strokes"]
        assert made == learnt | {"width": size * 1.0, "length": size * 1.3}


def test_pictures_mix_with_styles(one_thread: None, library: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    alone, other = (load_style(s).network.state_dict() for s in (str(tmp_path / "a.png"), "noise"))
    mixed = load_style(f"{tmp_path / 'a.png'}:1,noise:3").network.state_dict()
    for name, tensor in mixed.items():
        torch.testing.assert_close(tensor, 0.25 * alone[name] + 0.75 * other[name])


def test_what_makes_styles_is_none(library: Path) -> None:
    assert [card.name for card in styles.list_styles()] == ["noise"]
    with pytest.raises(InputError, match="is no style, but makes them"):
        load_style(library / META_FILE)
    with pytest.raises(InputError, match="no such style"):
        load_style("meta_realtime")


@pytest.mark.parametrize(
    ("mode", "color"), [("L", 100), ("RGBA", (0, 0, 0, 0)), ("CMYK", (10, 200, 30, 0)), ("I;16", 30000), ("1", 1)]
)
def test_pictures_of_any_mode_become_styles(
    library: Path, tmp_path: Path, mode: str, color: int | tuple[int, ...]
) -> None:
    path = tmp_path / ("a.tif" if mode in {"CMYK", "I;16"} else "a.png")
    Image.new(mode, (64, 48), color).save(path)
    painted = load_style(path).network(torch.rand(1, 3, 32, 32))
    assert bool(painted.isfinite().all())


def test_what_is_transparent_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_style_picture(tmp_path / "clear.png") == 255).all()


def test_of_a_scroll_the_middle_counts(tmp_path: Path) -> None:
    levels = np.zeros((20, 400, 3), np.uint8)
    levels[:, 190:210] = 255
    Image.fromarray(levels).save(tmp_path / "scroll.png")
    seen = read_style_picture(tmp_path / "scroll.png")
    assert seen.shape == (20, 60, 3)
    assert (seen[:, 20:40] == 255).all()


def test_bad_pictures_are_refused_in_one_line(
    library: Path, tmp_path: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(path: Path) -> str:
        result = run_cli("style-from", path, tmp_path / "out.safetensors")
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert not (tmp_path / "out.safetensors").exists()
        return result.err

    assert "no such picture" in refusal(tmp_path / "none.png")
    (tmp_path / "text.jpg").write_text("not a picture")
    assert "not a picture that can be read" in refusal(tmp_path / "text.jpg")
    Image.new("RGB", (1, 1)).save(tmp_path / "pixel.png")
    assert f"1x1 is too small to make a style of: it takes {LEAST_SIDE}" in refusal(tmp_path / "pixel.png")
    monkeypatch.setattr("vidstyle.media.images.LARGEST_IMAGE", 10_000)
    Image.new("RGB", (200, 200)).save(tmp_path / "huge.png")
    assert "megapixels" in refusal(tmp_path / "huge.png")


def test_style_from_writes_a_style_file(library: Path, tmp_path: Path, run_cli: Callable[..., Result]) -> None:
    write_picture(tmp_path / "sea_at_night.png", 3)
    out = tmp_path / "sea.safetensors"
    result = run_cli("style-from", tmp_path / "sea_at_night.png", out)
    assert result.code == 0, result.err
    assert f"{out}: sea at night" in result.err
    card = read_card(out)
    assert (card.network, card.title) == ("realtime", "sea at night")
    photo = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        load_style(out).network(photo), load_style(tmp_path / "sea_at_night.png").network(photo), atol=0.02, rtol=0.02
    )
    again = run_cli("style-from", tmp_path / "sea_at_night.png", out)
    assert again.code == 2
    assert "exists already" in again.err
    assert run_cli("style-from", tmp_path / "sea_at_night.png", tmp_path / "sea.png").code == 2


def test_refining_brings_a_style_nearer_to_its_picture(
    library: Path, material: Path, run_cli: Callable[..., Result]
) -> None:
    outs = [material / f"{name}.safetensors" for name in ("first", "second")]
    for out, seconds in zip(outs, ("0.2", "6"), strict=True):
        options = ("--refine", seconds, "--photos", material / "photos", "--perceptual-weights", material)
        result = run_cli("style-from", material / "dots.png", out, "--quiet", *options)
        assert result.code == 0, result.err
    first, second = (read_card(out) for out in outs)
    assert second.metrics["style_distance"] < first.metrics["style_distance"]
    assert second.name == "second"


def test_weights_that_are_not_there_are_missed_before_a_style_is_made(
    library: Path, tmp_path: Path, run_cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "style.png", 5)
    monkeypatch.setattr("vidstyle.training.refine.style_of", lambda *_, **__: pytest.fail("a style was made"))
    options = ("--refine", "1", "--perceptual-weights", tmp_path / "vgg")
    result = run_cli("style-from", tmp_path / "style.png", tmp_path / "a.safetensors", *options)
    assert result.code == 2
    assert "there is no such file or folder" in result.err


def test_refining_measures_with_the_best_features_there_are(tmp_path: Path) -> None:
    assert nearest_perceptual(None) == "vgg16"
    write_perceptual_weights(tmp_path)
    assert nearest_perceptual(tmp_path) == "vgg19-hybrid"
    (tmp_path / FILES["vgg19-shallow"]).unlink()
    assert nearest_perceptual(tmp_path) == "vgg19-distilled"


def test_restyle_takes_a_picture_as_its_style(library: Path, tmp_path: Path, run_cli: Callable[..., Result]) -> None:
    write_picture(tmp_path / "style.png", 5)
    write_picture(tmp_path / "photo.png", 6)
    result = run_cli(
        "restyle", tmp_path / "photo.png", tmp_path / "out.png", "--style", tmp_path / "style.png", "--json"
    )
    assert result.code == 0, result.err
    assert json.loads(result.out)["style"] == "style"
    assert (tmp_path / "style.png").exists()


def test_evaluate_never_writes_into_a_picture(
    library: Path, tmp_path: Path, clip: Path, run_cli: Callable[..., Result]
) -> None:
    write_picture(tmp_path / "style.png", 5)
    before = (tmp_path / "style.png").read_bytes()
    result = run_cli("evaluate", clip, "--style", tmp_path / "style.png", "--write")
    assert result.code == 2
    assert "is no style file" in result.err
    assert (tmp_path / "style.png").read_bytes() == before


@pytest.fixture
def meta_recipe(material: Path) -> Recipe:
    """One that learns from three pictures, a fourth held out, and starts from a style trained on one of them."""
    (material / "pictures").mkdir()
    write_perceptual_weights(material, (*KINDS["vgg19-distilled"][1], 8))
    for seed in range(4):
        write_picture(material / "pictures" / f"picture_{seed}.png", seed, (320, 280))
    text = (material / "train" / "dots.toml").read_text()
    path = material / "weights" / "dots.safetensors"
    torch.manual_seed(0)
    save_style(path, RealtimeNet(**PAINTER), StyleCard("dots", path, "realtime", PAINTER))
    text = text.replace('image = "../dots.png"', 'image = "../pictures"\n        held_out = ["picture_2"]')
    text = text.replace(
        'name = "realtime"\n        arguments = {channels = 16, blocks = 1}',
        'name = "meta-realtime"\n        experts = ["dots"]\n'
        "        arguments = {kernels = 2, size = 8, painter = {channels = 16, blocks = 1}}",
    )
    (material / "train" / "meta.toml").write_text(
        text.replace("style = 4", 'style = 4\nperceptual = "vgg19-distilled"')
    )
    return load_recipe(material / "train" / "meta.toml")


def test_a_meta_network_learns_and_is_resumed_exactly(meta_recipe: Recipe, material: Path) -> None:
    whole = losses_of(Trainer(meta_recipe, device="cpu"), 8)
    checkpoint = material / "meta.checkpoint"
    losses_of(Trainer(meta_recipe, device="cpu", checkpoint=checkpoint, checkpoint_every=5), 6)
    resumed = Trainer(meta_recipe, device="cpu", checkpoint=checkpoint, resume=True)
    assert resumed.step == 5
    assert losses_of(resumed, 3) == whole[5:]


def test_an_expert_that_ships_no_more_lies_among_the_starts(meta_recipe: Recipe, material: Path) -> None:
    torch.manual_seed(0)
    before = fresh_network(meta_recipe).state_dict()
    train, starts = material / "train", material / "train" / "starts"
    starts.mkdir(exist_ok=True)
    recipe = train / "dots.toml"
    (starts / recipe.name).write_text(recipe.read_text().replace('"../', '"../../'))
    recipe.unlink()
    (material / "weights" / "dots.safetensors").rename(starts / "dots.safetensors")
    torch.manual_seed(0)
    after = fresh_network(meta_recipe).state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_held_out_pictures_are_never_seen(meta_recipe: Recipe) -> None:
    pictures = Trainer(meta_recipe, device="cpu").pictures
    assert pictures is not None
    assert [path.stem for path in pictures.held_out] == ["picture_2"]
    assert [path.stem for path in pictures.paths] == ["picture_0", "picture_1", "picture_3"]
    crops = [pictures.crop(step) for step in range(6)]
    assert {tuple(crop.shape) for crop in crops} == {(1, 3, 256, 256)}
    torch.testing.assert_close(pictures.crop(4), crops[4])
    assert len({float(crop.mean()) for crop in crops}) == 6


def test_pictures_that_come_seldom_come_a_quarter_as_often_as_the_others(tmp_path: Path) -> None:
    greys = {f"face_{i}": 10 + 20 * i for i in range(5)} | {f"field_{i}": 150 + 20 * i for i in range(3)}
    for name, level in greys.items():
        Image.new("RGB", (256, 256), (level, level, level)).save(tmp_path / f"{name}.png")
    pictures = StylePictures(tmp_path, held_out=(), shorter_side=256, seed=0, seldom=("face_*",))
    levels = [round(255 * float(pictures.crop(step).mean())) for step in range(2 * (4 * 3 + 5))]
    for name, level in greys.items():
        assert levels.count(level) == (2 if name.startswith("face") else 8), name
    with pytest.raises(InputError, match=r"no picture faces_\*"):
        StylePictures(tmp_path, held_out=(), shorter_side=256, seed=0, seldom=("faces_*",))


def test_a_meta_network_goes_on_from_another_one(meta_recipe: Recipe, material: Path) -> None:
    start = material / "start.safetensors"
    trainer = Trainer(meta_recipe, device="cpu")
    losses_of(trainer, 2)
    name, arguments = meta_recipe.network.name, meta_recipe.network.arguments
    save_style(start, trainer.network, StyleCard("start", start, name, arguments))
    network = dataclasses.replace(meta_recipe.network, init=start, experts=())
    further = Trainer(dataclasses.replace(meta_recipe, network=network), device="cpu").network
    for key, value in load_style_file(start).network.state_dict().items():
        torch.testing.assert_close(further.state_dict()[key], value)


def test_a_trained_meta_network_makes_styles(
    meta_recipe: Recipe, material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = make_style(meta_recipe, material / "weights" / META_FILE)
    assert card is not None
    assert card.metrics["style_distance"] > 0
    monkeypatch.setattr(styles, "library", lambda: material / "weights")
    painted = load_style(material / "dots.png").network(torch.rand(1, 3, 32, 32))
    assert bool(painted.isfinite().all())


@pytest.fixture
def meta(library: Path) -> MetaRealtimeNet:
    network = load_style_file(library / META_FILE).network
    assert isinstance(network, MetaRealtimeNet)
    return network


def test_polishing_brings_a_style_nearer_to_its_picture(
    one_thread: None, meta: MetaRealtimeNet, tmp_path: Path
) -> None:
    write_picture(tmp_path / "style.png", 3)
    picture = load_style_image(tmp_path / "style.png", PICTURE_SIDE)
    network, perceptual, photo = RealtimeNet(**meta.painter), PerceptualNetwork("vidstyle"), torch.rand(1, 3, 96, 96)
    distances = []
    for steps in (0, 60):
        network.load_state_dict(polished_weights(meta, picture, steps=steps, seconds=60))
        with torch.no_grad():
            painted = network(photo).clamp(0, 1)
        distances.append(style_distance(perceptual, painted, picture, LAYERS["vidstyle"].style))
    assert distances[1] < 0.97 * distances[0], distances


def test_polishing_gives_the_same_each_time_and_leaves_all_else_alone(
    one_thread: None, meta: MetaRealtimeNet, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in meta.state_dict().items()}
    picture, drawn = torch.rand(1, 3, 48, 64), torch.get_rng_state()
    once, twice, never = (polished_weights(meta, picture, steps=2, seconds=seconds) for seconds in (60, 60, 1e-9))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[name]) for name, value in meta.state_dict().items())
    assert all(parameter.grad is None for parameter in meta.parameters())
    with torch.no_grad():
        written = meta.write_weights(picture)
    assert all(torch.equal(value, twice[name]) for name, value in once.items())
    assert not all(torch.equal(value, written[name]) for name, value in once.items())
    assert all(torch.equal(value, written[name]) for name, value in never.items())


def test_what_cannot_be_polished_stays_as_it_was(meta: MetaRealtimeNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidstyle.perception.losses.total", lambda terms: sum(terms.values()) * float("nan"))
    picture = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        written = meta.write_weights(picture)
    assert all(torch.equal(value, written[name]) for name, value in polished_weights(meta, picture).items())
