"""One frame painted by itself: nothing came before it, and nothing follows."""

import numpy as np

from vidstyle.stream.composing import Look, composed
from vidstyle.stream.frame_painters import Paints
from vidstyle.stream.lifting import lifted
from vidstyle.stream.planes import resized


def painted_alone(painter: Paints, pixels: np.ndarray, size: tuple[int, int], look: Look | None = None) -> np.ndarray:
    """RGB (H, W, 3) uint8 of RGB (H, W, 3) uint8; waits for it.

    Args:
        painter: what paints.
        pixels: the frame.
        size: width and height at which it is painted, see vidstyle.stream.lifting.painted_size.
        look: how much of the painting to show; all of it if None.
    """
    pixels = np.ascontiguousarray(pixels)
    small = resized(pixels, size)
    return composed(pixels, lifted(painter.start(small).result(), small, pixels), look or Look())
