"""The weight of style, found from what style and content do to the painting."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from training_material import losses_of

from vidstyle.perception.objective import Loss
from vidstyle.training.balance import Balance
from vidstyle.training.distributed import Team
from vidstyle.training.recipe import Recipe
from vidstyle.training.trainer import Trainer

pytestmark = pytest.mark.slow


def test_a_balance_makes_gradients_of_constant_size_have_its_ratio() -> None:
    painted = torch.rand(1, 3, 8, 8, requires_grad=True)
    content, style = painted.sum(), 400 * painted.sum()
    balance = Balance(1.5)
    for _ in range(3):
        ours, theirs = balance.measure(content, style, painted, Team())
    assert balance.scale is not None
    assert balance.scale * theirs == pytest.approx(1.5 * ours)


@pytest.mark.parametrize("style", [0.01, 100.0])
def test_training_with_a_balance_keeps_style_and_content_at_their_ratio(
    recipe: Recipe, style: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidstyle.training.balance.EVERY", 1)
    trainer = Trainer(dataclasses.replace(recipe, loss=Loss(style=style, balance=1.5)))
    balance, ratios = trainer.balance, []
    assert balance is not None
    for step in trainer.run():
        if step.step < 15:
            continue
        scale = balance.scale
        ours, theirs = balance.measure(*measured_terms(trainer, step.step))
        ratios.append(np.log(scale * theirs / ours))
        balance.scale = scale
    # Single batches differ; in the middle of them the two are as they should be.
    assert np.exp(np.median(ratios)) == pytest.approx(1.5, rel=0.3)


def measured_terms(trainer: Trainer, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Team]:
    terms, painted = trainer._forward(trainer.photographs.batch(step), None)
    return terms["content"], terms["style"], painted, Team()


def test_a_balance_is_resumed_exactly(recipe: Recipe, material: Path) -> None:
    balanced = dataclasses.replace(recipe, loss=Loss(balance=1.5))
    whole = losses_of(Trainer(balanced), 10)
    checkpoint = material / "dots.checkpoint"
    losses_of(Trainer(balanced, checkpoint=checkpoint, checkpoint_every=6), 7)
    assert losses_of(Trainer(balanced, checkpoint=checkpoint, resume=True), 4) == whole[6:]
