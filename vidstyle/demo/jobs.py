"""Painting a visitor's videos and pictures: one frame at once, the whole with progress."""

import html
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidstyle.demo.files import file_url, without_path
from vidstyle.demo.gallery import Gallery
from vidstyle.demo.pictures import read_shown
from vidstyle.demo.previews import Previews, as_jpeg, shrunk, within
from vidstyle.demo.storage import NoRoomError
from vidstyle.demo.visitors import StoredFile, Visitor
from vidstyle.errors import InputError, VidstyleError
from vidstyle.media.images import upright_size
from vidstyle.media.sources import FileSource
from vidstyle.pipeline import Progress
from vidstyle.restyling import restyle
from vidstyle.stream import Look
from vidstyle.stream.lifting import painted_size
from vidstyle.style_files import StyleCard

REPORT_SECONDS = 0.25
"""Between two reports of progress."""
LARGEST_SIDE = 2560
"""Pixels; the longer side of what is painted for a preview: memory is everyone's.  Only the finest strokes in pictures
twice as wide as high would need more."""
ABSENT_SECONDS = 20.0
"""After which somebody in the queue who did not ask how it goes has left."""


class Cancelled(VidstyleError):  # noqa: N818 (nothing went wrong)
    """The visitor does not want it any more."""


@dataclass(frozen=True)
class PaintRequest:
    """What a visitor wants of a file.

    Attributes:
        file: identity of an uploaded video or picture.
        style: key of a style, see Gallery.
        strength, keep_colors, stroke_size, start, end: see vidstyle.restyling.Options.
    """

    file: str
    style: str
    strength: float = 1.0
    keep_colors: bool = False
    stroke_size: float = 1.0
    start: float | None = None
    end: float | None = None


@dataclass
class _Run:
    """A painting under way, written by its thread."""

    progress: Progress = field(default_factory=Progress)
    frames: int | None = None
    failure: Exception | None = None


