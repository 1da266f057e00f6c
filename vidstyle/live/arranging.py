"""What becomes of a painted picture on its way to a viewer: mirrored, split, in RGB."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vidstyle.media.color import GLANCE, SCALING, planes_of_rgb, to_rgb
from vidstyle.media.frame import Color
from vidstyle.stream.planes import is_planar, picture_size, planes_of

WHITE, COLORLESS = 255, 128
"""Of the line between the halves: levels of R, G, B and Y, and of U and V."""


class Colors:
    """Makes RGB of planes of 4:2:0, and the other way round.  Not for several threads at a time.

    Args:
        color: what planes stand for; None where all that comes is RGB.
        quick: whether RGB is only looked at, frame after frame; see vidstyle.media.color.GLANCE.
    """

    def __init__(self, color: Color | None, *, quick: bool = False) -> None:
        self._color, self._scaling = color, GLANCE if quick else SCALING
        self._to_rgb, self._to_planes = VideoReformatter(), VideoReformatter()

    def rgb(self, pixels: np.ndarray) -> np.ndarray:
        """RGB (H, W, 3) uint8 of pixels of either kind."""
        if not is_planar(pixels):
            return pixels
        assert self._color is not None
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "yuv420p")
        return to_rgb(frame, self._color, *picture_size(pixels), self._to_rgb, scaling=self._scaling)

    def planes(self, rgb: np.ndarray) -> np.ndarray:
        """Planes (3 H / 2, W) uint8 of RGB (H, W, 3) uint8 with even sides."""
        assert self._color is not None
        return planes_of_rgb(rgb, self._color, self._to_planes)


def mirrored(pixels: np.ndarray) -> np.ndarray:
    """Left and right exchanged, in pixels of the same kind."""
    if not is_planar(pixels):
        return np.ascontiguousarray(pixels[:, ::-1])
    result = np.empty_like(pixels)
    for plane, out in zip(planes_of(pixels), planes_of(result), strict=True):
        out[:] = plane[:, ::-1]
    return result


def split(source: np.ndarray, painting: np.ndarray) -> np.ndarray:
    """The source on the left, the painting on the right, and a white line between them; pixels of the same kind."""
    result = painting.copy()
    for number, (plane, out) in enumerate(zip(planes_of(source), planes_of(result), strict=True)):
        middle = plane.shape[1] // 2
        out[:, :middle] = plane[:, :middle]
        out[:, middle - 1 : middle + 1] = COLORLESS if number else WHITE
    return result
