"""Painting a visitor's picture like another one by optimisation, while they look on; see vidstyle.painting."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vidstyle.demo.dropped_pictures import DroppedPicture
from vidstyle.demo.files import file_url
from vidstyle.demo.jobs import Job, Jobs
from vidstyle.demo.progress import Run, bar, spoken
from vidstyle.demo.settings import DemoSettings
from vidstyle.demo.visitors import Visitor
from vidstyle.engines import is_openvinos
from vidstyle.painting.paint_settings import PaintSettings
from vidstyle.painting.picture import Painted, PaintingProgress, Watch, paint_picture
from vidstyle.painting.record import Outputs
from vidstyle.perception.perceptual_network import OWN
from vidstyle.pipeline import Progress
from vidstyle.video_runs import OnProgress

SIZES = (192, 1024)
"""Pixels along the longer side; larger ones take hours."""
STROKES = (0.5, 2.0)


@dataclass(frozen=True)
class SlowRequest:
    """What a visitor wants.

    Attributes:
        content, style: identities of uploaded pictures.
        size, keep_colors: see vidstyle.painting.paint_settings.PaintSettings.
        stroke_size: `style_scale` there.
    """

    content: str
    style: str
    size: int
    stroke_size: float = 1.0
    keep_colors: bool = False


class SlowJobs:
    """Paints by optimisation.

    Args:
        jobs: in whose line paintings wait.
        settings: with what pictures are compared; the network that ships if it names none.
    """

    def __init__(self, jobs: Jobs, settings: DemoSettings) -> None:
        self._jobs, self._settings = jobs, settings

    def paint(self, visitor: Visitor, request: SlowRequest, before: DroppedPicture) -> Iterator[tuple[str, str]]:
        """HTML of the progress and of the painting so far, again and again, and of the painting.

        `visitor.enough` ends it with the painting as it is by then.

        Args:
            visitor: whose it is.
            request: what to paint.
            before: that picture, as the page shows it.

        Raises:
            InputError: for what cannot be painted.
            Cancelled: once it has been stopped.
        """
        content, style = visitor.file(request.content, "picture"), visitor.file(request.style, "picture")
        weights = self._settings.perceptual_weights
        settings = PaintSettings(
            size=request.size,
            style_scale=request.stroke_size,
            keep_colors=request.keep_colors,
            # What OpenVINO names paints only.
            device="auto" if is_openvinos(self._settings.device) else self._settings.device,
            perceptual=None if weights else OWN,
            perceptual_weights=weights,
        )
        sitting = _Sitting(visitor, before, visitor.new_path(".jpg"))

        def make(output: Path, report: OnProgress) -> Painted:
            watch = Watch(lambda progress: sitting.look(progress, report), stop=visitor.enough.is_set)
            return paint_picture(content.path, [style.path], output, settings, outputs=sitting.outputs, watch=watch)

        visitor.enough.clear()
        title = f"like {Path(style.name).stem}"
        job = Job(
            content,
            title,
            content.path.suffix,
            make,
            progress=sitting.progress,
            shown=sitting.shown,
            finished=sitting.finished,
        )
        yield from self._jobs.run(visitor, job)


class _Sitting:
    """A painting under way.

    Args:
        visitor: whose it is.
        before: what is painted.
        picture: where it is kept as it is by now.
    """

    def __init__(self, visitor: Visitor, before: DroppedPicture, picture: Path) -> None:
        self._visitor, self._before, self._picture = visitor, before, picture
        self._url = ""
        self._latest: PaintingProgress | None = None
        self.outputs = Outputs(preview=picture, overwrite=True)

    def look(self, progress: PaintingProgress, report: OnProgress) -> None:
        """A step is done."""
        self._latest = progress
        if not self._url:
            self._url = file_url(self._visitor.keep(self._picture, "so far.jpg", "preview"))
        report(Progress(frames=progress.step), progress.steps)

    def progress(self, run: Run) -> str:
        """How far it is, as HTML."""
        latest = self._latest
        if latest is None:
            return bar(None, "Getting ready")
        seconds = run.seconds * (1 - latest.share) / max(latest.share, 1e-3)
        return bar(latest.share, f"step {latest.step} of {latest.steps} · {spoken(seconds)} left")

    def finished(self, run: Run) -> str:
        """That it is done, as HTML."""
        steps = self._latest.step if self._latest else 0
        return bar(1.0, f"{steps} steps in {spoken(run.seconds)}")

    def shown(self) -> str:
        """What it looks like by now beside what it was, as HTML."""
        if self._latest is None:
            return ""
        # The file is another one every few steps, and browsers keep what has the same address.
        return self._before.shown(f"{self._url}?step={self._latest.step}")
