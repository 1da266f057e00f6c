"""How far a painting is, and that as HTML."""

import html
import threading
import time
from dataclasses import dataclass, field

from vidstyle.pipeline import Progress


@dataclass
class Run:
    """A painting under way, written by its thread.

    Attributes:
        stop: is set once it is to stop.
        progress: how far it is.
        frames: how many there will be, None if nobody knows.
        failure: what it has ended with.
        began: when, seconds of the monotonic clock.
    """

    stop: threading.Event
    progress: Progress = field(default_factory=Progress)
    frames: int | None = None
    failure: Exception | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began


def progress_of_frames(run: Run) -> str:
    """A bar of the progress of a video, or a picture, as HTML."""
    done, frames = run.progress.frames, run.frames
    if not frames or not done:
        return bar(None, "Getting ready")
    seconds = (frames - done) / run.progress.fps if run.progress.fps else 0.0
    left = f"{spoken(seconds)} left" if done < frames else "finishing"
    return bar(done / frames, f"{done} of {frames} frames · {run.progress.fps:.0f} a second · {left}")


def finished_frames(run: Run) -> str:
    """What has become of it, as HTML."""
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
