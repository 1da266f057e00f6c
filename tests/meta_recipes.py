"""Recipes for networks that make styles of any picture: fixtures as a plugin of pytest."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from training_material import write_perceptual_weights, write_picture

from vidstyle.perception.vgg import KINDS
from vidstyle.training.recipe import NetworkChoice, Recipe

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
