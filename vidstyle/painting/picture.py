"""Paint one picture by optimisation: what programs and the command line call."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidstyle.errors import InputError
from vidstyle.media.images import Picture, read_opaque, read_picture, write_picture
from vidstyle.media.suffixes import check_picture_suffix
from vidstyle.output_files import check_output
from vidstyle.painting.optimisation import Diverged, Optimisation, Scale, Step, fit
from vidstyle.painting.paint_settings import PaintSettings, StylePicture, files_read, weighted_styles
from vidstyle.painting.record import Outputs, Record

PIXELS_OF_A_STEP = 40_000
"""That take as long as what each step takes besides, however small its picture: two cores, relu1_1 to relu5_1."""


@dataclass(frozen=True)
class PaintingProgress:
    """How far a painting is.

    Attributes:
        step, steps: done, and in all.
        losses: see Step.
        share: of the work that is done, 0 to 1; steps at a larger scale take longer.
        frame, frames: of a video, which is being painted and how many there will be.
    """

    step: int
    steps: int
    losses: dict[str, float]
    share: float
    frame: int = 0
    frames: int | None = None


@dataclass(frozen=True)
class Painted:
    """What came of it.

    Attributes:
        steps, seconds: it took.
        width, height: of the painting, pixels.
        losses: at the last step, by name.
        device: that painted.
        complete: False if it was stopped, and the painting is as it was by then.
        frames: of a video; 0 for a picture.
    """

    steps: int
    seconds: float
    width: int
    height: int
    losses: dict[str, float]
    device: str
    complete: bool
    frames: int = 0


@dataclass(frozen=True)
class Watch:
    """Who is told what.

    Attributes:
        on_progress: called after each step.
        on_note: called with a line that a user should know.
        stop: asked after each step whether to stop.
    """

    on_progress: Callable[[PaintingProgress], None] = field(default=lambda _: None)
    on_note: Callable[[str], None] = field(default=lambda _: None)
    stop: Callable[[], bool] = field(default=lambda: False)


def paint(
    content: str | Path | np.ndarray, styles: StylePicture | Sequence[StylePicture], **settings: Any
) -> Iterator[Step]:
    """Paint a picture by optimisation, a step at a time.

        for step, losses, image in vidstyle.paint("cat.jpg", ["a.jpg:0.7", "b.jpg:0.3"], size=512):
            ...

    Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style", and what came after it.

    Args:
        content: a picture file, or RGB (H, W, 3) uint8.
        styles: picture files, each alone, as `FILE:WEIGHT`, or with its weight.
        settings: fields of vidstyle.painting.paint_settings.PaintSettings.

    Yields:
        (step, losses, image) with the number of steps done, the weighted terms of the loss by name, and RGB
        (H, W, 3) uint8.  Painting goes from coarse to fine: the last images have the full size.

    Raises:
        InputError: for anything that the caller can mend, at the first step.
        Diverged: when the loss is no longer a number; the last image that was given is good.
    """
    optimisation = Optimisation(weighted_styles(styles), PaintSettings(**settings))
    pixels = content if isinstance(content, np.ndarray) else read_opaque(Path(content))
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(f"the content is RGB (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
    yield from optimisation.paint(pixels, optimisation.scales(*pixels.shape[:2]))


def paint_picture(
    content: Path,
    styles: Sequence[StylePicture],
    out: Path,
    settings: PaintSettings,
    *,
    outputs: Outputs | None = None,
    watch: Watch | None = None,
) -> Painted:
    """Paint a picture file into another one.

    What is transparent stays so, where the format of `out` can hold it.  A painting that is stopped, or whose loss is
    no longer a number, is written as it was by then, in full size.

    Args:
        content, out: picture files.
        styles: see `paint`.
        settings: how to paint.
        outputs: what else to write.
        watch: who is told what.

    Raises:
        InputError: for anything that the caller can mend; nothing is written then.
        Diverged: after what there was of the painting has been written.
    """
    outputs, watch = outputs or Outputs(), watch or Watch()
    check_picture_suffix(out)
    picture = read_picture(content)
    named = weighted_styles(styles)
    inputs = files_read(content, named, settings)
    check_output(out, taken=inputs, overwrite=outputs.overwrite)
    optimisation = Optimisation(named, settings)
    scales = optimisation.scales(*picture.pixels.shape[:2])
    record = Record(out, inputs, outputs, work(scales), scales[-1])
    for note in optimisation.notes:
        watch.on_note(note)
    began, last, failure = time.monotonic(), None, None
    try:
        for last in optimisation.paint(read_opaque(content), scales):
            record.update(last)
            watch.on_progress(PaintingProgress(last.step, len(record.work), last.losses, record.work[last.step - 1]))
            if watch.stop():
                break
    except Diverged as error:
        if last is None:
            raise
        failure = Diverged(f"{error}. {out} is the painting after step {last.step}")
    assert last is not None
    write_picture(out, _finished(last.image, picture, scales[-1]), overwrite=outputs.overwrite)
    record.finish(content.stem)
    if failure is not None:
        raise failure
    return Painted(
        steps=last.step,
        seconds=round(time.monotonic() - began, 3),
        width=scales[-1].width,
        height=scales[-1].height,
        losses=last.losses,
        device=str(optimisation.device),
        complete=last.step == len(record.work),
    )


def work(scales: Sequence[Scale]) -> list[float]:
    """Share of the work that is done after each step."""
    costs = np.concatenate([np.full(scale.steps, PIXELS_OF_A_STEP + scale.height * scale.width) for scale in scales])
    return list((costs.cumsum() / costs.sum()).tolist())


def _finished(painted: np.ndarray, content: Picture, scale: Scale) -> Picture:
    alpha = content.alpha
    if alpha is not None:
        alpha = fit(alpha, scale.height, scale.width)
    # The painting's colours are those that the profile makes of the content's numbers.
    return Picture(fit(painted, scale.height, scale.width), alpha, content.icc_profile, content.exif)
