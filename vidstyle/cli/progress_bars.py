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

if TYPE_CHECKING:
    from vidstyle.painting.picture import PaintingProgress
    from vidstyle.pipeline import Progress as FramesDone
    from vidstyle.training.trainer import TrainingProgress


class _Bar:
    """A bar on standard error, shown only on a terminal."""

    def __init__(self, title: str, unit: str | None, *, quiet: bool) -> None:
        """unit: of what is counted; None counts a share of the work, which is no number to show."""
        console = Console(stderr=True)
        self._quiet = quiet
        self._bar = Progress(
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
        self._task = self._bar.add_task(escape(title), total=None, figure="")

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


class FrameBar(_Bar):
    """Frame, percentage, frames a second and time left."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        super().__init__(title, "frame", quiet=quiet)

    def update(self, progress: "FramesDone", frames: int | None) -> None:
        """Show `progress` of `frames` expected, None if nobody knows."""
        total = None if frames is None else max(frames, progress.frames)
        self._bar.update(self._task, completed=progress.frames, total=total, figure=f"{progress.fps:.1f} fps")


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