class JobQueue:
    """Who waits to have a file painted: first come, first served, one at a time.

    Args:
        most: who may wait; whoever comes then is sent away.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[object, float] = {}  # in the order of their coming; when each was here last
        self._lock = threading.Lock()

    def join(self) -> object:
        """A ticket.  Raises InputError if too many wait."""
        ticket = object()
        with self._lock:
            self._drop_absent()
            if len(self._seen) > self._most:
                raise InputError("Too many paintings are waiting for their turn; try again in a while.")
            self._seen[ticket] = time.monotonic()
        return ticket

    def before(self, ticket: object) -> int:
        """How many are before a ticket, which is kept in the queue by asking."""
        with self._lock:
            if ticket in self._seen:
                self._seen[ticket] = time.monotonic()
            self._drop_absent()
            return list(self._seen).index(ticket) if ticket in self._seen else len(self._seen)

    def begin(self, ticket: object) -> None:
        """Stay in front until `leave`, without asking."""
        with self._lock:
            self._seen[ticket] = math.inf

    def leave(self, ticket: object) -> None:
        """Make room."""
        with self._lock:
            self._seen.pop(ticket, None)

    def _drop_absent(self) -> None:
        latest = time.monotonic() - ABSENT_SECONDS
        self._seen = {ticket: seen for ticket, seen in self._seen.items() if seen > latest}


class Jobs:
    """Paints files.

    Args:
        gallery: where styles are looked up.
        previews: paints single frames.
        device: as in vidstyle.demo.DemoSettings.
        queue: paintings that may wait for their turn.
    """

    def __init__(self, gallery: Gallery, previews: Previews, device: str, queue: int = 8) -> None:
        self._gallery, self._previews, self._device = gallery, previews, device
        self._queue = JobQueue(queue)

    def preview(self, visitor: Visitor, request: PaintRequest) -> str:
        """One frame before and after, as HTML.

        Raises:
            InputError: for a file or a style that is not this visitor's.
        """
        file = visitor.file(request.file, "video", "picture")
        style = self._gallery.card(visitor, request.style).path
        frame, size = _frame(file, request.start)
        # Whatever the size at which it is shown, it is painted as the file will be.
        painted_as = within(painted_size(size, request.stroke_size), LARGEST_SIDE)
        frame = shrunk(frame, LARGEST_SIDE)
        painted = self._previews.paint(style, frame, Look(request.strength, request.keep_colors), painted_as)
        return self._compared(visitor, shrunk(frame), shrunk(painted))

    def paint(self, visitor: Visitor, request: PaintRequest) -> Iterator[tuple[str, str]]:
        """Paint a whole file: HTML of the progress and of the result, again and again.

        Leaving off in the middle stops it, and so does `visitor.stop_painting`.

        Raises:
            InputError: for what cannot be painted.
            Cancelled: once it has been stopped.
        """
        file = visitor.file(request.file, "video", "picture")
        card = self._gallery.card(visitor, request.style)
        visitor.stop_painting.clear()
        ticket = self._queue.join()
        try:
            while before := self._queue.before(ticket):
                yield (
                    bar(None, f"Waiting for {'one painting' if before == 1 else f'{before} paintings'} to be done"),
                    "",
                )
                if visitor.stop_painting.wait(REPORT_SECONDS):
                    raise Cancelled("cancelled")
            yield from self._painted(visitor, request, file, card, ticket)
        finally:
            self._queue.leave(ticket)

    def _painted(
        self, visitor: Visitor, request: PaintRequest, file: StoredFile, card: StyleCard, ticket: object
    ) -> Iterator[tuple[str, str]]:
        visitor.storage.check(file.bytes)
        suffix = ".mp4" if file.kind == "video" else file.path.suffix
        output = visitor.new_path(suffix)
        run, stop = _Run(), visitor.stop_painting

        def work() -> None:
            try:
                self._work(run, visitor, file, output, card.path, request)
            finally:
                # Here, too, since a page that is closed may leave off without a word.
                self._queue.leave(ticket)

        self._queue.begin(ticket)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                # Nothing after "Cancelled.", however long the frame under way still takes.
                if not stop.is_set():
                    yield _progress(run), ""
                thread.join(REPORT_SECONDS)
        finally:
            stop.set()
        if run.failure is not None:
            output.unlink(missing_ok=True)
            raise run.failure
        name = f"{Path(file.name).stem} - {card.title or card.name}{suffix}"
        result = visitor.keep(output, name, "result")
        yield _done(run), self._shown(visitor, file, output, result)

    def _work(
        self, run: _Run, visitor: Visitor, file: StoredFile, output: Path, style: Path, request: PaintRequest
    ) -> None:
        def report(progress: Progress, frames: int | None) -> None:
            run.progress, run.frames = progress, frames
            if visitor.stop_painting.is_set():
                raise Cancelled("cancelled")
            visitor.storage.check()

        cut: dict[str, Any] = {"start": request.start or None, "end": request.end} if file.kind == "video" else {}
        try:
            restyle(
                file.path,
                output,
                style=style,
                on_progress=report,
                device=self._device,
                strength=request.strength,
                keep_colors=request.keep_colors,
                stroke_size=request.stroke_size,
                **cut,
            )
        except VidstyleError as error:
            run.failure = (
                error if isinstance(error, Cancelled | NoRoomError) else InputError(without_path(error, file.path))
            )
        except Exception as error:  # raised again in the thread that reports
            run.failure = error

    def _shown(self, visitor: Visitor, file: StoredFile, output: Path, result: str) -> str:
        link = f'<a class="vs-download" href="{file_url(result, download=True)}" download>Download</a>'
        if file.kind == "video":
            return f'<video class="vs-result" src="{file_url(result)}" controls playsinline></video>{link}'
        before, after = shrunk(read_shown(file.path)), shrunk(read_shown(output))
        return self._compared(visitor, before, after) + link

    def _compared(self, visitor: Visitor, before: np.ndarray, after: np.ndarray) -> str:
        urls = []
        for name, pixels in (("before.jpg", before), ("after.jpg", after)):
            path = visitor.new_path(".jpg")
            path.write_bytes(as_jpeg(pixels))
            urls.append(file_url(visitor.keep(path, name, "preview")))
        height, width = before.shape[:2]
        return f'<vs-compare before="{urls[0]}" after="{urls[1]}" width="{width}" height="{height}"></vs-compare>'


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


def _progress(run: _Run) -> str:
    done, frames = run.progress.frames, run.frames
    if not frames or not done:
        return bar(None, "Getting ready")
    seconds = (frames - done) / run.progress.fps if run.progress.fps else 0.0
    left = f"{spoken(seconds)} left" if done < frames else "finishing"
    return bar(done / frames, f"{done} of {frames} frames · {run.progress.fps:.0f} a second · {left}")


def _done(run: _Run) -> str:
    frames = run.progress.frames
    if frames == 1:
        return bar(1.0, f"Painted in {spoken(run.progress.seconds)}")
    return bar(1.0, f"{frames} frames in {spoken(run.progress.seconds)}, {run.progress.fps:.0f} a second")


def bar(share: float | None, text: str) -> str:
    """A bar of progress as HTML; None is work of unknown length."""
    width = "" if share is None else f' style="width:{100 * min(1.0, share):.1f}%"'
    busy = " vs-unknown" if share is None else ""
    return (
        f'<div class="vs-progress{busy}" role="status"><div class="vs-bar"><i{width}></i></div>'
        f"<span>{html.escape(text)}</span></div>"
    )


def spoken(seconds: float) -> str:
    """A time as one says it: 8 s, 2 min 5 s."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
