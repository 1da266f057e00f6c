"""What the command line puts into a recipe."""

import dataclasses
from pathlib import Path
from typing import Any

from vidstyle.errors import InputError, parameter
from vidstyle.perception.objective import Loss
from vidstyle.perception.perceptual_network import fastest_perceptual
from vidstyle.style_files import read_card
from vidstyle.styles import find_style
from vidstyle.training.recipe import Data, NetworkChoice, Recipe, Schedule, StyleSource, load_recipe

BALANCE = 1.5
"""Style's gradient as a multiple of content's: what training with a weight that somebody has chosen ends at."""
USUAL_STYLE_WEIGHT, USUAL_TEMPORAL_WEIGHT = 8.0, 20.0
"""Weights of style and of the temporal loss where nothing is said: those of the shipped recipes."""
MINUTES, MINUTES_FROM_A_STYLE = 15.0, 5.0
"""That a style takes which is made of a picture alone, and one that starts from another style."""


def resolve_recipe(
    path: Path,
    *,
    photos: Path | None = None,
    clips: Path | None = None,
    perceptual: str | None = None,
    perceptual_weights: Path | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    network: str | None = None,
    init: str | None = None,
    balance: bool = False,
) -> Recipe:
    """The recipe in a .toml file, or the default recipe for a style picture, with what is given put in.

    Raises:
        InputError: for a file that is neither, a picture without photographs, and options that exclude each other.
    """
    if steps is not None and minutes is not None:
        raise InputError(
            f"{parameter('steps')} and {parameter('minutes')} exclude each other: "
            f"training ends by the one or by the other"
        )
    start = None if init is None else find_style(init, argument="init")
    if path.suffix == ".toml":
        recipe = load_recipe(path)
    else:
        recipe = _recipe_for_picture(path, photos, perceptual_weights, start)
    chosen = recipe.network if network in (None, recipe.network.name) else NetworkChoice(str(network))
    finish_steps = 0 if steps is not None or minutes is not None else None
    schedule = _given(steps=steps, minutes=0.0 if steps is not None else minutes, seed=seed, finish_steps=finish_steps)
    loss = _given(
        perceptual=perceptual,
        balance=BALANCE if balance and not recipe.loss.balance else None,
        temporal=USUAL_TEMPORAL_WEIGHT if clips is not None and not recipe.loss.paired else None,
    )
    return dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, **_given(photos=photos, clips=clips, perceptual=perceptual_weights)),
        network=dataclasses.replace(chosen, **_given(init=start)),
        loss=dataclasses.replace(recipe.loss, **loss),
        schedule=dataclasses.replace(recipe.schedule, **schedule),
    )


def _recipe_for_picture(path: Path, photos: Path | None, weights: Path | None, start: Path | None) -> Recipe:
    if photos is None:
        raise InputError(
            f"{path}: to learn a style from a picture, name a folder of photographs with {parameter('photos')}"
        )
    style = StyleSource(image=path, title=path.stem.replace("_", " ").title())
    loss = Loss(perceptual=fastest_perceptual(weights), style=USUAL_STYLE_WEIGHT, temporal=USUAL_TEMPORAL_WEIGHT)
    network, schedule = NetworkChoice(), Schedule(minutes=MINUTES if start is None else MINUTES_FROM_A_STYLE)
    if start is not None:
        card = read_card(start)
        network = NetworkChoice(card.network, card.arguments)
    return Recipe(name=path.stem, style=style, data=Data(photos), network=network, loss=loss, schedule=schedule)


def _given(**options: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
