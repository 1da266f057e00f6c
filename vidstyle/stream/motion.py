"""Where everything in a frame was in the frame before.

Motion is found in small pictures (vidstyle.stream.patch_flow).  Optical flow follows noise where there is nothing else
to follow, and would drag paint about on plain walls: what stands still as well as it moves, and has nothing near that
needs to move, stands still.
"""

from dataclasses import dataclass
from functools import cached_property, reduce

import cv2
import numpy as np

from vidstyle.stream.map_loops import BEYOND, likeness
from vidstyle.stream.patch_flow import dense_flow
from vidstyle.stream.planes import is_planar, places, planes_of, sample

FLOW_SIDE = 200
"""Positions along a frame's longer side for which motion is known, about."""
LEAST_SHRINK = 4
"""Pixels of a frame along a position, at the least."""
FINER = 2
"""Places along a position in which motion is looked for: what it is averaged over is what makes it exact."""
LEAST_SIDE = 12
"""Positions along the shorter side that the search can do with."""
SMOOTH, WINDOW = 1.5, 9
"""Places over which a difference is smoothed before its sign is dropped, and positions over which it is averaged after
that: noise goes first."""
NOISE_SHARE, MOST_NOISE = 0.2, 2.5
"""Of a frame's differences from the last the quantile that is taken for noise, and grey levels of it at the most."""
STIRRED = (1.6, 0.6)
"""Times the noise, and grey levels more, from which on a difference is not noise."""
SHIFTED, SHIFT_WINDOW = 0.45, 9
"""Share of the difference around a position that a small shift explains, from which on it is no noise, either; and
positions along the square in which it is looked for.  Of noise it explains a fifth."""
BETTER, FIRM = 0.6, 2.0
"""Share of the difference that motion leaves, up to which standing still explains less; and places over which motion is
smoothed for that.  Of noise it leaves 0.65 and more, since optical flow follows it; of what does move, half at the
most."""
LEAST_DIFFERENCE = 0.05
"""Grey levels below which there is none."""
REACH, REACH_SHARE, NEAR = 25, 1 / 6, 4
"""Positions between what moves that are let move as well, of the longer side at the most; and around it."""
TEXTURED = 0.5
"""Squared slope of luma around a position, grey levels a position, from which on it could be seen to move."""
MOSTLY = 0.4
"""Share of what could be seen to move that does, from which on everything is let move: the camera does."""
LEAST_PAN = 0.2
"""And of the picture."""
MARGIN = 8
"""Positions around what may move in which motion is looked for, too."""
CUT, LEAST_SPREAD = 0.35, 3.0
"""Mean difference of a frame from the last, moved along, over the spread of its luma, that makes a cut; and the least
spread that it is measured by, grey levels.  Noise goes first: dark shots have no more contrast than it."""
FORM_CUT, LEAST_FORM = 0.5, 0.9
"""The same of what is left of the difference when light that has changed everywhere alike is taken away, and what is
near moves together."""
TOGETHER = 8.0
"""Positions over which it does.  Flow that may be torn explains one dark shot by another."""
ALIKE_LEVELS = (3.0, 8.0)
"""Difference in luma or chroma up to which something is what it has been, grey levels: in frames of one colour, and
at the most.  From twice that on it is not."""
ALIKE_SPREAD = 0.25
"""Share of the spread of a frame's luma that it is between the two."""


@dataclass(frozen=True)
class Motion:
    """Where everything in a frame was in the frame before.

    Attributes:
        now: (h, w, 3) uint8, luma and chroma of the frame at each position.
        flow: (h, w, 2) float32, x before y: from each position to where it was, in positions.
        still: whether the flow is zero everywhere.
        alike_levels: differences between which things are less and less taken for what they have been, grey levels.
    """

    now: np.ndarray
    flow: np.ndarray
    still: bool
    alike_levels: tuple[float, float]

    @cached_property
    def of_the_camera(self) -> tuple[float, float]:
        """The motion that most of the picture shares, x and y: the median of every fourth position each way."""
        if self.still:
            return 0.0, 0.0
        ways = self.flow[::4, ::4]
        return float(np.median(ways[..., 0])), float(np.median(ways[..., 1]))


