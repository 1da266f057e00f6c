"""What the command line puts into a recipe."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vidstyle.any_style import is_picture
from vidstyle.errors import InputError, parameter
from vidstyle.perception.objective import Loss
from vidstyle.perception.perceptual_network import fastest_perceptual, nearest_perceptual, usual_or_own
from vidstyle.perception.photographs import check_photographs
from vidstyle.shipped import PHOTOS
from vidstyle.steps import FINE_STEPS
from vidstyle.style_files import read_card
from vidstyle.styles import arguments_of_pictures_style, find_style
from vidstyle.training.recipe import Data, NetworkChoice, Recipe, Schedule, StyleSource, load_recipe

BALANCE = 1.5
"""Style's gradient as a multiple of content's: what training with a weight that somebody has chosen ends at."""
USUAL_STYLE_WEIGHT, USUAL_TEMPORAL_WEIGHT = 8.0, 20.0
"""Weights of style and of the temporal loss where nothing is said: those of the shipped recipes."""
QUICK_MINUTES = 2.0
"""Up to which a training is a quick one."""
QUICK_SCHEDULE: Mapping[str, Any] = {"batch": 1, "crop": 128, "warm_up": 10, "learning_rate": 5e-4}
QUICK_STYLE_WEIGHT, QUICK_FLICKER_WEIGHT = 32.0, 225.0
"""See quick_recipe."""
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
    on_note: Callable[[str], None] | None = None,
) -> Recipe:
    """The recipe in a .toml file, or the default recipe for a style picture, with what is given put in.

    A style of a picture starts from what is made of that picture at once, unless a network or a start is named; in
    QUICK_MINUTES it can be trained with the photographs that ship.

    on_note: where it is given, a perceptual network that nobody has named is fetched now, and where that fails the one
        that ships takes its place, about which this is called with a line.

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
        usual = MINUTES if init is None else MINUTES_FROM_A_STYLE
        if start is None and network in (None, "realtime", "large") and is_picture(path):
            start = path
        recipe = _recipe_for_picture(path, photos, perceptual_weights, start, minutes or usual, on_note)
    chosen = recipe.network
    if network not in (None, recipe.network.name):
        # A larger network starts from the same.
        chosen = NetworkChoice(str(network), recipe.network.arguments if start == path else {})
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


def _recipe_for_picture(
    path: Path,
    photos: Path | None,
    weights: Path | None,
    start: Path | None,
    minutes: float,
    note: Callable[[str], None] | None,
) -> Recipe:
    """minutes: of the training."""
    if not path.is_file():
        there = "is a folder; name a recipe or a picture" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {there}")
    quick = start == path and minutes <= QUICK_MINUTES
    if photos is None:
        if not quick:
            instead = f", or train for {QUICK_MINUTES:g} minutes at most" * (start == path)
            raise InputError(
                f"{path}: to learn a style from a picture, name a folder of photographs with {parameter('photos')}"
                f"{instead}"
            )
        photos = PHOTOS
    # What is to be fetched below takes its time.
    check_photographs(photos)
    style = StyleSource(image=path, title=path.stem.replace("_", " ").title())
    network = NetworkChoice()
    if start == path:
        # As it comes from the picture at once (vidstyle.any_style).
        network = NetworkChoice(arguments=arguments_of_pictures_style(), init=path)
        style = dataclasses.replace(style, optimise=FINE_STEPS)
    elif start is not None:
        card = read_card(start)
        network = NetworkChoice(card.network, card.arguments)
    if quick:
        perceptual = _to_be_had(nearest_perceptual(weights), weights, note)
        return quick_recipe(path.stem, style, Data(photos), network, perceptual, minutes)
    perceptual = _to_be_had(fastest_perceptual(weights), weights, note)
    loss = Loss(perceptual=perceptual, style=USUAL_STYLE_WEIGHT, temporal=USUAL_TEMPORAL_WEIGHT)
    schedule = Schedule(minutes=minutes)
    return Recipe(name=path.stem, style=style, data=Data(photos), network=network, loss=loss, schedule=schedule)


def _to_be_had(name: str, weights: Path | None, note: Callable[[str], None] | None) -> str:
    return name if note is None else usual_or_own(name, weights, note)


def quick_recipe(
    name: str, style: StyleSource, data: Data, network: NetworkChoice, perceptual: str, minutes: float
) -> Recipe:
    """Of a training that is over in a minute or two, from what paints nearly like the picture already.

    There is little material in each step, since steps count, and no temporal loss, which takes half of their time and
    for which memory and the weight of flicker make up (docs/any-style.md has what was tried).
    """
    return Recipe(
        name=name,
        style=style,
        data=data,
        network=network,
        loss=Loss(perceptual=perceptual, style=QUICK_STYLE_WEIGHT, flicker=QUICK_FLICKER_WEIGHT),
        schedule=Schedule(minutes=minutes, **QUICK_SCHEDULE),
    )


def _given(**options: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
