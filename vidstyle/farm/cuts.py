"""Where a video is cut into segments: at cuts, at which nothing is carried on; elsewhere where none comes for long."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from vidstyle.media.frame import Frame
from vidstyle.stream.lifting import painted_size
from vidstyle.stream.motion import CUT, FORM_CUT, LEAST_FORM, LEAST_SPREAD, find_motion, small_picture
from vidstyle.stream.planes import picture_size, resized

LEAST_SECONDS, MOST_SECONDS = 10.0, 40.0
"""Of a segment: a cut that comes sooner is none for us, and without one it ends all the same."""
REPLAY_SECONDS = 60.0
"""Before a segment that begins at no cut, through which the stream goes first, unless a cut comes later."""
SURELY_NONE = 0.5
"""Share of the change that makes a cut, below which nobody need look for motion."""


@dataclass(frozen=True)
class Bounds:
    """One segment.

    Attributes:
        number: from 0 on.
        begin: pts of its first frame.
        end: pts of the first frame after it, None for the last one.
        replay: pts of the frame from which on the stream is to see the video; `begin` where that is a cut.
        frames: in it.
    """

    number: int
    begin: int
    end: int | None
    replay: int
    frames: int


def find_segments(
    frames: Iterable[Frame],
    stroke_size: float,
    *,
    carries: bool = True,
    least: float = LEAST_SECONDS,
    most: float = MOST_SECONDS,
    replay: float = REPLAY_SECONDS,
) -> list[Bounds]:
    """The segments of a video.

    Args:
        frames: all of its frames, in the size in which they are painted.
        stroke_size: see Options.
        carries: whether anything is carried from frame to frame.
        least, most, replay: seconds, see LEAST_SECONDS, MOST_SECONDS, REPLAY_SECONDS.
    """
    segments: list[Bounds] = []
    before: np.ndarray | None = None
    begin = shot = seen_from = 0
    count, times = 0, _Times()
    for frame in frames:
        picture = small_picture(resized(frame.pixels, painted_size(picture_size(frame.pixels), stroke_size)))
        is_cut = before is not None and is_a_cut(before, picture)
        if before is None:
            begin = shot = seen_from = frame.pts
        elif is_cut:
            shot = frame.pts
        long = float((frame.pts - begin) * frame.time_base)
        if before is not None and ((is_cut and long >= least) or long >= most):
            segments.append(Bounds(len(segments), begin, frame.pts, seen_from, count))
            begin, count = frame.pts, 0
            seen_from = begin if is_cut or not carries else max(shot, times.at(frame.time - replay))
        times.note(frame)
        before, count = picture, count + 1
    segments.append(Bounds(len(segments), begin, None, seen_from, count))
    return segments


def is_a_cut(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether vidstyle.stream takes the change from one `small_picture` to the next for a cut."""
    if before.shape != now.shape:
        return True
    change = cv2.subtract(before[..., 0], now[..., 0], dtype=cv2.CV_32F)
    spread = float(cv2.meanStdDev(now[..., 0])[1].item())
    levels, form = np.abs(change).mean(), np.abs(change - change.mean()).mean()
    least = CUT * max(spread, LEAST_SPREAD), FORM_CUT * max(spread, LEAST_FORM)
    if levels < SURELY_NONE * least[0] and form < SURELY_NONE * least[1]:
        return False
    return find_motion(before, now) is None


class _Times:
    """When frames are, to find one that is some time back."""

    def __init__(self) -> None:
        self._pts: list[int] = []
        self._times: list[float] = []

    def note(self, frame: Frame) -> None:
        self._pts.append(frame.pts)
        self._times.append(frame.time)

    def at(self, time: float) -> int:
        """pts of the first frame from a time on."""
        return self._pts[int(np.searchsorted(self._times, time))]
