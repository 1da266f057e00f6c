"""The colours that keys give to what they are painted from: a network that has learnt from few keys may be far off."""

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 160
"""Pixels along the longer side at which colours are compared: fewer than strokes have."""
BINS = 16
"""Of each channel, in which source colours are told apart."""
KNOWN = 2e-4
"""Share of all pixels that has to have about a colour for it to be half known."""
BROAD = 4.0
"""Pixels of SIDE over which colours are averaged to be broad ones."""
LEAST = 0.1
"""Share of a neighbourhood whose colours have to be known for them to be changed by nearly all of the difference."""


class KeyColors:
    """What colours keys give to the colours of their frames.

    Args:
        pairs: frames, their keys, and how opaque these are; see vidstyle.keys.learning.Pair.
    """

    def __init__(self, pairs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]]) -> None:
        sums = np.zeros((BINS**3, 4))
        for frame, key, alpha in pairs:
            size = _size(frame)
            source, painted = _small(frame, size).reshape(-1, 3), _small(key, size).reshape(-1, 3)
            share = np.ones(len(source)) if alpha is None else _small(alpha, size).ravel() / 255
            places = _places(source)
            for channel in range(3):
                sums[:, channel] += np.bincount(places, painted[:, channel] * share, BINS**3)
            sums[:, 3] += np.bincount(places, share, BINS**3)
        total = max(sums[:, 3].sum(), 1e-6)
        near = sums.reshape(BINS, BINS, BINS, 4) / total
        for axis in range(3):
            near = _smoothed(near, axis)
        near = near.reshape(-1, 4)
        self._colors = (near[:, :3] / np.maximum(near[:, 3:], 1e-12)).astype(np.float32)
        self._known = (near[:, 3] / (near[:, 3] + KNOWN)).astype(np.float32)

    def matched(self, painting: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """A painting of a frame, RGB (H, W, 3) uint8 both, in the broad colours that keys give to such colours.

        Where no key has a colour like the frame's, it is left as it is; strokes are everywhere.
        """
        size = _size(frame)
        places = _places(_small(frame, size).reshape(-1, 3))
        known = self._known[places].reshape(size[1], size[0])
        wanted = self._colors[places].reshape(size[1], size[0], 3)
        change = (wanted - _small(painting, size)) * known[..., None]
        share = cv2.GaussianBlur(known, (0, 0), BROAD) + LEAST
        change = cv2.GaussianBlur(change, (0, 0), BROAD) * ((1 + LEAST) / share)[..., None]
        height, width = painting.shape[:2]
        change = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.rint(painting + change).clip(0, 255).astype(np.uint8))


def _size(picture: np.ndarray) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _small(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _places(colors: np.ndarray) -> np.ndarray:
    """Of colours (N, 3), grey levels: which bin each is in."""
    r, g, b = np.minimum((colors * (BINS / 256)).astype(np.int64), BINS - 1).T
    return np.asarray((r * BINS + g) * BINS + b)


def _smoothed(sums: np.ndarray, axis: int) -> np.ndarray:
    """Bins with what is in those beside them, by a binomial filter over five."""
    moved = np.moveaxis(sums, axis, 0)
    padded = np.concatenate((np.zeros_like(moved[:2]), moved, np.zeros_like(moved[:2])))
    weights = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
    total = sum((weight * padded[n : n + BINS] for n, weight in enumerate(weights)), np.zeros_like(moved))
    return np.moveaxis(total, 0, axis)
