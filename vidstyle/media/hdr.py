"""Pictures of high dynamic range (PQ, HLG) as ordinary ones, which is what networks and styles know."""

from __future__ import annotations

import contextlib
import struct
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.media.color import SCALING, describe_color
from vidstyle.media.frame import Color

PQ, HLG = 16, 18
"""Transfer characteristics of ITU-T H.273."""
NAMES = {PQ: "PQ", HLG: "HLG"}
REFERENCE_WHITE = 203.0
"""cd/m2 of white paper in HDR (ITU-R BT.2408, 2.2), which becomes the white of ordinary video."""
USUAL_PEAK = 1000.0
"""cd/m2 of the brightest white, where a file does not say."""
LUT_SIDE = 33
M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
"""Constants of SMPTE ST 2084."""
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float64
)
"""Linear light (ITU-R BT.2087, 2)."""


def pq_to_light(signal: np.ndarray) -> np.ndarray:
    """cd/m2 of PQ signals 0 to 1 (SMPTE ST 2084, the EOTF)."""
    power = np.maximum(signal, 0) ** (1 / M2)
    return 10_000 * (np.maximum(power - C1, 0) / (C2 - C3 * power)) ** (1 / M1)


def light_to_pq(light: np.ndarray) -> np.ndarray:
    """The inverse of `pq_to_light`."""
    power = (np.maximum(light, 0) / 10_000) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def hlg_to_light(signal: np.ndarray) -> np.ndarray:
    """cd/m2 of HLG signals (..., 3), 0 to 1, on a display of 1,000 cd/m2 (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return 1000 * np.maximum(luminance, 1e-9)[..., None] ** 0.2 * scene


def compressed(light: np.ndarray, peak: float) -> np.ndarray:
    """cd/m2 up to `peak` brought down to REFERENCE_WHITE at most (ITU-R BT.2390-11, 5.4.1, without black lift)."""
    top = light_to_pq(np.array(max(peak, REFERENCE_WHITE + 1)))
    e1 = light_to_pq(light) / top
    max_lum = light_to_pq(np.array(REFERENCE_WHITE)) / top
    knee = 1.5 * max_lum - 0.5
    t = np.clip((e1 - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * max_lum
    return pq_to_light(np.where(e1 < knee, e1, spline) * top)


def to_bt709(signal: np.ndarray, transfer: int, peak: float) -> np.ndarray:
    """R'G'B' of BT.2020 with PQ or HLG (..., 3), 0 to 1, as R'G'B' of BT.709 for ordinary displays (BT.1886).

    The largest of the three is compressed, and the others with it, so that hues stay.
    """
    light = pq_to_light(signal) if transfer == PQ else hlg_to_light(signal)
    largest = light.max(axis=-1, keepdims=True)
    scale = compressed(largest, peak) / np.maximum(largest, 1e-6)
    linear = (light * scale / REFERENCE_WHITE) @ BT2020_TO_BT709.T
    return linear.clip(0, 1) ** (1 / 2.4)


@lru_cache(maxsize=2)
def cube(transfer: int, peak: float) -> str:
    """`to_bt709` as a table in the format of .cube files, red fastest."""
    levels = np.linspace(0, 1, LUT_SIDE)
    blue, green, red = np.meshgrid(levels, levels, levels, indexing="ij")
    mapped = to_bt709(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer, peak)
    return f"LUT_3D_SIZE {LUT_SIDE}\n" + "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in mapped)


def peak_of(frame: VideoFrame) -> float:
    """cd/m2 of the display that a frame was mastered on, as its side data say."""
    with contextlib.suppress(KeyError, ValueError, struct.error, ZeroDivisionError):
        # AVMasteringDisplayMetadata: eight chromaticities, then the least and the greatest luminance, as fractions.
        side_data: Any = frame.side_data
        data = bytes(side_data[SideDataType.MASTERING_DISPLAY_METADATA])
        over, under = struct.unpack_from("ii", data, 8 * 8 + 8)
        if (greatest := over / under) > REFERENCE_WHITE:
            return float(greatest)
    return USUAL_PEAK


class ToneMapper:
    """Decoded frames of PQ or HLG as RGB of BT.709.

    Args:
        color: of the frames.
        peak: see `peak_of`.
    """

    def __init__(self, color: Color, peak: float) -> None:
        self._color, self._peak = color, peak
        self._reformatter = VideoReformatter()
        self._graphs: dict[tuple[int, int], Graph] = {}

    def __call__(self, frame: VideoFrame, width: int, height: int) -> np.ndarray:
        """RGB (height, width, 3) uint8, full range."""
        describe_color(frame, self._color)
        signal = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="gbrp16le",
            dst_color_range=ColorRange.JPEG,
            interpolation=SCALING,
            threads=1,
        )
        graph = self._graphs.get((width, height)) or self._graphs.setdefault((width, height), self._graph(signal))
        signal.pts = None
        graph.vpush(signal)
        return graph.vpull().to_ndarray()

    def _graph(self, signal: VideoFrame) -> Graph:
        graph = Graph()
        with tempfile.TemporaryDirectory(prefix="vidstyle-") as folder:
            # FFmpeg reads it when the graph is set up.
            table = Path(folder) / "bt709.cube"
            table.write_text(cube(self._color.transfer, self._peak))
            graph.link_nodes(
                graph.add_buffer(
                    width=signal.width, height=signal.height, format=signal.format, time_base=Fraction(1, 25)
                ),
                graph.add("lut3d", file=str(table), interp="tetrahedral"),
                graph.add("format", "rgb24"),
                graph.add("buffersink"),
            ).configure()
        return graph
