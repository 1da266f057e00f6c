"""Discriminators: what they tell apart, and what a painter learns from them."""

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from training_material import losses_of, write_picture

from vidstyle.errors import InputError
from vidstyle.nets.discriminator import PatchDiscriminator, ScaledDiscriminators, hinge_of_both, hinge_of_painter
from vidstyle.perception.objective import Loss
from vidstyle.training.adversary import Adversary, PaintedCrops
from vidstyle.training.distributed import Team
from vidstyle.training.recipe import Recipe, StyleSource, load_recipe
from vidstyle.training.trainer import Trainer


def stripes(count: int, *, across: bool) -> Tensor:
    """(N, 3, 48, 48) of stripes of 4 pixels, shifted at random."""
    shift = torch.randint(0, 8, (count, 1))
    line = ((torch.arange(48) + shift) // 4 % 2).float()
    stripe = line[:, None, None, :] if across else line[:, None, :, None]
    return stripe.expand(count, 3, 48, 48).clone()


def test_a_patch_is_judged_by_its_own_surroundings_and_nothing_else() -> None:
    torch.manual_seed(0)
    # In training mode each call would come nearer to the spectral norm.
    discriminator = PatchDiscriminator(8).eval()
    picture = torch.rand(1, 3, 128, 160)
    said = discriminator(picture)
    assert said.shape == (1, 1, 15, 19)
    picture[..., 80:] = 0
    changed = (discriminator(picture) - said).abs()[0, 0] > 1e-6
    assert not changed[:, :6].any()
    assert changed[:, 11:].all()


def test_every_layer_has_a_spectral_norm_of_one() -> None:
    torch.manual_seed(0)
    discriminators = ScaledDiscriminators(scales=2, width=4)
    with torch.no_grad():
        for _ in range(100):
            discriminators(torch.rand(1, 3, 48, 48))
        convolutions = [module for module in discriminators.modules() if isinstance(module, torch.nn.Conv2d)]
        weights = [convolution.weight for convolution in convolutions]
    assert len(weights) == 8
    for weight in weights:
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_the_hinge_lets_go_of_what_is_told_apart_already() -> None:
    sure, unsure = [torch.full((1, 1, 2, 2), 1.5)], [torch.full((1, 1, 2, 2), 0.25)]
    against = [-x for x in sure]
    assert hinge_of_both(sure, against).item() == 0
    assert hinge_of_both(unsure, sure).item() == pytest.approx(0.75 + 2.5)
    assert hinge_of_painter([*sure, *unsure]).item() == pytest.approx(-(1.5 + 0.25) / 2)


@pytest.mark.slow
def test_an_adversary_learns_what_real_pictures_have_and_tells_the_painter() -> None:
    torch.manual_seed(0)
    adversary = Adversary(torch.device("cpu"), Team())
    first = adversary.learn(stripes(4, across=True), stripes(4, across=False))
    for _ in range(12):
        last = adversary.learn(stripes(4, across=True), stripes(4, across=False))
    assert last < 0.8 * first
    assert adversary.term(stripes(4, across=True)) < adversary.term(stripes(4, across=False))
    # What the painter learns by leaves the discriminators as they are.
    painted = stripes(2, across=False).requires_grad_()
    adversary.term(painted).backward()
    assert bool(painted.grad is not None and painted.grad.any())
    assert all(p.grad is None or not p.requires_grad for p in adversary.discriminators.parameters())


def test_crops_come_from_all_pictures_and_depend_on_the_step_alone(tmp_path: Path) -> None:
    colours = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    paths = [tmp_path / f"{name}.png" for name in colours]
    for path, colour in zip(paths, colours.values(), strict=True):
        Image.new("RGB", (80, 60), colour).save(path)
    crops = PaintedCrops(paths, crop=32, batch=4, shorter_side=48, seed=0)
    assert crops.batch(3).shape == (4, 3, 32, 32)
    assert torch.equal(crops.batch(3), PaintedCrops(paths, crop=32, batch=4, shorter_side=48, seed=0).batch(3))
    means = torch.cat([crops.batch(step).mean((2, 3)) for step in range(8)])
    assert means[:, 0].max() == 1
    assert means[:, 2].max() == 1
    # A picture smaller than the crop is enlarged.
    assert PaintedCrops(paths, crop=64, batch=1, shorter_side=48, seed=0).batch(0).shape == (1, 3, 64, 64)


def by_one_hand(recipe: Recipe, material: Path) -> Recipe:
    write_picture(material / "more.png", 7)
    both = dataclasses.replace(recipe.style, image=(material / "dots.png", material / "more.png"))
    return dataclasses.replace(recipe, style=both)


def test_a_style_may_be_a_body_of_work(recipe: Recipe, material: Path) -> None:
    both = by_one_hand(recipe, material)
    targets = Trainer(both).objective.targets
    alone = [
        Trainer(dataclasses.replace(recipe, style=dataclasses.replace(recipe.style, image=path))).objective.targets
        for path in both.style.pictures
    ]
    for layer, target in targets.items():
        torch.testing.assert_close(target, (alone[0][layer] + alone[1][layer]) / 2)
        assert not torch.allclose(alone[0][layer], alone[1][layer], rtol=0.05)


def test_a_recipe_names_one_picture_several_or_a_folder(recipe: Recipe, material: Path) -> None:
    path = material / "train" / "dots.toml"
    one = path.read_text()
    write_picture(material / "more.png", 7)
    path.write_text(one.replace('"../dots.png"', '["../dots.png", "../more.png"]'))
    several = load_recipe(path)
    assert [p.name for p in several.style.pictures] == ["dots.png", "more.png"]
    assert several.hash() != recipe.hash()
    path.write_text(one.replace('"../dots.png"', '"../photos"'))
    assert len(load_recipe(path).style.pictures) == 6
    for wrong, message in {"[]": "names no picture", "[1]": "wrong type", "3": "wrong type"}.items():
        path.write_text(one.replace('"../dots.png"', wrong))
        with pytest.raises(InputError, match=message):
            load_recipe(path)
    (material / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures in this folder"):
        _ = StyleSource(material / "empty").pictures


def adversarial(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, loss=dataclasses.replace(recipe.loss, adversarial=0.5))


@pytest.mark.slow
def test_training_against_an_adversary_is_resumed_exactly(recipe: Recipe, material: Path) -> None:
    recipe = adversarial(by_one_hand(recipe, material))
    progress = next(Trainer(recipe).run())
    assert "adversarial" in progress.losses
    whole = losses_of(Trainer(recipe), 6)
    checkpoint = material / "dots.checkpoint"
    losses_of(Trainer(recipe, checkpoint=checkpoint, checkpoint_every=4), 5)
    assert losses_of(Trainer(recipe, checkpoint=checkpoint, resume=True), 2) == whole[4:]


def test_the_adversarys_gradient_stays_in_proportion_to_contents() -> None:
    torch.manual_seed(0)
    adversary, painted = Adversary(torch.device("cpu"), Team(), ratio=0.5), torch.rand(2, 3, 48, 48).requires_grad_()
    content = 300 * painted.square().mean()
    with torch.no_grad():
        for _ in range(50):
            # Until the spectral norms have settled.
            adversary.term(painted)
    for step in (0, 1):
        term = adversary.balanced(painted, content, step)
        norms = [torch.autograd.grad(x, painted, retain_graph=True)[0].norm().item() for x in (term, content)]
        assert norms[0] == pytest.approx(0.5 * norms[1], rel=0.02)


def test_what_cannot_have_an_adversary_is_refused(recipe: Recipe) -> None:
    small = dataclasses.replace(recipe.schedule, crop=24)
    with pytest.raises(InputError, match="adversarial takes at least 32"):
        Trainer(dataclasses.replace(recipe, loss=Loss(adversarial=1.0), schedule=small))
