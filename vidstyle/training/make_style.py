"""From a recipe to a style file."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vidstyle.errors import InputError, VidstyleError, parameter
from vidstyle.nets import MetaNetwork
from vidstyle.output_files import check_output
from vidstyle.perception import metrics
from vidstyle.perception.style_grams import grams_of
from vidstyle.perception.tensors import load_style_image, to_pixels
from vidstyle.style_files import SUFFIX, StyleCard, read_card, save_style
from vidstyle.training.comparing import does_better, keep_the_better
from vidstyle.training.cycle import CycleTrainer
from vidstyle.training.distributed import finish_together, join_team, leave_team
from vidstyle.training.loop import TrainingLoop, TrainingProgress
from vidstyle.training.recipe import Recipe
from vidstyle.training.report import Report
from vidstyle.training.trainer import Trainer

LOOK_SECONDS, LOOK_SIDE = 2.0, 160
"""Between two looks at a style in the making, and pixels of the photograph."""
TEST_SIDE = 384
"""Pixels; side of the held-back photographs on which a finished style is measured."""
MOST_PICTURES = 4
"""Of those by one hand, how many a style is measured against."""
TRAINERS: dict[str, type[Trainer | CycleTrainer]] = {"perceptual": Trainer, "cyclegan": CycleTrainer}
"""By a recipe's method."""


def default_output(recipe: Path, name: str) -> Path:
    """`../weights/NAME.safetensors` as seen from a recipe, if that folder is there; NAME.safetensors here if not."""
    weights = recipe.resolve().parent.parent / "weights"
    return (weights if recipe.suffix == ".toml" and weights.is_dir() else Path()) / f"{name}{SUFFIX}"


def make_style(
    recipe: Recipe,
    out: Path,
    *,
    device: str = "auto",
    checkpoint_every: int = 200,
    recompute_activations: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    report: Path | None = None,
    on_progress: Callable[[TrainingProgress], None] = lambda _: None,
    on_picture: Callable[[np.ndarray], None] | None = None,
    on_warning: Callable[[str], None] = lambda _: None,
) -> StyleCard | None:
    """Train `recipe`, measure the result on photographs held back from training, and write it to `out`.

    The state is kept in a file beside `out` that ends in `.checkpoint`, and removed at the end.  Nothing worse than
    what it started from is written: that is written then.  Nor is a style at `out` replaced that does better by the
    same measure; the new one is written beside it.

    Args:
        recipe: what to train.
        out: the style file to make.
        device: as for `vidstyle.engines.choose_device`.
        checkpoint_every: steps between checkpoints.
        recompute_activations: less memory for more time, see Trainer.
        resume: go on from the checkpoint.
        overwrite: replace `out` and the checkpoint.
        report: folder for what is watched, see vidstyle.training.report.
        on_progress: called after each step.
        on_picture: called every few seconds with a photograph as it is painted by then, RGB (H, W, 3) uint8.
        on_warning: called with what a user should know but need not act upon.

    Returns:
        The card of the style; None in the processes of a team that do not lead it.

    Raises:
        InputError: if `out` exists and may not be overwritten, and for whatever is wrong with the recipe.
        VidstyleError: if what is at `out` is better.
    """
    _check_output(out, resume=resume, overwrite=overwrite)
    team, device = join_team(device)
    try:
        trainer = TRAINERS[recipe.method](
            recipe,
            device=device,
            checkpoint=out.with_suffix(".checkpoint"),
            resume=resume,
            checkpoint_every=checkpoint_every,
            recompute_activations=recompute_activations,
            team=team,
        )
        watched = Report(report, trainer) if report is not None and team.leads else None
        look = _Look(trainer, on_picture) if on_picture is not None and team.leads else None
        for progress in trainer.run():
            if watched:
                watched.update(progress)
            if team.leads:
                on_progress(progress)
            if look:
                look.perhaps()
        trainer.disband()
        finish_together()
    finally:
        leave_team()
    if not team.leads:
        return None
    if watched:
        watched.finish()
    for skipped, what in _skipped(trainer):
        on_warning(f"{len(skipped)} {what} could not be used and {'was' if len(skipped) == 1 else 'were'} left out")
    better = None
    if isinstance(trainer, Trainer) and not isinstance(trainer.network, MetaNetwork):
        if keep_the_better(trainer):
            on_warning("so short a training makes it no better: it is written as it was before")
        better = out if does_better(out, trainer) else None
    card = _finish(trainer, out if better is None else _beside(out))
    if better is not None:
        raise VidstyleError(f"{out}: does better by the same measure, and is kept; the new one is {card.path}")
    return card


