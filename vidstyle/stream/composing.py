"""What is made of a frame and its painting."""

from dataclasses import dataclass

import cv2
import numpy as np

from vidstyle.perception.luma import LUMA
from vidstyle.stream.planes import is_planar, planes_of


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
    if look.strength == 0:
        return source
    if look.keep_colors:
        painting = _with_colors_of(source, painting)
    if look.strength == 1:
        return painting
    return mixed(source, painting, look.strength)


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Pixels between two of the same kind and size: 0 is the first, 1 the other."""
    if share in (0, 1):
        return other if share else one
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
