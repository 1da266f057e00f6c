"""A style of a picture, trained a little further: nearer to the picture in a minute."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vidstyle.any_style import stroke_side
from vidstyle.perception.objective import Loss
from vidstyle.perception.perceptual_network import nearest_perceptual
from vidstyle.shipped import PHOTOS
from vidstyle.style_files import SUFFIX, StyleCard, read_card, save_style
from vidstyle.styles import META_STYLE, check_style_output, load_style, style_of
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import Data, NetworkChoice, Recipe, Schedule, StyleSource
from vidstyle.training.trainer import TrainingProgress

CROP, BATCH, WARM_UP, LEARNING_RATE = 128, 1, 10, 2e-3
STYLE_WEIGHT, FLICKER_WEIGHT = 32.0, 225.0
"""Of a training that is over in a minute: little material in each step, since steps count, and no temporal loss, which
takes half of their time and for which memory and the weight of flicker make up (docs/any-style.md has what was
tried)."""


def refine_style(
    picture: Path,
    out: Path,
    *,
    seconds: float,
    by: str = META_STYLE,
    stroke_size: float = 1.0,
    photos: Path | None = None,
    perceptual: str | None = None,
    perceptual_weights: Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
    on_progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> StyleCard:
    """Write a style file that paints like a picture, and return its card.

    Args:
        picture: what to paint like.
        out: the file to make.
        seconds: to train what vidstyle.styles.style_of gives on that picture.
        by: what that is made by.
        stroke_size: see vidstyle.styles.style_of.
        photos: folder of photographs to train with; those that the program carries if None.
        perceptual, perceptual_weights: what to measure nearness to the picture with, as for `vidstyle train`.
        device: as for vidstyle.engines.choose_device.
        overwrite: replace `out` if it exists.
        on_progress: called after each step of the training.

    Raises:
        InputError: for a picture that cannot be made a style of, and a file that cannot be written.
    """
    check_style_output(out, overwrite=overwrite)
    shorter_side = stroke_side(StyleSource.shorter_side, stroke_size)
    style = style_of(picture, by, stroke_size=stroke_size)
    with tempfile.TemporaryDirectory(prefix="vidstyle-") as folder:
        start, trained = (Path(folder) / f"{name}{SUFFIX}" for name in ("start", "trained"))
        save_style(start, style.network, style.card)
        recipe = Recipe(
            name=out.stem,
            style=StyleSource(image=picture, title=style.card.title, shorter_side=shorter_side),
            data=Data(photos or PHOTOS, perceptual_weights),
            network=NetworkChoice(style.card.network, style.card.arguments, start),
            loss=Loss(
                perceptual=perceptual or nearest_perceptual(perceptual_weights),
                style=STYLE_WEIGHT,
                flicker=FLICKER_WEIGHT,
            ),
            schedule=Schedule(
                minutes=seconds / 60, batch=BATCH, crop=CROP, warm_up=WARM_UP, learning_rate=LEARNING_RATE
            ),
        )
        card = make_style(recipe, trained, device=device, on_progress=on_progress)
        assert card is not None
        save_style(out, load_style(trained).network, replace(card, name=out.stem, path=out))
    return read_card(out)
