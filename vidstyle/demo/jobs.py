"""Painting a visitor's videos and pictures: one frame at once, the whole with progress."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidstyle.demo.files import file_url, without_path
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.job_queue import JobQueue, Ticket
from vidstyle.demo.pictures import read_shown
from vidstyle.demo.previews import Previews, as_jpeg, shrunk, within
from vidstyle.demo.progress import Run, bar, finished_frames, progress_of_frames
from vidstyle.demo.storage import NoRoomError
from vidstyle.demo.visitors import StoredFile, Visitor
from vidstyle.engines import never
from vidstyle.errors import InputError, VidstyleError
from vidstyle.media.images import upright_size
from vidstyle.media.sources import FileSource
from vidstyle.pipeline import Progress
from vidstyle.processor import BEHIND, give_way
from vidstyle.restyling import Summary, restyle
from vidstyle.steps import FINE_STEPS, steps_to_take
from vidstyle.stream import Look
from vidstyle.stream.lifting import painted_size
from vidstyle.style_files import StyleCard, has_grams
from vidstyle.video_runs import OnProgress

REPORT_SECONDS = 0.25
"""Between two reports of progress."""
LARGEST_PREVIEW_SIDE = 2560
"""Pixels; the longer side of what is painted for a preview: memory is everyone's.  Only the finest strokes in pictures
twice as wide as high would need more."""
AUTO = "auto"
FINISHES = {AUTO: None, "quick": 0, "fine": FINE_STEPS}
"""Steps by which paintings are brought nearer to the picture, by what a visitor calls it; see vidstyle.Options."""
LONGEST_TITLE = 80
"""Characters in the name of a result."""


class Cancelled(VidstyleError):  # noqa: N818 (nothing went wrong)
    """The visitor does not want it any more."""


@dataclass(frozen=True)
class PaintRequest:
    """What a visitor wants of a file.

    Attributes:
        file: identity of an uploaded video or picture.
        style: key of a style, see Gallery.
        strength, keep_colors, stroke_size, start, end: see vidstyle.restyle_options.Options.
        finish: one of FINISHES.
        style_at: of a video, keys of styles that take over, each with its time in seconds from `start` on.
    """

    file: str
    style: str
    strength: float = 1.0
    keep_colors: bool = False
    stroke_size: float = 1.0
    finish: str = AUTO
    start: float | None = None
    end: float | None = None
    style_at: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Job:
    """What takes its time with a visitor's file.

    Attributes:
        file: what is painted.
        title: of the result, after the name of the file.
        suffix: of the result.
        make: makes it under the name that it is given, and reports how far it is.
        progress: how far it is, as HTML.
        shown: what is there of it already, as HTML.
        finished: that it is done, as HTML.
    """

    file: StoredFile
    title: str
    suffix: str
    make: Callable[[Path, OnProgress], object]
    progress: Callable[[Run], str] = progress_of_frames
    shown: Callable[[], str] = lambda: ""
    finished: Callable[[Run], str] = finished_frames


class Jobs:
    """Paints files.

    Args:
        gallery: where styles are looked up.
        previews: paints single frames.
        device: as in vidstyle.demo.DemoSettings.
        queue: paintings that may wait for their turn.
        others_come_first: whether somebody's webcam is being painted.
    """

    def __init__(
        self,
        gallery: Gallery,
        previews: Previews,
        device: str,
        queue: int = 8,
        others_come_first: Callable[[], bool] = lambda: False,
    ) -> None:
        self._gallery, self._previews, self._device = gallery, previews, device
        self._others_come_first = others_come_first
        self._queue = JobQueue(queue)

    def preview(self, visitor: Visitor, request: PaintRequest, is_over: Callable[[], bool] = never) -> Iterator[str]:
        """One frame before and after, as HTML: at once, and once more where steps bring it nearer to the picture.

        is_over: says that nobody waits for it any more, so that nothing more comes.

        Raises:
            InputError: for a file or a style that is not this visitor's, and for steps that cannot be taken.
        """
        file = visitor.file(request.file, "video", "picture")
        style = self._gallery.card(visitor, request.style)
        frame, size = _frame(file, request.start)
        # Whatever the size at which it is shown, it is painted as the file will be.
        painted_as = within(painted_size(size, request.stroke_size), LARGEST_PREVIEW_SIDE)
        frame, look = shrunk(frame, LARGEST_PREVIEW_SIDE), Look(request.strength, request.keep_colors)
        asked = _steps(request.finish, style)
        # As the whole file will be.
        seldom = file.kind == "video"
        takes_steps = steps_to_take(asked, style.optimise, knows_picture=has_grams(style.path), seldom=seldom)
        for steps in (0, asked) if takes_steps else (0,):
            try:
                painted = self._previews.paint(style.path, frame, look, painted_as, steps, is_over, seldom=seldom)
            except VidstyleError as error:
                raise InputError(without_path(error, file.path)) from error
            if is_over():
                return
            yield self._compared(visitor, shrunk(frame), shrunk(painted))

    def paint(
        self, visitor: Visitor, request: PaintRequest, on_result: Callable[[str], None] = lambda _: None
    ) -> Iterator[tuple[str, str]]:
        """Paint a whole file: HTML of the progress and of the result, again and again.

        Leaving off in the middle stops it, and so does `visitor.stop_painting`; the frame under way is done first, and
        whoever comes next waits for it.

        Raises:
            InputError: for what cannot be painted.
            Cancelled: once it has been stopped.
        """
        file = visitor.file(request.file, "video", "picture")
        style = self._gallery.card(visitor, request.style)
        then = [(at, self._gallery.card(visitor, key)) for at, key in request.style_at] if file.kind == "video" else []
        suffix = ".mp4" if file.kind == "video" else file.path.suffix
        cut: dict[str, Any] = {"start": request.start or None, "end": request.end} if file.kind == "video" else {}

        def make(output: Path, report: OnProgress) -> Summary:
            return restyle(
                file.path,
                output,
                style_at=[(0.0, style.path), *((at, card.path) for at, card in then)],
                on_progress=report,
                device=self._device,
                strength=request.strength,
                keep_colors=request.keep_colors,
                stroke_size=request.stroke_size,
                optimise=_steps(request.finish, style, *(card for _, card in then)),
                **cut,
            )

        titles = dict.fromkeys(card.title or card.name for card in (style, *(card for _, card in then)))
        yield from self.run(visitor, Job(file, ", ".join(titles), suffix, make), on_result)

    def run(
        self, visitor: Visitor, job: Job, on_result: Callable[[str], None] = lambda _: None
    ) -> Iterator[tuple[str, str]]:
        """Do what takes its time with a file, once it is its turn; as `paint`.

        Args:
            visitor: whose file it is.
            job: what is to be done.
            on_result: called with the identity of the result.
        """
        ticket = self._queue.join(visitor)
        with visitor.painting() as stop:
            run = Run(stop)
            try:
                while before := self._queue.before(ticket):
                    paintings = "one painting" if before == 1 else f"{before} paintings"
                    yield bar(None, f"Waiting for {paintings} to be done"), ""
                    if stop.wait(REPORT_SECONDS):
                        raise Cancelled("cancelled")
                visitor.storage.check(job.file.bytes)
                output = visitor.new_path(job.suffix)
                self._queue.begin(ticket)
                thread = threading.Thread(target=self._work, args=(run, visitor, job, output, ticket), daemon=True)
                thread.start()
            except BaseException:
                self._queue.leave(ticket)
                raise
            yield from self._painted(visitor, job, run, thread, output, on_result)

    def _painted(
        self,
        visitor: Visitor,
        job: Job,
        run: Run,
        thread: threading.Thread,
        output: Path,
        on_result: Callable[[str], None],
    ) -> Iterator[tuple[str, str]]:
        try:
            while thread.is_alive():
                yield job.progress(run), job.shown()
                thread.join(REPORT_SECONDS)
                if run.stop.is_set():
                    raise Cancelled("cancelled")
            if run.failure is not None:
                raise run.failure
        except BaseException:
            run.stop.set()
            if not thread.is_alive():
                output.unlink(missing_ok=True)
            raise
        file = job.file
        name = f"{Path(file.name).stem} - {job.title[:LONGEST_TITLE]}{job.suffix}"
        result = visitor.keep(output, name, "result")
        on_result(result)
        yield job.finished(run), self._shown(visitor, file, output, result)

    def _work(self, run: Run, visitor: Visitor, job: Job, output: Path, ticket: Ticket) -> None:
        """In a thread of its own, and to its end, whether or not somebody is still there who waits for it."""
        # What reads, paints and writes is started from here.  Without webcams nobody gains by it, and whatever
        # else the machine does would come first, too.
        if self._others_come_first():
            # What paints webcams gives way to what shows them.
            give_way(BEHIND)

        def report(progress: Progress, frames: int | None) -> None:
            run.progress, run.frames = progress, frames
            if run.stop.is_set():
                raise Cancelled("cancelled")
            visitor.storage.check()

        try:
            job.make(output, report)
        except VidstyleError as error:
            run.failure = (
                error if isinstance(error, Cancelled | NoRoomError) else InputError(without_path(error, job.file.path))
            )
        except Exception as error:  # raised again in the thread that reports
            run.failure = error
        finally:
            if run.stop.is_set():
                output.unlink(missing_ok=True)
            self._queue.leave(ticket)

    def _shown(self, visitor: Visitor, file: StoredFile, output: Path, result: str) -> str:
        arrived = f'<vs-arrived key="{result}"></vs-arrived>'
        link = f'<a class="vs-download" href="{file_url(result, download=True)}" download>Download</a>'
        if file.kind == "video":
            return f'<video class="vs-result" src="{file_url(result)}" controls playsinline></video>{link}{arrived}'
        before, after = shrunk(read_shown(file.path)), shrunk(read_shown(output))
        return self._compared(visitor, before, after) + link + arrived

    def _compared(self, visitor: Visitor, before: np.ndarray, after: np.ndarray) -> str:
        urls = []
        for name, pixels in (("before.jpg", before), ("after.jpg", after)):
            path = visitor.new_path(".jpg")
            path.write_bytes(as_jpeg(pixels))
            urls.append(file_url(visitor.keep(path, name, "preview")))
        height, width = before.shape[:2]
        return f'<vs-compare before="{urls[0]}" after="{urls[1]}" width="{width}" height="{height}"></vs-compare>'


def _steps(finish: str, *cards: StyleCard) -> int | None:
    """By which paintings in some styles are brought nearer; as vidstyle.restyle_options.Options has it."""
    # A visitor's own file may ask for many, and others wait for them.
    if finish == AUTO and max(card.optimise for card in cards) > FINE_STEPS:
        return FINE_STEPS
    return FINISHES[finish]


def _frame(file: StoredFile, start: float | None) -> tuple[np.ndarray, tuple[int, int]]:
    """RGB (H, W, 3) uint8 of what is to be painted, perhaps smaller; and its own width and height."""
    if file.kind == "picture":
        return read_shown(file.path), upright_size(file.path)
    try:
        video = FileSource(file.path, start=start or None)
    except VidstyleError as error:
        raise InputError(without_path(error, file.path)) from error
    try:
        pixels = next(iter(video)).pixels
        return pixels, (pixels.shape[1], pixels.shape[0])
    finally:
        video.close()
