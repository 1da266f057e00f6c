"""What travels through the pipeline."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Generic

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from vidstyle.media.device_pixels import DevicePixels

    Pixels = TypeVar("Pixels", np.ndarray, DevicePixels, np.ndarray | DevicePixels, default=np.ndarray)
else:
    # It has defaults from Python 3.13 on.
    from typing import TypeVar

    Pixels = TypeVar("Pixels")

# Values of FFmpeg's AVColorSpace, AVColorPrimaries and AVColorTransferCharacteristic (ITU-T H.273).
MATRIX_BT709, MATRIX_SMPTE170M, MATRIX_BT2020 = 1, 6, 9
UNSPECIFIED = 2
RGB_MATRIX = 0
SWSCALE_MATRIX = {MATRIX_SMPTE170M: 5}
"""swscale numbers its matrices as H.273 does, but for this one."""
MATRIX_WEIGHTS = {
    MATRIX_BT709: (0.2126, 0.0722),
    5: (0.299, 0.114),
    MATRIX_SMPTE170M: (0.299, 0.114),
    MATRIX_BT2020: (0.2627, 0.0593),
}
"""K_R and K_B of ITU-T H.273, table 4: the weights of red and blue in luma."""
HD_HEIGHT = 720
"""Pixels from which on video is taken to be BT.709; smaller video is BT.601."""

SMALLEST_SIDE, LARGEST_SIDE = 16, 16384
"""Pixels along one side of a picture that can be painted."""


def usual_matrix(height: int) -> int:
    """The matrix of video of that height, where nothing names another one."""
    return MATRIX_BT709 if height >= HD_HEIGHT else MATRIX_SMPTE170M


@dataclass(frozen=True)
class Color:
    """How the numbers of a video stand for colours: code points of ITU-T H.273, range and depth.

    `matrix` is never unspecified: what a source leaves open is settled when it is opened.
    """

    matrix: int = MATRIX_BT709
    full_range: bool = False
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    bits: int = 8


@dataclass(frozen=True)
class Frame(Generic[Pixels]):
    """One picture of a video.

    Where a GPU paints, frames may be in its memory all the way: `Frame[DevicePixels]`.

    Attributes:
        pixels: RGB (H, W, 3) uint8, upright, full range.  Or planes (3 H / 2, W) uint8 of 4:2:0, as the video's Color
            describes them: Y (H, W), then U and V (H / 2, W / 2), one after the other.
        pts: presentation time in units of `time_base`.
        time_base: seconds.
        duration: in units of `time_base`; 0 where it is not known.
        discontinuity: nothing may be carried over from the frame before this one (start, seek).
        alpha: how opaque each pixel is, (H, W) uint8; None for what is opaque throughout.
        signal: gives the frame in high dynamic range, as it was before it was brought down to `pixels`: R'G'B' of PQ or
            HLG (H, W, 3) uint16, full range; None where nobody has asked for it.
        mask: how much of the painting is to show at each place, (H, W) uint8; None where all of it is.
    """

    pixels: Pixels
    pts: int
    time_base: Fraction
    duration: int = 0
    discontinuity: bool = False
    alpha: np.ndarray | None = None
    signal: Callable[[], np.ndarray] | None = None
    mask: np.ndarray | None = None

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


@dataclass(frozen=True)
class Mastering:
    """What a video of high dynamic range says of the display that it was made on, and of its own light.

    Attributes:
        chromaticities: x and y of red, green, blue and white (CIE 1931); None if it does not say.
        luminance: of the display, the greatest and the least, cd/m2; None if it does not say.
        light_level: the greatest of any pixel, and the greatest mean of any frame (MaxCLL, MaxFALL), cd/m2; likewise.
    """

    chromaticities: tuple[tuple[float, float], ...] | None = None
    luminance: tuple[float, float] | None = None
    light_level: tuple[int, int] | None = None


@dataclass(frozen=True)
class Marks:
    """What a video is marked as, without which players show it flat.

    Attributes:
        stereo: FFmpeg's AVStereo3DType of pictures for both eyes; 0 for none.
        right_first: the picture of the right eye comes first.
        spherical: FFmpeg's AVSphericalProjection of what is all around; None for none.
    """

    stereo: int = 0
    right_first: bool = False
    spherical: int | None = None


@dataclass(frozen=True)
class VideoFormat:
    """What a sink has to know of the video that it will be given.

    Attributes:
        width, height: pixels, upright.
        time_base: seconds per tick of every frame's pts.
        rate: frames per second, the average where it varies.
        color: of the source; the output is made alike.
        sample_aspect_ratio: width of a pixel over its height.
        frames: how many there will be, as far as is known beforehand.
        alpha: whether frames may be transparent.
        plays: how often an animation is played; 0 is for ever.
        marks: of video for both eyes, and all around.
        mastering: of video whose frames come with their `signal`, which is written then; None of all other video.
    """

    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    color: Color = Color()
    sample_aspect_ratio: Fraction = Fraction(1)
    frames: int | None = None
    alpha: bool = False
    plays: int = 0
    marks: Marks = Marks()
    mastering: Mastering | None = None
