"""From a picture to a style file: written by a meta network, and trained a little further if there is time."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vidstyle.errors import InputError
from vidstyle.media.images import PHOTOS
from vidstyle.style_files import SUFFIX, StyleCard, read_card, save_style
from vidstyle.styles import META_STYLE, load_style, style_of
from vidstyle.training.make_style import make_style
from vidstyle.training.perceptual import nearest_perceptual
from vidstyle.training.recipe import Data, Loss, NetworkChoice, Recipe, Schedule, StyleSource
from vidstyle.training.trainer import Progress

CROP, BATCH, WARM_UP, LEARNING_RATE, STYLE, FLICKER = 128, 1, 10, 2e-3, 32.0, 225.0
"""Of a training that is over in a minute: little material in each step, since steps count, and no temporal loss, which
takes half of their time and for which memory and the weight of flicker make up (docs/any-style.md has what was
tried)."""


def style_from(
    picture: Path,
    out: Path,
    *,
    by: str = META_STYLE,
    refine: float = 0.0,
    photos: Path | None = None,
    perceptual: str | None = None,
    perceptual_weights: Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> StyleCard:
    """Write a style file that paints like a picture, and return its card.

    Args:
        picture: what to paint like.
        out: the file to make.
        by: what makes it, see vidstyle.styles.style_of.
        refine: seconds to train it further on that picture; 0 for none.
        photos: folder of photographs for that; those that the program carries if None.
        perceptual, perceptual_weights: what to measure nearness to the picture with, as for `vidstyle train`.
        device: as for vidstyle.engines.choose_device.
        overwrite: replace `out` if it exists.
        on_progress: called after each step of the training.

    Raises:
        InputError: for a picture that cannot be made a style of, and a file that cannot be written.
    """
    if out.suffix != SUFFIX:
        raise InputError(f"{out}: a style file ends in {SUFFIX}")
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists already; --overwrite replaces it")
    if not out.resolve().parent.is_dir():
        raise InputError(f"{out}: the folder {out.parent} does not exist; make it first")
    style = style_of(picture, by)
    if not refine:
        save_style(out, style.network, style.card)
        return read_card(out)
    with tempfile.TemporaryDirectory(prefix="vidstyle-") as folder:
        start, trained = (Path(folder) / f"{name}{SUFFIX}" for name in ("start", "trained"))
        save_style(start, style.network, style.card)
        recipe = Recipe(
            name=out.stem,
            style=StyleSource(image=picture, title=style.card.title),
            data=Data(photos or PHOTOS, perceptual_weights),
            network=NetworkChoice(style.card.network, style.card.arguments, start),
            loss=Loss(
                perceptual=perceptual or nearest_perceptual(perceptual_weights),
                style=STYLE,
                flicker=FLICKER,
            ),
            schedule=Schedule(
                minutes=refine / 60, batch=BATCH, crop=CROP, warm_up=WARM_UP, learning_rate=LEARNING_RATE
            ),
        )
        card = make_style(recipe, trained, device=device, on_progress=on_progress)
        assert card is not None
        save_style(out, load_style(trained).network, replace(card, name=out.stem, path=out))
    return read_card(out)