def small_picture(pixels: np.ndarray) -> np.ndarray:
    """What motion is looked for in: luma and chroma, (FINER h, FINER w, 3) uint8 for h x w positions.

    pixels: as in vidstyle.media.frame.Frame.
    """
    planes = planes_of(pixels)
    height, width = planes[0].shape[:2]
    shrink = max(LEAST_SHRINK, round(max(height, width) / FLOW_SIDE))
    size = FINER * -(-width // shrink), FINER * -(-height // shrink)
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    return np.asarray(cv2.merge(small) if is_planar(pixels) else cv2.cvtColor(small[0], cv2.COLOR_RGB2YCrCb))


def averaged(picture: np.ndarray) -> np.ndarray:
    """The mean over the places of each position: (FINER h, FINER w, C) to (h, w, C)."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // FINER, height // FINER), interpolation=cv2.INTER_AREA))


def find_motion(before: np.ndarray, now: np.ndarray) -> Motion | None:
    """Motion from one `small_picture` to the next; None where there is a cut between them."""
    if before.shape != now.shape or min(now.shape[:2]) < FINER * LEAST_SIDE:
        return None
    luma_before, luma_now = (cv2.extractChannel(picture, 0) for picture in (before, now))
    positions = averaged(now)
    spread = float(cv2.meanStdDev(positions[..., 0])[1].item())
    standing = _difference(luma_before, luma_now)
    positions_before = averaged(luma_before)
    shifted, textured = _shifted(positions_before, positions[..., 0])
    seen = standing[::4, ::4].ravel()
    least = int(NOISE_SHARE * (seen.size - 1))
    noise = min(float(np.partition(seen, least)[least]), MOST_NOISE)
    moves = standing > STIRRED[0] * noise + STIRRED[1]
    moves |= (shifted > SHIFTED) & (standing > LEAST_DIFFERENCE)
    flow = np.zeros((*positions.shape[:2], 2), np.float32)
    if moves.any():
        pans = (moves & textured).sum() > max(MOSTLY * textured.sum(), LEAST_PAN * moves.size)
        part = (slice(0, moves.shape[0]), slice(0, moves.shape[1])) if pans else _around(moves)
        flow[part] = _flow(luma_before, luma_now, standing, None if pans else moves, part)
    if _is_cut(positions_before, positions[..., 0], flow, spread):
        return None
    low = min(max(ALIKE_SPREAD * spread, ALIKE_LEVELS[0]), ALIKE_LEVELS[1])
    return Motion(positions, flow, not flow.any(), (low, 2 * low))


def _is_cut(before: np.ndarray, now: np.ndarray, flow: np.ndarray, spread: float) -> bool:
    """Whether so much is left of the difference of two lumas (h, w) that nothing goes on."""
    left = _left(before, now, flow)
    if np.abs(left).mean() > CUT * max(spread, LEAST_SPREAD):
        return True
    if flow.any():
        left = _left(before, now, _together(flow))
    return bool(np.abs(left - left.mean()).mean() > FORM_CUT * max(spread, LEAST_FORM))


def _together(flow: np.ndarray) -> np.ndarray:
    """A flow (h, w, 2) as what is near moves together: a Gaussian of TOGETHER, on a quarter of the positions."""
    height, width = flow.shape[:2]
    coarse = cv2.resize(flow, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cv2.GaussianBlur(coarse, (0, 0), TOGETHER / 4), (width, height)))


def _left(before: np.ndarray, now: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What a flow leaves of the difference of two lumas, (h, w) float32 grey levels, without noise."""
    change = cv2.subtract(sample(before, flow), now, dtype=cv2.CV_32F)
    return np.asarray(cv2.GaussianBlur(change, (0, 0), 1))


def _around(moves: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns (positions) in which things may move, with what is near them."""
    found = np.argwhere(moves)
    first, last = found.min(0), found.max(0) + 1
    rows, columns = (
        slice(max(0, int(a) - REACH - MARGIN), min(int(b) + REACH + MARGIN, side))
        for a, b, side in zip(first, last, moves.shape, strict=True)
    )
    return rows, columns


def _flow(
    before: np.ndarray, now: np.ndarray, standing: np.ndarray, moves: np.ndarray | None, part: tuple[slice, slice]
) -> np.ndarray:
    """(h, w, 2) of a part of the positions; zero where standing still explains as much.

    moves: (h, w) bool, near which anything can be seen to move; None if everything is let move.
    """
    rows, columns = (slice(FINER * one.start, FINER * one.stop) for one in part)
    before, now = (np.ascontiguousarray(picture[rows, columns]) for picture in (before, now))
    found = dense_flow(now, before)
    flow = cv2.merge([averaged(way) for way in found]) / FINER
    if moves is None:
        return flow
    moved = _difference(sample(before, cv2.GaussianBlur(cv2.merge([*found]), (0, 0), FIRM)), now)
    needs = ((moved < BETTER * standing[part]) & (standing[part] > LEAST_DIFFERENCE)).astype(np.uint8)
    needs &= _grown(moves[part].astype(np.uint8), NEAR)
    # What is plain within something that moves goes with it; what is plain beside it stays.
    reach = max(NEAR, min(REACH, int(REACH_SHARE * max(standing.shape))))
    near = _grown(needs, reach)
    near = cv2.erode(near, cv2.getStructuringElement(cv2.MORPH_RECT, (2 * (reach - NEAR) + 1,) * 2))
    return flow * near[..., None]


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    return np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_RECT, (2 * by + 1,) * 2)))


def _shifted(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of what two lumas (h, w) differ by around each position is explained by a small shift, (h, w), 0 to 1;
    and whether one could be seen there, (h, w) bool.

    Lucas and Kanade's equations (1981): the share is that of the squared difference that the best shift takes away.
    """
    before, now = (cv2.GaussianBlur(picture, (0, 0), 1).astype(np.float32) for picture in (before, now))
    across, down = cv2.Scharr(now, cv2.CV_32F, 1, 0, scale=1 / 32), cv2.Scharr(now, cv2.CV_32F, 0, 1, scale=1 / 32)
    change = cv2.subtract(now, before)
    pairs = ((across, across), (down, down), (across, down), (across, change), (down, change), (change, change))
    xx, yy, xy, xt, yt, tt = (cv2.boxFilter(cv2.multiply(a, b), -1, (SHIFT_WINDOW,) * 2) for a, b in pairs)
    least = np.float32(1e-3)
    determinant = xx * yy - xy * xy + least * (xx + yy) + least * least
    explained = (yy * xt * xt + xx * yt * yt - 2 * xy * xt * yt) / determinant
    return explained / (tt + least), xx + yy > TEXTURED


def _difference(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How far two lumas (FINER h, FINER w) differ around each position, (h, w) float32 grey levels, without noise."""
    change = cv2.subtract(now, before, dtype=cv2.CV_32F)
    smooth = averaged(np.abs(cv2.GaussianBlur(change, (0, 0), SMOOTH)))
    return np.asarray(cv2.boxFilter(smooth, -1, (WINDOW, WINDOW)))


def alike(one: np.ndarray, other: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """How far two pictures (h, w, 3) uint8 look the same: (h, w) float32, 0 to 1."""
    result = np.empty(one.shape[:2], np.float32)
    likeness(one, other, *levels, result)
    return result


def inside(shift: np.ndarray, beyond: float = BEYOND) -> np.ndarray:
    """Which places plus their shifts (h, w, 2) are inside the frame, or no farther from it than that, (h, w) bool."""
    height, width = shift.shape[:2]
    end = width - 1 + beyond, height - 1 + beyond
    return np.asarray(cv2.inRange(places(shift), (-beyond, -beyond), end) > 0)


def largest(picture: np.ndarray) -> np.ndarray:
    """The largest channel of (h, w, C).  NumPy's own would take ten times as long."""
    return np.asarray(reduce(cv2.max, cv2.split(picture)))


def ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, a line between."""
    return np.clip((x - low) / (high - low), 0, 1)
