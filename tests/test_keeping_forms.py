"""Training that keeps the large forms of what it starts from."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch
from training_material import losses_of

from vidstyle import load_style
from vidstyle.errors import InputError
from vidstyle.perception.contours import near_detail
from vidstyle.perception.losses import large_form_loss
from vidstyle.perception.objective import Loss
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import NetworkChoice, Recipe
from vidstyle.training.trainer import Trainer


def test_what_is_smaller_than_a_stroke_is_no_form() -> None:
    picture = torch.rand(1, 3, 64, 64)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    fine, large = ((x + y) % 2 - 0.5), torch.sin(x / 10)
    ours, theirs = (large_form_loss(picture + 0.2 * field, picture).item() for field in (fine, large))
    assert large_form_loss(picture, picture).item() == 0
    assert 0 < 50 * ours < theirs


def test_what_counts_nowhere_costs_nothing() -> None:
    picture, where = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 16, 16)
    other = picture.clone()
    other[..., 32:] += 0.3
    assert large_form_loss(other, picture, where).item() == 0
    where[..., 8:] = 1
    everywhere, there = large_form_loss(other, picture).item(), large_form_loss(other, picture, where).item()
    assert 0.9 * everywhere < there <= everywhere


def test_a_face_is_near_its_eyes_and_a_sky_is_near_nothing() -> None:
    picture = torch.full((1, 3, 128, 256), 0.5)
    for x in (30, 60):
        picture[..., 50:58, x : x + 8] = torch.rand(1, 3, 8, 8).round()
    near = near_detail(picture)[0, 0]
    height, width = near.shape
    between, sky = near[height * 54 // 128, width * 48 // 256].item(), near[:, 3 * width // 4 :].max().item()
    assert between > 0.8
    assert sky < 0.05


def kept(recipe: Recipe, start: Path, weight: float) -> Recipe:
    network = NetworkChoice(arguments=recipe.network.arguments, init=start)
    return dataclasses.replace(recipe, network=network, loss=dataclasses.replace(recipe.loss, keep=weight))


@pytest.mark.slow
@pytest.mark.usefixtures("few_steps")
def test_large_forms_stay_as_they_began_and_training_resumes_exactly(recipe: Recipe, material: Path) -> None:
    start = material / "weights" / "dots.safetensors"
    make_style(recipe, start)
    firm = kept(recipe, start, 1000.0)
    # Nothing has changed before the first step.
    assert next(Trainer(firm).run()).losses["keep"] < 1e-6
    changes = {}
    for weight in (1e-3, 1000.0):
        trainer = Trainer(kept(recipe, start, weight))
        losses_of(trainer, 12)
        picture = torch.rand(1, 3, 48, 48)
        with torch.inference_mode():
            now, first = trainer.network.eval()(picture), load_style(start).network(picture)
            changes[weight] = large_form_loss(now, first).item()
    assert changes[1000.0] < 0.5 * changes[1e-3]
    whole = losses_of(Trainer(firm), 6)
    checkpoint = material / "dots.checkpoint"
    losses_of(Trainer(firm, checkpoint=checkpoint, checkpoint_every=4), 5)
    assert losses_of(Trainer(firm, checkpoint=checkpoint, resume=True), 2) == whole[4:]


def test_forms_are_kept_only_of_what_there_was(recipe: Recipe) -> None:
    for loss in (Loss(keep=1.0), Loss(keep_detail=1.0)):
        with pytest.raises(InputError, match=r"nothing to keep.*network\.init"):
            Trainer(dataclasses.replace(recipe, loss=loss))


@pytest.mark.usefixtures("few_steps")
def test_forms_can_be_kept_near_detail_alone(recipe: Recipe, material: Path) -> None:
    start = material / "weights" / "dots.safetensors"
    make_style(recipe, start)
    loss = dataclasses.replace(recipe.loss, keep_detail=1000.0)
    firm = dataclasses.replace(kept(recipe, start, 0.0), loss=loss)
    losses = [progress.losses["keep_detail"] for progress in itertools.islice(Trainer(firm).run(), 3)]
    assert losses[0] < 1e-6 < losses[2]