class _Look:
    """Shows how far a training is."""

    def __init__(self, trainer: TrainingLoop, show: Callable[[np.ndarray], None]) -> None:
        self._trainer, self._show, self._last = trainer, show, -LOOK_SECONDS
        self._photograph = next(iter(trainer.photographs.held_back(LOOK_SIDE)), None)

    @torch.inference_mode()
    def perhaps(self) -> None:
        """Paint the photograph, if it is time; nothing of how a meta network paints."""
        now, network = time.monotonic(), self._trainer.network
        if self._photograph is None or now - self._last < LOOK_SECONDS or isinstance(network, MetaNetwork):
            return
        self._last = now
        painted = network.eval()(self._photograph[None].to(self._trainer.device)).float().clamp(0, 1)
        network.train()
        self._show(to_pixels(painted[0]))


def _check_output(out: Path, *, resume: bool, overwrite: bool) -> None:
    check_output(out, overwrite=overwrite)
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists() and not (resume or overwrite):
        raise InputError(
            f"{checkpoint}: left by an earlier run; {parameter('resume', True)} goes on, "
            f"{parameter('overwrite', True)} starts anew"
        )


def _beside(out: Path) -> Path:
    """A name for what may not be called `out`."""
    names = (out.with_name(f"{out.stem}.new{number or ''}{SUFFIX}") for number in itertools.count())
    return next(path for path in names if not path.exists())


def _skipped(trainer: TrainingLoop) -> list[tuple[set[Path], str]]:
    """What of the material was left out, and what to call it."""
    found = [
        (trainer.photographs.skipped, "of the photographs"),
        (trainer.clips.skipped if trainer.clips else set(), "of the clips"),
    ]
    return [(paths, what) for paths, what in found if paths]


def _finish(trainer: TrainingLoop, out: Path) -> StyleCard:
    """Measure and write what has been trained."""
    recipe = trainer.recipe
    card = StyleCard(
        name=out.stem,
        path=out,
        network=recipe.network.name,
        arguments=dict(recipe.network.arguments),
        title=recipe.style.title or recipe.name,
        artist=recipe.style.artist,
        year=recipe.style.year,
        licence=recipe.style.licence,
        recipe=recipe.hash(),
        metrics=measure_style(trainer),
        optimise=recipe.style.optimise,
    )
    # What makes styles of pictures has none of its own.
    of_pictures = isinstance(trainer.network, MetaNetwork)
    pictures = (load_style_image(path, recipe.style.shorter_side) for path in recipe.style.pictures)
    save_style(out, trainer.network, card, None if of_pictures else grams_of(*pictures))
    written = read_card(out)
    assert trainer.checkpoint is not None
    trainer.checkpoint.unlink(missing_ok=True)
    return written


def _test_pictures(trainer: TrainingLoop) -> list[Tensor]:
    """The recipe's pictures, or those that a meta network has never seen; each (1, 3, H, W) in [0, 1]."""
    if trainer.pictures is not None:
        return trainer.pictures.whole()
    return [load_style_image(path, TEST_SIDE) for path in trainer.recipe.style.pictures[:MOST_PICTURES]]


@torch.inference_mode()
def measure_style(trainer: TrainingLoop) -> dict[str, float]:
    """Style distance, content distance and grid (see vidstyle.perception.metrics) on the held-back photographs."""
    network = trainer.network.eval()
    perceptual = trainer.objective.perceptual.float()
    styles, contents, grids = [], [], []
    for picture in _test_pictures(trainer):
        style = picture.to(trainer.device)
        if isinstance(network, MetaNetwork):
            network.set_picture(style)
        for photo in trainer.photographs.held_back(TEST_SIDE):
            source = photo[None].to(trainer.device)
            painted = network(source).clamp(0, 1)
            styles.append(metrics.style_distance(perceptual, painted, style, trainer.objective.style_layers))
            contents.append(metrics.content_distance(perceptual, painted, source))
            grids.append(metrics.grid_score(to_pixels(painted[0])))
    return {
        "style_distance": round(sum(styles) / len(styles), 4),
        "content_distance": round(sum(contents) / len(contents), 4),
        "grid_db": round(sorted(grids)[len(grids) // 2], 1),
    }
