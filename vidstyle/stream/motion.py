"""Where everything in a frame was in the frame before.

Motion is found by DIS optical flow (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search") in small
pictures.  Optical flow follows noise where there is nothing else to follow, and would drag paint about on plain
walls: what stands still as well as it moves, and has nothing near that needs to move, stands still.
"""

from dataclasses import dataclass
from functools import reduce

import cv2
import numpy as np

from vidstyle.stream.planes import is_planar, places, planes_of, sample

FLOW_SIDE = 200
"""Positions along a frame's longer side for which motion is known, about."""
LEAST_SHRINK = 4
"""Pixels of a frame along a position, at the least."""
FINER = 2
"""Places along a position in which motion is looked for: what it is averaged over is what makes it exact."""
DESCENTS, STRIDE, REFINEMENTS = 4, 4, 3
"""Of DIS: steps of descent, places from patch to patch, and steps of the refinement that follows."""
LEAST_SIDE = 12
"""Positions along the shorter side that DIS can do with."""
SMOOTH, WINDOW = 1.0, 9
"""Places over which a difference is smoothed before, and averaged after, its sign is dropped: noise goes first."""
NOISE_SHARE, MOST_NOISE = 0.2, 2.5
"""Of a frame's differences from the last the quantile that is taken for noise, and grey levels of it at the most."""
STIRRED = (1.6, 0.6)
"""Times the noise, and grey levels more, from which on a difference is not noise."""
BETTER = (1.25, 0.3)
"""Times the difference that motion leaves, and grey levels more, from which on standing still explains less."""
REACH = 25
"""Positions around what moves that are let move as well."""
MOSTLY = 0.5
"""Share of a picture that moves from which on all of it is let move: the camera does."""
MARGIN = 8
"""Positions around what may move in which motion is looked for, too."""
CUT, DARKEST_SPREAD = 0.35, 6.0
"""Mean difference of a frame from the last, moved along, over the spread of its luma, that makes a cut; and the least
spread that it is measured by, grey levels."""
ALIKE_LEVELS = (3.0, 8.0)
"""Difference in luma or chroma up to which something is what it has been, grey levels: in frames of one colour, and
at the most.  From twice that on it is not."""
ALIKE_SPREAD = 0.25
"""Share of the spread of a frame's luma that it is between the two."""
ALIKE_SIDE = 3
"""Positions along the square in which that is judged."""


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


def small_picture(pixels: np.ndarray) -> np.ndarray:
    """What motion is looked for in: luma and chroma, (FINER h, FINER w, 3) uint8 for h x w positions.

    pixels: as in vidstyle.media.frame.Frame.
    """
    planes = planes_of(pixels)
    height, width = planes[0].shape[:2]
    shrink = max(LEAST_SHRINK, round(max(height, width) / FLOW_SIDE))
    size = FINER * -(-width // shrink), FINER * -(-height // shrink)
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    return np.dstack(small) if is_planar(pixels) else np.asarray(cv2.cvtColor(small[0], cv2.COLOR_RGB2YCrCb))


def averaged(picture: np.ndarray) -> np.ndarray:
    """The mean over the places of each position: (FINER h, FINER w, C) to (h, w, C)."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // FINER, height // FINER), interpolation=cv2.INTER_AREA))


def find_motion(before: np.ndarray, now: np.ndarray) -> Motion | None:
    """Motion from one `small_picture` to the next; None where there is a cut between them."""
    if before.shape != now.shape or min(now.shape[:2]) < FINER * LEAST_SIDE:
        return None
    luma_before, luma_now = (np.ascontiguousarray(picture[..., 0]) for picture in (before, now))
    positions = averaged(now)
    spread = float(cv2.meanStdDev(positions[..., 0])[1].item())
    standing = _difference(luma_before, luma_now)
    stirred = _stirred(standing)
    if stirred is None:
        flow = np.zeros((*positions.shape[:2], 2), np.float32)
    else:
        flow = _flow(luma_before, luma_now, standing, stirred)
    difference = cv2.absdiff(sample(averaged(before), flow)[..., 0], positions[..., 0])
    if difference.mean() > CUT * max(spread, DARKEST_SPREAD):
        return None
    low = min(max(ALIKE_SPREAD * spread, ALIKE_LEVELS[0]), ALIKE_LEVELS[1])
    return Motion(positions, flow, stirred is None or not flow.any(), (low, 2 * low))


def _stirred(standing: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns (positions) in which something may move; None if there is nothing but noise."""
    noise = min(float(np.quantile(standing[::4, ::4], NOISE_SHARE)), MOST_NOISE)
    found = np.argwhere(standing > STIRRED[0] * noise + STIRRED[1])
    if not len(found):
        return None
    first, last = found.min(0), found.max(0)
    return tuple(
        slice(max(0, int(a) - REACH - MARGIN), min(int(b) + 1 + REACH + MARGIN, side))
        for a, b, side in zip(first, last, standing.shape, strict=True)
    )  # type: ignore[return-value]  # one for each side


def _flow(before: np.ndarray, now: np.ndarray, standing: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    """(h, w, 2), looked for in a part of the positions, and zero where standing still explains as much."""
    fine = tuple(slice(FINER * one.start, FINER * one.stop) for one in part)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0)
    search.setGradientDescentIterations(DESCENTS)
    search.setPatchStride(STRIDE)
    search.setVariationalRefinementIterations(REFINEMENTS)
    seen = [np.ascontiguousarray(picture[fine]) for picture in (now, before)]
    found = np.asarray(search.calc(seen[0], seen[1], np.zeros((*seen[0].shape, 2), np.float32)))
    moved = _difference(sample(seen[1], found), seen[0])
    needs = (standing[part] > BETTER[0] * moved + BETTER[1]).astype(np.uint8)
    flow = np.zeros((*standing.shape, 2), np.float32)
    flow[part] = averaged(found) / FINER
    if needs.mean() * needs.size < MOSTLY * standing.size:
        near = cv2.dilate(needs, cv2.getStructuringElement(cv2.MORPH_RECT, (2 * REACH + 1,) * 2))
        flow[part] *= near[..., None]
    return flow


def _difference(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """How far two lumas (FINER h, FINER w) differ around each position, (h, w) float32 grey levels, without noise."""
    change = cv2.subtract(now, before, dtype=cv2.CV_32F)
    smooth = cv2.absdiff(cv2.GaussianBlur(change, (0, 0), SMOOTH), np.zeros(1, np.float32))
    return averaged(cv2.boxFilter(smooth, -1, (WINDOW, WINDOW)))


def alike(one: np.ndarray, other: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """How far two pictures (h, w, 3) uint8 look the same: (h, w) float32, 0 to 1."""
    change = cv2.blur(cv2.absdiff(one, other), (ALIKE_SIDE, ALIKE_SIDE))
    return np.asarray(1 - ramp(largest(change).astype(np.float32), *levels), np.float32)


def inside(shift: np.ndarray) -> np.ndarray:
    """Which places plus their shifts (h, w, 2) are inside the frame, (h, w) bool."""
    height, width = shift.shape[:2]
    return np.asarray(cv2.inRange(places(shift), (0, 0), (width - 1, height - 1)) > 0)


def largest(picture: np.ndarray) -> np.ndarray:
    """The largest channel of (h, w, C).  NumPy's own would take ten times as long."""
    return np.asarray(reduce(cv2.max, cv2.split(picture)))


def ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, a line between."""
    return np.clip((x - low) / (high - low), 0, 1)
