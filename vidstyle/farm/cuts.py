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
"""Between the last cut and a segment that begins at none, through which the stream goes first; after more it goes on
from what the segment before has left, since nothing less leads to the same paint."""
SURELY_NONE = 0.5
"""Share of the change that makes a cut, below which nobody need look for motion."""


@dataclass(frozen=True)
class Bounds:
    """One segment.

    Attributes:
        number: from 0 on.
        begin: pts of its first frame.
        end: pts of the first frame after it, None for the last one.
        replay: pts of the frame from which on the stream is to see the video, a cut.
        frames: in it.
        follows: whether it goes on from the state after the segment before.
        leads: whether the next one goes on from the state after this one.
    """

    number: int
    begin: int
    end: int | None
    replay: int
    frames: int
    follows: bool = False
    leads: bool = False


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
    begin = shot = seen_from = count = 0
    follows = False
    for frame in frames:
        picture = small_picture(resized(frame.pixels, painted_size(picture_size(frame.pixels), stroke_size)))
        is_cut = before is not None and is_a_cut(before, picture)
        if before is None:
            begin = shot = seen_from = frame.pts
        elif is_cut:
            shot = frame.pts
        long = float((frame.pts - begin) * frame.time_base)
        if before is not None and ((is_cut and long >= least) or long >= most):
            far = carries and float((frame.pts - shot) * frame.time_base) > replay
            segments.append(Bounds(len(segments), begin, frame.pts, seen_from, count, follows, far))
            begin, count, follows = frame.pts, 0, far
            seen_from = shot if carries and not far else begin
        before, count = picture, count + 1
    segments.append(Bounds(len(segments), begin, None, seen_from, count, follows))
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
