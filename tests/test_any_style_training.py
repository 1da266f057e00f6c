"""AdaIN and MetaNet learn, and make styles that every command takes."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result
from meta_recipes import ARGUMENTS
from PIL import Image
from training_material import losses_of

from vidstyle import InputError, load_style, styles
from vidstyle.nets import META_NETWORKS, description
from vidstyle.nets.metanet import MetaNet
from vidstyle.perception.tensors import to_pixels
from vidstyle.style_files import read_card
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import Recipe
from vidstyle.training.trainer import Trainer, squares

pytest_plugins = ["meta_recipes"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("few_steps")]


def test_adains_decoder_learns_to_undo_the_encoder(meta_recipe: Callable[..., Recipe]) -> None:
    made = meta_recipe("meta-adain")
    schedule = dataclasses.replace(made.schedule, steps=40, inversion_steps=30, warm_up=1, learning_rate=3e-3)
    made = dataclasses.replace(made, loss=dataclasses.replace(made.loss, inversion=1.0), schedule=schedule)
    trainer = Trainer(made, device="cpu")
    found = [progress.losses for progress in itertools.islice(trainer.run(), 31)]
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
