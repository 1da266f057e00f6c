"""A style of a picture, trained a little further: nearer to the picture in a minute."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from vidstyle.any_style import stroke_side
from vidstyle.perception.perceptual_network import check_weights, nearest_perceptual, usual_or_own
from vidstyle.shipped import PHOTOS
from vidstyle.steps import REFINED_STEPS
from vidstyle.style_files import SUFFIX, StyleCard, read_card, save_style
from vidstyle.styles import META_STYLE, check_style_output, load_style, style_of
from vidstyle.training.loop import TrainingProgress
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe import Data, NetworkChoice, StyleSource
from vidstyle.training.recipe_options import quick_recipe


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
    on_picture: Callable[[np.ndarray], None] | None = None,
    on_note: Callable[[str], None] = lambda _: None,
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
        on_picture: see vidstyle.training.make_style.make_style.
        on_note: called with a line that somebody should know.

    Raises:
        InputError: for a picture that cannot be made a style of, and a file that cannot be written.
    """
    check_style_output(out, overwrite=overwrite)
    # What is missing is said before anything takes its time.
    check_weights(perceptual_weights)
    perceptual = perceptual or usual_or_own(nearest_perceptual(perceptual_weights), perceptual_weights, on_note)
    shorter_side = stroke_side(StyleSource.shorter_side, stroke_size)
    style = style_of(picture, by, stroke_size=stroke_size)
    with tempfile.TemporaryDirectory(prefix="vidstyle-") as folder:
        start, trained = (Path(folder) / f"{name}{SUFFIX}" for name in ("start", "trained"))
        save_style(start, style.network, style.card, style.grams)
        recipe = quick_recipe(
            out.stem,
            StyleSource(image=picture, title=style.card.title, shorter_side=shorter_side, optimise=REFINED_STEPS),
            Data(photos or PHOTOS, perceptual_weights),
            NetworkChoice(style.card.network, style.card.arguments, start),
            perceptual,
            seconds / 60,
        )
        card = make_style(
            recipe, trained, device=device, on_progress=on_progress, on_picture=on_picture, on_warning=on_note
        )
        assert card is not None
        made = load_style(trained)
        save_style(out, made.network, replace(card, name=out.stem, path=out), made.grams)
    return read_card(out)
