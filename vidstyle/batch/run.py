"""Painting many files, one after the other: whatever becomes of one, the rest goes on."""

import itertools
import time
import traceback
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

from vidstyle.batch.places import as_named
from vidstyle.batch.plan import BatchPlan, StyleAt, Task
from vidstyle.batch.records import Request, request_of, write_record
from vidstyle.batch.segmented import SEGMENT_SECONDS, restyle_in_segments
from vidstyle.errors import VidstyleError, reason
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import check_request
from vidstyle.restyling import Summary, restyle_file
from vidstyle.video_runs import PaintersByStyle, Timeline, load_timeline

Named = Callable[[VidstyleError], str]
"""Words an error for whoever reads it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        task: which.
        status: `done`, `skipped` (it was complete), or `failed`.
        summary: of what was painted.
        error: why it failed, one line.
        trace: where, if that is a bug.
    """

    task: Task
    status: str
    summary: Summary | None = None
    error: str = ""
    trace: str = ""

    def as_json(self) -> dict[str, Any]:
        """One object for programs."""
        said: dict[str, Any] = {
            "input": as_named(self.task.source),
            "output": as_named(self.task.output),
            "style": self.task.label,
            "status": self.status,
        }
        if self.summary is not None:
            said |= asdict(self.summary)
        if self.error:
            said["error"] = self.error
        return said


def failure(task: Task, error: Exception, worded: Named) -> Outcome:
    """What becomes of a file by an error, which should not cost the rest; of a bug, with its trace."""
    if isinstance(error, VidstyleError):
        return Outcome(task, "failed", error=worded(error))
    name = as_named(task.source)
    if isinstance(error, OSError | MemoryError):
        return Outcome(task, "failed", error=f"{name}: {reason(error) or 'not enough memory'}")
    told = f"{name}: {type(error).__name__}: {reason(error)}"
    return Outcome(task, "failed", error=told, trace="".join(traceback.format_exception(error)))


@dataclass
class BatchProgress:
    """How far all files together have come.

    Attributes:
        files, of_files: finished, whatever became of them, and all.
        name: of the file that is being painted.
        frames: painted in this run, those of the current file included.
        file_frames, of_frames: of the current file; None if nobody knows.
        seconds: since the beginning.
        compiling: see vidstyle.pipeline.Progress.
        share: of all work, 0 to 1, as far as is known.
    """

    of_files: int
    files: int = 0
    name: str = ""
    frames: int = 0
    file_frames: int = 0
    of_frames: int | None = None
    seconds: float = 0.0
    compiling: bool = False

    @property
    def share(self) -> float:
        """Of all work, 0 to 1: files count alike as long as nobody has looked into them."""
        part = min(1.0, self.file_frames / self.of_frames) if self.of_frames else 0.0
        return (self.files + part) / max(1, self.of_files)


def run_plan(
    plan: BatchPlan,
    *,
    complete: Set[Task] = frozenset(),
    on_progress: Callable[[BatchProgress], None] = lambda _: None,
    worded: Named = str,
    segment_seconds: float = SEGMENT_SECONDS,
) -> Iterator[Outcome]:
    """Paint what is to be painted, and tell of each file as it is finished.

    Args:
        plan: what is to be done.
        complete: what of it is done already.
        on_progress: called several times a second; what it raises stops the run.
        worded: the message of an error.
        segment_seconds: see vidstyle.batch.segmented.
    """
    progress = BatchProgress(len(plan.tasks))
    begin = time.perf_counter()
    for style_at, tasks in itertools.groupby(plan.tasks, lambda task: task.style_at):
        todo = []
        for task in tasks:
            if task in complete:
                progress.files += 1
                yield Outcome(task, "skipped")
            else:
                todo.append(task)
        if todo:
            yield from _in_one_style(style_at, todo, progress, begin, on_progress, worded, segment_seconds)


def _in_one_style(
    style_at: StyleAt,
    tasks: Sequence[Task],
    progress: BatchProgress,
    begin: float,
    on_progress: Callable[[BatchProgress], None],
    worded: Named,
    segment_seconds: float,
) -> Iterator[Outcome]:
    painters = PaintersByStyle()
    timeline: Timeline | None = None
    try:
        for task in tasks:
            before = progress.frames
            progress.name, progress.file_frames, progress.of_frames = task.source.name, 0, None

            def report(done: Progress, frames: int | None, before: int = before) -> None:
                progress.file_frames, progress.of_frames = done.frames, frames
                progress.frames, progress.seconds = before + done.frames, time.perf_counter() - begin
                progress.compiling = done.compiling
                on_progress(progress)

            try:
                if timeline is None:
                    timeline = load_timeline(style_at)
                request = request_of(str(task.source), task.style_at, task.options, picture=task.picture)
                outcome = Outcome(task, "done", _paint(task, timeline, request, report, painters, segment_seconds))
            except Exception as error:
                outcome = failure(task, error, worded)
                if outcome.trace:
                    # Nobody knows what is left in it.
                    painters.close()
                    painters = PaintersByStyle()
            progress.files += 1
            progress.file_frames, progress.of_frames = 0, None
            yield outcome
    finally:
        painters.close()


def _paint(
    task: Task,
    timeline: Timeline,
    request: Request,
    report: Callable[[Progress, int | None], None],
    painters: PaintersByStyle,
    segment_seconds: float,
) -> Summary:
    """Paint one file, and take note of what it was made of."""
    task.output.parent.mkdir(parents=True, exist_ok=True)
    check_request(task.source, task.output, task.options)
    if task.picture:
        summary = restyle_file(task.source, task.output, timeline, task.options, report, painters)
    else:
        summary = restyle_in_segments(
            task.source, task.output, timeline, task.options, report, painters, request, seconds=segment_seconds
        )
    write_record(str(task.output), request, summary)
    return replace(summary, warnings=[f"{task.source.name}: {line}" for line in summary.warnings])
