"""Light that files write down by laws unknown to displays: linear, logarithmic, of cinemas (ITU-T H.273, table 3)."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.media.color import SCALING, describe_color, has_alpha
from vidstyle.media.frame import Color

LINEAR, LOG, LOG_SQRT, CINEMA = 8, 9, 10, 17
CURVES = {
    LINEAR: "linear light",
    LOG: "logarithmic light (100:1)",
    LOG_SQRT: "logarithmic light (316:1)",
    CINEMA: "light of digital cinema (SMPTE ST 428-1)",
}
DISPLAY_GAMMA = 2.4
"""Of ordinary video (ITU-R BT.1886)."""


def to_light(signal: np.ndarray, transfer: int) -> np.ndarray:
    """Light, 1 is white, of signals 0 to 1 in one of CURVES."""
    if transfer == LOG:
        return np.asarray(np.where(signal > 0, 10 ** (2 * (signal - 1)), 0))
    if transfer == LOG_SQRT:
        return np.asarray(np.where(signal > 0, 10 ** (2.5 * (signal - 1)), 0))
    return signal**2.6 * 52.37 / 48 if transfer == CINEMA else signal


def curve_of(transfer: int) -> np.ndarray | None:
    """Signals of ordinary video, (65536,) uint8, by signals of 16 bits in a law of light; None if displays know it."""
    if transfer not in CURVES:
        return None
    light = to_light(np.linspace(0, 1, 65536), transfer)
    return np.rint(255 * light.clip(0, 1) ** (1 / DISPLAY_GAMMA)).astype(np.uint8)


def through(
    curve: np.ndarray, frame: VideoFrame, color: Color, width: int, height: int, reformatter: VideoReformatter
) -> np.ndarray:
    """A decoded frame through a curve, RGB (height, width, 3) uint8 or RGBA; see vidstyle.media.color.to_rgb."""
    transparent = has_alpha(frame)
    describe_color(frame, color)
    signal = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="rgba64le" if transparent else "rgb48le",
        dst_color_range=ColorRange.JPEG,
        interpolation=SCALING,
        threads=1,
    )
    numbers = np.asarray(signal.to_ndarray(), np.uint16)
    pixels = curve[numbers]
    if transparent:
        pixels[..., 3] = numbers[..., 3] >> 8
    return pixels
