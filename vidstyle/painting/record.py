"""What is written while a picture is painted: a preview, snapshots, curves.  Each appears whole or not at all."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidstyle.errors import InputError, parameter
from vidstyle.media.images import Picture, write_picture
from vidstyle.media.suffixes import check_picture_suffix
from vidstyle.output_files import check_output, written_beside
from vidstyle.painting.optimisation import Scale, Step, fit

PREVIEW_EVERY = 5
"""Steps."""


@dataclass(frozen=True)
class Outputs:
    """What to write beside the painting.

    Attributes:
        preview: a picture that is written again every few steps.
        snapshots: how many pictures of the way to keep, evenly over the work, beside the painting as
            NAME-step0000.SUFFIX.
        plot: a picture of the loss curves.
        overwrite: whether existing files may be replaced.
    """

    preview: Path | None = None
    snapshots: int = 0
    plot: Path | None = None
    overwrite: bool = False


class Record:
    """Writes the outputs of one painting.

    Args:
        out: the painting.
        inputs: files that it is made from, which nothing may replace.
        outputs: what else to write.
        work: share of the work that is done after each step.
        full: the painting's size.

    Raises:
        InputError: for what cannot be written, or exists and may not be replaced.
    """

    def __init__(self, out: Path, inputs: Sequence[Path], outputs: Outputs, work: list[float], full: Scale) -> None:
        if outputs.snapshots < 0:
            raise InputError(f"{parameter('snapshots', outputs.snapshots)}: takes 0 or more")
        if outputs.plot is not None and importlib.util.find_spec("matplotlib") is None:
            raise InputError(f"{parameter('plot')} draws with matplotlib: pip install 'vidstyle[plot]'")
        self.work = work
        self._outputs, self._full = outputs, full
        shares = np.arange(1, outputs.snapshots + 1) / max(1, outputs.snapshots)
        due = np.searchsorted(work, shares - 1e-9) + 1
        self._due = {int(step): out.with_name(f"{out.stem}-step{step:04}{out.suffix}") for step in due}
        for path in (outputs.preview, outputs.plot):
            if path is not None:
                check_picture_suffix(path)
                check_output(path, taken=[out, *inputs], overwrite=outputs.overwrite)
        for path in self._due.values():
            check_output(path, taken=[out, *inputs], overwrite=outputs.overwrite)
        self._losses: list[dict[str, float]] = []

    def update(self, step: Step) -> None:
        """Take note of one step."""
        self._losses.append(step.losses)
        preview, number = self._outputs.preview, step.step
        if preview is not None and (number == 1 or number % PREVIEW_EVERY == 0 or number == len(self.work)):
            # It is for this to replace what it has written itself.
            write_picture(preview, Picture(self._scaled(step.image)), overwrite=self._outputs.overwrite or number > 1)
        if number in self._due:
            picture = Picture(self._scaled(step.image))
            write_picture(self._due[number], picture, overwrite=self._outputs.overwrite)

    def finish(self, title: str) -> None:
        """Draw the curves."""
        path = self._outputs.plot
        if path is None or not self._losses:
            return
        from vidstyle.plots import draw_losses

        columns = {name: np.array([losses[name] for losses in self._losses]) for name in self._losses[0]}
        steps = np.arange(1, len(self._losses) + 1, dtype=np.float64)
        with written_beside(path, overwrite=self._outputs.overwrite) as partial:
            draw_losses(partial, f"{title}: losses", {"step": steps, **columns})

    def _scaled(self, image: np.ndarray) -> np.ndarray:
        return fit(image, self._full.height, self._full.width)
