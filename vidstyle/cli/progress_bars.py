"""Progress bars of the command line."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

PICTURE_WIDTH = 40
"""Characters."""
LOADING, COMPILING = "loading", "compiling, once"
"""What is said until something has been painted."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy as np
    from rich.console import RenderableType
    from rich.text import Text

    from vidstyle.batch.run import BatchProgress
    from vidstyle.painting.picture import PaintingProgress
    from vidstyle.pipeline import Progress as FramesDone
    from vidstyle.training.loop import TrainingProgress


class _WithPicture(Progress):
    """Progress with something above it.

    Attributes:
        picture: what.
    """

    picture: "Text | None" = None

    def get_renderables(self) -> "Iterable[RenderableType]":
        """The picture, if there is one, and the bar."""
        if self.picture is not None:
            yield self.picture
        yield from super().get_renderables()


class _Bar:
    """A bar on standard error, shown only on a terminal; a picture may be shown above it."""

    def __init__(self, title: str, unit: str | None, *, quiet: bool) -> None:
        """unit: of what is counted; None counts a share of the work, which is no number to show."""
        console = Console(stderr=True)
        self._quiet = quiet
        self._bar = _WithPicture(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            *(() if unit is None else (TextColumn(unit), MofNCompleteColumn())),
            TextColumn("{task.fields[figure]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._bar.add_task(escape(title), total=None, figure=LOADING)

    def show(self, pixels: "np.ndarray") -> None:
        """Show RGB (H, W, 3) uint8, if the terminal has colours."""
        from PIL import Image

        from vidstyle.cli.terminal_pictures import as_characters, shows_pictures

        if shows_pictures(self._bar.console):
            self._bar.picture = as_characters(Image.fromarray(pixels), PICTURE_WIDTH)
            self._bar.refresh()

    def say(self, message: str) -> None:
        """One line above the bar, unless it is to be quiet."""
        if not self._quiet:
            line = f"vidstyle: {' '.join(message.splitlines())}"
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class _FramesBar(_Bar):
    """A bar of frames, for which something may have to be compiled first."""

    _compiling = False

    def _waited_for(self, progress: "FramesDone | BatchProgress") -> str:
        """What frames wait for; empty once they come."""
        if self._compiling and not progress.compiling:
            # The time that is left does not follow from how long that took.
            self._bar.reset(self._task)
        self._compiling = progress.compiling
        return COMPILING if progress.compiling else "" if progress.frames else LOADING


class FrameBar(_FramesBar):
    """Frame, percentage, frames a second and time left."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        super().__init__(title, "frame", quiet=quiet)

    def update(self, progress: "FramesDone", frames: int | None) -> None:
        """Show `progress` of `frames` expected, None if nobody knows."""
        total = None if frames is None else max(frames, progress.frames)
        # The bar's speed is that of late.
        figure = self._waited_for(progress) or f"{self._bar.tasks[0].speed or progress.fps:.1f} fps"
        self._bar.update(self._task, completed=progress.frames, total=total, figure=figure)


class BatchBar(_FramesBar):
    """Files, frames, frames a second and time left, of many files together."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__("", None, quiet=quiet)

    def update(self, progress: "BatchProgress") -> None:
        """Show how far all have come."""
        name = escape(progress.name if len(progress.name) <= 32 else f"{progress.name[:31]}…")
        fps = progress.frames / progress.seconds if progress.seconds else 0.0
        now = min(progress.files + 1, progress.of_files)
        self._bar.update(
            self._task,
            description=f"{now}/{progress.of_files} {name}",
            completed=progress.share,
            total=1,
            figure=self._waited_for(progress) or f"{progress.frames} frames {fps:.1f} fps",
        )


class TrainingBar(_Bar):
    """Step, percentage, loss and time left."""

    SMOOTHING = 0.98

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        super().__init__(title, "step", quiet=quiet)
        self._loss: float | None = None
        self._shown = 0.0

    def update(self, step: "TrainingProgress") -> None:
        """Show one step."""
        loss = step.losses["total"]
        self._loss = loss if self._loss is None else self.SMOOTHING * self._loss + (1 - self.SMOOTHING) * loss
        if time.monotonic() - self._shown > 0.1 or step.done == 1:
            self._shown = time.monotonic()
            self._bar.update(self._task, completed=step.step, total=step.steps, figure=f"loss {self._loss:.3f}")


def shown_in(bar: TrainingBar, file: "Path | None", *, overwrite: bool) -> "Callable[[np.ndarray], None]":
    """What shows a picture in a bar, and writes it to a file, if one is named, again and again.

    Raises:
        InputError: at once, if that file cannot be a picture.
    """
    from vidstyle.media.images import Picture, write_picture
    from vidstyle.media.suffixes import check_picture_suffix
    from vidstyle.output_files import check_output

    if file is not None:
        check_picture_suffix(file)
        check_output(file, overwrite=overwrite)

    def show(pixels: "np.ndarray") -> None:
        bar.show(pixels)
        if file is not None:
            write_picture(file, Picture(pixels), overwrite=True)

    return show


class PaintingBar(_Bar):
    """Share of the work, step, losses and time left."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        super().__init__(title, None, quiet=quiet)

    def update(self, progress: "PaintingProgress") -> None:
        """Show one step."""
        frame = f"frame {progress.frame}/{progress.frames or '?'} " if progress.frame else ""
        terms = "  ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in progress.losses.items())
        figure = f"{frame}step {progress.step}/{progress.steps}  {terms}"
        self._bar.update(self._task, completed=progress.share, total=1, figure=figure)
