"""Paint that stays where it is: what has been painted is carried along with what moves.

A network that sees one frame paints each one anew, and strokes that nothing in the picture calls for fall elsewhere
as soon as it moves by a pixel.  Blending a painting with the last one, carried along the optical flow, calms it and
washes the strokes out: two layers of strokes average to none, and what is resampled once a frame blurs.  So little is
averaged here, and little is resampled twice.  The painting of one frame, the key, is kept as it is, with a map of
where its places have come to ("advected textures", Neyret 2003).  It is shown wherever the map can be trusted.
Elsewhere, where something has come into sight, has changed, or has been pulled out of shape, the frame's own painting
shows, blended with the last one as far as the frame looks like the last.  Before a key is worn, another one takes its
place, patch by patch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce

import cv2
import numpy as np

FLOW_SIDE = 200
"""Positions along a frame's longer side for which motion is known, about."""
LEAST_SHRINK = 4
"""Pixels of a frame along a position, at the least."""
FINER = 2
"""Places along a position in which motion is looked for: what it is averaged over is what makes it exact."""
FINEST_SCALE, DESCENTS, STRIDE = 0, 6, 3
"""Of DIS optical flow (Kroeger et al. 2016): the resolution that it is given, steps of descent, places from patch to
patch.  Fewer steps than is usual pay for the finer places."""
LEAST_SIDE = 12
"""Positions along the shorter side that DIS can do with."""
CUT_LEVELS = 24.0
"""Mean difference of a frame from the one before, carried along, that makes a cut; grey levels."""
ALIKE_LEVELS = (8.0, 16.0)
"""Up to the first difference in luma or chroma something is what it has been, from the second on it is not."""
ALIKE_SIDE = 3
"""Positions along the square in which that is judged."""
PULLED = (0.35, 0.7)
"""Change of a map between neighbours up to which strokes look natural, and from which on they do not."""
SURE = (0.4, 0.6)
"""Trust up to which a key is not shown at all, and from which on it is fully."""
LIFE_FRAMES = 40.0
"""Half the life of a key while everything moves and stays in sight."""
SHARE = 0.6
"""Of the last painting where no key shows and the source has not changed."""
MUCH_MOTION = 0.125
"""Positions a frame, on average, that count as everything moving; a still picture keeps its key."""
GAPS_HASTEN = 5.0
"""Frames by which a key ages in addition, for each frame, if it covers nothing."""
FADE = 0.2
"""Share of its half life that a patch takes to go over to the next key."""
PATCH = 6
"""Positions along a patch."""
SHARPEN, SHARPEN_RADIUS = 0.12, 0.8
"""Share and radius (pixels) of the unsharp mask that makes up for some of what resampling takes away."""


@dataclass(frozen=True)
class Motion:
    """Where everything in a frame was in the frame before.

    Attributes:
        now: (h, w, 3) uint8, luma and chroma of the frame at each position.
        flow: (h, w, 2) float32, x before y: from each position to where it was, in positions.
        alike: (h, w) float32, 0 to 1, how far it looked the same there.
    """

    now: np.ndarray
    flow: np.ndarray
    alike: np.ndarray


