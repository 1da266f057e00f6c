"""Training that keeps the large forms of what it starts from."""

import dataclasses
from pathlib import Path

import pytest
import torch
from training_material import losses_of

from vidstyle import load_style
from vidstyle.errors import InputError
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
    with pytest.raises(InputError, match=r"nothing to keep.*network\.init"):
        Trainer(dataclasses.replace(recipe, loss=Loss(keep=1.0)))
