"""What is made of a frame and its painting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from vidstyle.media.color import LUMA
from vidstyle.stream.planes import is_planar, planes_of

Pixels = TypeVar("Pixels")


@dataclass(frozen=True)
class Look:
    """How much of the painting to show.

    Attributes:
        strength: 0 shows the source, 1 the painting, anything between a blend.
        keep_colors: take the painting's luminance only, and the source's colours.
    """

    strength: float = 1.0
    keep_colors: bool = False


def composed(source: np.ndarray, painting: np.ndarray, look: Look) -> np.ndarray:
    """Pixels of the same kind and size as both, which are left alone; one of them where nothing is to be mixed."""
    return composed_by(source, painting, look, _with_colors_of, _between)


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Pixels between two of the same kind and size: 0 is the first, 1 the other."""
    return mixed_by(one, other, share, _between)


def composed_by(
    source: Pixels,
    painting: Pixels,
    look: Look,
    with_colors_of: Callable[[Pixels, Pixels], Pixels],
    between: Callable[[Pixels, Pixels, float], Pixels],
) -> Pixels:
    """`composed` for pixels of any kind, by what gives a painting the colours of its source, and what mixes two."""
    if look.strength == 0:
        return source
    if look.keep_colors:
        painting = with_colors_of(source, painting)
    return mixed_by(source, painting, look.strength, between)


def mixed_by(one: Pixels, other: Pixels, share: float, between: Callable[[Pixels, Pixels, float], Pixels]) -> Pixels:
    """`mixed` for pixels of any kind, by what mixes two of which both show."""
    if share in (0, 1):
        return other if share else one
    return between(one, other, share)


def _between(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0)).reshape(one.shape)


def _with_colors_of(source: np.ndarray, painting: np.ndarray) -> np.ndarray:
    if is_planar(source):
        result = source.copy()
        planes_of(result)[0][:] = planes_of(painting)[0]
        return result
    # In every YCbCr space a change of luma alone adds the same to R, G and B.
    weights = np.array([LUMA], np.float32)
    change = cv2.transform(painting.astype(np.float32), weights) - cv2.transform(source.astype(np.float32), weights)
    return np.rint(source.astype(np.float32) + change[..., None]).clip(0, 255).astype(np.uint8)