def small_picture(pixels: np.ndarray) -> np.ndarray:
    """What motion is looked for in: luma and chroma, (FINER h, FINER w, 3) uint8 for h x w positions.

    pixels: as in vidstyle.media.frame.Frame.
    """
    planes = _planes(pixels)
    height, width = planes[0].shape[:2]
    shrink = max(LEAST_SHRINK, round(max(height, width) / FLOW_SIDE))
    size = FINER * -(-width // shrink), FINER * -(-height // shrink)
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
    return np.dstack(small) if len(small) == 3 else np.asarray(cv2.cvtColor(small[0], cv2.COLOR_RGB2YCrCb))


def find_motion(before: np.ndarray, now: np.ndarray) -> Motion | None:
    """Motion from one `small_picture` to the next; None where there is a cut between them."""
    if before.shape != now.shape or min(now.shape[:2]) < FINER * LEAST_SIDE:
        return None
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(FINEST_SCALE)
    search.setGradientDescentIterations(DESCENTS)
    search.setPatchStride(STRIDE)
    found = np.asarray(search.calc(_luma(now), _luma(before), np.zeros((*now.shape[:2], 2), np.float32)))
    flow, before, now = _averaged(found) / FINER, _averaged(before), _averaged(now)
    difference = cv2.absdiff(_sample(before, flow), now)
    if difference[..., 0].mean() > CUT_LEVELS:
        return None
    return Motion(now, flow, _alike(difference) * _inside(_places(flow)))


class Memory:
    """Remembers paintings from frame to frame."""

    def __init__(self) -> None:
        self._keys: list[_Key] = []
        self._age = 0.0
        self._last = np.empty(0)

    def remember(self, painted: np.ndarray, source: np.ndarray, motion: Motion | None) -> np.ndarray:
        """What to show of a frame.

        Args:
            painted: pixels that the network has painted; RGB or planes, as in vidstyle.media.frame.Frame.
            source: `small_picture` of what it has been painted from.
            motion: since the frame before; None if it has nothing to do with that one.

        Returns:
            Pixels of the same shape; `painted` itself where nothing is remembered.
        """
        if motion is None or not self._keys or self._keys[0].painted.shape != painted.shape:
            self._keys, self._age, self._last = [_Key(painted, source)], 0.0, painted
            return painted
        for key in self._keys:
            key.carry(motion)
        weights = self._weights()
        uncovered = np.prod([1 - weight for weight in weights], axis=0)
        shown = painted
        if uncovered.any():
            shown = _lay_over(painted, self._last, motion.flow, SHARE * motion.alike, cv2.INTER_LINEAR)
        # What is older lies above, so that nothing changes before it has to.
        for key, weight in zip(reversed(self._keys), reversed(weights), strict=True):
            shown = key.laid_over(shown, weight)
        self._age += min(1.0, cv2.norm(motion.flow, cv2.NORM_L1) / motion.flow[..., 0].size / MUCH_MOTION)
        self._age += GAPS_HASTEN * float(uncovered.mean())
        if self._age >= LIFE_FRAMES:
            self._keys, self._age = [self._keys[-1], _Key(painted, source)], 0.0
        self._last = shown
        return shown

    def _weights(self) -> list[np.ndarray]:
        """How much of each key shows, (h, w) each."""
        if len(self._keys) == 1:
            return [self._keys[0].shown]
        old, new = self._keys
        left = (old.order() * (1 - FADE) + FADE - self._age / LIFE_FRAMES) / FADE
        return [old.shown * np.clip(left, 0, 1), new.shown]


class _Key:
    """A painting, and where its places have come to.

    Attributes:
        painted: its pixels.
        shown: (h, w) float32, how far it can be, 0 to 1.
    """

    def __init__(self, painted: np.ndarray, source: np.ndarray) -> None:
        self.painted = _sharpened(painted)
        self._source = _averaged(source)
        height, width = self._source.shape[:2]
        self._shift = np.zeros((height, width, 2), np.float32)
        self._trust = np.ones((height, width), np.float32)
        self._patches = _patches(height, width)
        self.shown = self._trust

    def carry(self, motion: Motion) -> None:
        """Go on to the next frame."""
        state = _sample(np.dstack((self._shift, self._trust)), motion.flow)
        self._shift = state[..., :2] + motion.flow
        # Against the frame that was painted, so that small errors cannot add up unnoticed.
        alike = _alike(cv2.absdiff(_sample(self._source, self._shift), motion.now))
        natural = 1 - _ramp(_pull(self._shift), *PULLED)
        self._trust = np.minimum(state[..., 2], alike * natural * _inside(_places(self._shift))).astype(np.float32)
        self.shown = _ramp(self._trust, *SURE)

    def order(self) -> np.ndarray:
        """When each place is to be painted over, (h, w), 0 first, 1 last; it moves with the paint."""
        return _sample(self._patches, self._shift)

    def laid_over(self, below: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Pixels `below` with the key over them where `weight`, (h, w), is 1."""
        return _lay_over(below, self.painted, self._shift, weight, cv2.INTER_CUBIC)


def _lay_over(
    below: np.ndarray, above: np.ndarray, shift: np.ndarray, weight: np.ndarray, interpolation: int
) -> np.ndarray:
    """Pixels `below` with those `above` over them where `weight`, (h, w), is 1, taken from `shift`, (h, w, 2), away."""
    result = np.empty_like(below)
    for plane, under, out in zip(_planes(above), _planes(below), _planes(result), strict=True):
        height, width = plane.shape[:2]
        way, amount = shift, weight
        if amount.shape != (height, width):
            scale = np.array([width / amount.shape[1], height / amount.shape[0]], np.float32)
            way = np.asarray(cv2.resize(way * scale, (width, height), interpolation=cv2.INTER_LINEAR))
            amount = cv2.resize(amount, (width, height), interpolation=cv2.INTER_LINEAR)
        # Of chroma nobody sees so much.
        fine = plane.ndim == 3 or height * 2 > below.shape[0]
        carried = _sample(plane, way, interpolation if fine else cv2.INTER_LINEAR)
        out[...] = cv2.blendLinear(carried, under, amount, 1 - amount)
    return result


def _luma(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[..., 0])


def _averaged(picture: np.ndarray) -> np.ndarray:
    """The mean over the places of each position: (FINER h, FINER w, C) to (h, w, C)."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // FINER, height // FINER), interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> np.ndarray:
    """(h, w, 2) float32, x before y."""
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


def _places(shift: np.ndarray) -> np.ndarray:
    """Every place plus its shift, (h, w, 2)."""
    return np.asarray(cv2.add(shift, _grid(*shift.shape[:2])))


def _sample(picture: np.ndarray, shift: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """(H, W) or (H, W, C) at every place plus its shift (h, w, 2); beyond the border as at it."""
    # Its type stubs do not know that one map can hold both coordinates.
    remap: Callable[..., np.ndarray] = cv2.remap
    return remap(picture, _places(shift), None, interpolation, borderMode=cv2.BORDER_REPLICATE)


def _inside(places: np.ndarray) -> np.ndarray:
    """Which places (h, w, 2) are inside the frame, (h, w) bool."""
    height, width = places.shape[:2]
    return np.asarray(cv2.inRange(places, (0, 0), (width - 1, height - 1)) > 0)


def _alike(difference: np.ndarray) -> np.ndarray:
    """How far two pictures look the same that differ by (h, w, 3) uint8: (h, w) float32, 0 to 1."""
    change = cv2.blur(difference, (ALIKE_SIDE, ALIKE_SIDE))
    return np.asarray(1 - _ramp(_largest(change).astype(np.float32), *ALIKE_LEVELS), np.float32)


def _largest(picture: np.ndarray) -> np.ndarray:
    """The largest channel of (h, w, C).  NumPy's own would take ten times as long."""
    return np.asarray(reduce(cv2.max, cv2.split(picture)))


def _pull(shift: np.ndarray) -> np.ndarray:
    """By how much (h, w, 2) changes from place to place, (h, w)."""
    across = cv2.Sobel(shift, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(shift, cv2.CV_32F, 0, 1, scale=1 / 8)
    return _largest(np.abs(cv2.merge((across, down))))


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, a line between."""
    return np.clip((x - low) / (high - low), 0, 1)


def _patches(height: int, width: int) -> np.ndarray:
    """(h, w) float32, smooth, 0 to 1; the same each time."""
    coarse = np.random.default_rng(0).uniform(0, 1, (-(-height // PATCH), -(-width // PATCH))).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _sharpened(pixels: np.ndarray) -> np.ndarray:
    result = np.empty_like(pixels)
    for plane, out in zip(_planes(pixels), _planes(result), strict=True):
        soft = cv2.GaussianBlur(plane, (0, 0), SHARPEN_RADIUS)
        out[...] = cv2.addWeighted(plane, 1 + SHARPEN, soft, -SHARPEN, 0)
    return result


def _planes(pixels: np.ndarray) -> list[np.ndarray]:
    """RGB as it is, or Y, U and V."""
    if pixels.ndim == 3:
        return [pixels]
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    chroma = pixels[height:].reshape(2, height // 2, width // 2)
    return [pixels[:height], chroma[0], chroma[1]]
