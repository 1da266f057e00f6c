"""Pictures of high dynamic range (PQ, HLG) as ordinary ones, which is what networks and styles know, and back."""

from __future__ import annotations

import contextlib
import struct
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from vidstyle.media.color import SCALING, describe_color
from vidstyle.media.frame import Color, Mastering
from vidstyle.media.side_data import side_data_of

PQ, HLG = 16, 18
"""Transfer characteristics of ITU-T H.273."""
NAMES = {PQ: "PQ", HLG: "HLG"}
REFERENCE_WHITE = 203.0
"""cd/m2 of white paper in HDR (ITU-R BT.2408, 2.2), which becomes the white of ordinary video."""
USUAL_PEAK = 1000.0
"""cd/m2 of the brightest white, where a file does not say."""
LUT_SIDE, LUT_SIDE_BACK = 33, 65
DEEP = "rgb48le"
"""FFmpeg's name of R'G'B' with 16 bits."""
NEARBY = 16
"""Pixels along a side of the squares that tell how bright a source is around a place."""
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


HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
HLG_GAMMA, HLG_PEAK = 1.2, 1000.0
"""Constants of ITU-R BT.2100, table 5, for a display of 1,000 cd/m2."""
BT2020_CHROMATICITIES = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290))
"""x and y of red, green, blue and white (CIE 1931)."""
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
"""Weights of red, green and blue in BT.2020."""


def hlg_to_light(signal: np.ndarray) -> np.ndarray:
    """cd/m2 of HLG signals (..., 3), 0 to 1, on a display of HLG_PEAK (ITU-R BT.2100, table 5)."""
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - HLG_C) / HLG_A) + HLG_B) / 12)
    luminance = scene @ LUMINANCE
    return HLG_PEAK * np.maximum(luminance, 1e-9)[..., None] ** (HLG_GAMMA - 1) * scene


def light_to_hlg(light: np.ndarray) -> np.ndarray:
    """The inverse of `hlg_to_light`."""
    share = np.maximum(light, 0) / HLG_PEAK
    luminance = np.maximum(share @ LUMINANCE, 1e-9)[..., None]
    scene = share * luminance ** (1 / HLG_GAMMA - 1)
    bright = HLG_A * np.log(np.maximum(12 * scene - HLG_B, 1e-9)) + HLG_C
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright).clip(0, 1)


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


def from_bt709(rgb: np.ndarray, transfer: int, peak: float) -> np.ndarray:
    """The inverse of `to_bt709`: R'G'B' of BT.709 (..., 3), 0 to 1, as R'G'B' of BT.2020 with PQ or HLG.

    `compressed` rises throughout, so that its inverse is read off it; white becomes `peak`.
    """
    linear = rgb**2.4 @ np.linalg.inv(BT2020_TO_BT709).T
    light = REFERENCE_WHITE * np.maximum(linear, 0)
    largest = light.max(axis=-1, keepdims=True)
    steps = pq_to_light(np.linspace(0, float(light_to_pq(np.array(peak))), 4096))
    expanded = np.interp(largest, compressed(steps, peak), steps)
    light = light * expanded / np.maximum(largest, 1e-6)
    return light_to_pq(light) if transfer == PQ else light_to_hlg(light)


@lru_cache(maxsize=4)
def cube(transfer: int, peak: float, *, back: bool = False) -> str:
    """`to_bt709`, or `from_bt709` to go back, as a table in the format of .cube files, red fastest."""
    side = LUT_SIDE_BACK if back else LUT_SIDE
    levels = np.linspace(0, 1, side)
    blue, green, red = np.meshgrid(levels, levels, levels, indexing="ij")
    colors = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    mapped = (from_bt709 if back else to_bt709)(colors, transfer, peak)
    return f"LUT_3D_SIZE {side}\n" + "%.5f %.5f %.5f\n" * len(mapped) % tuple(mapped.ravel())


def mastering_of(frame: VideoFrame) -> Mastering:
    """What the side data of a decoded frame say of the display that it was made on."""
    chromaticities = luminance = light_level = None
    side_data = side_data_of(frame)
    with contextlib.suppress(KeyError, struct.error, ZeroDivisionError):
        # AVMasteringDisplayMetadata: chromaticities, the least and the greatest luminance, as fractions; what is there.
        data = struct.unpack_from("20i2i", side_data[SideDataType.MASTERING_DISPLAY_METADATA])
        fractions = [over / under if under else 0.0 for over, under in zip(data[0:20:2], data[1:20:2], strict=True)]
        if data[20]:
            chromaticities = tuple((fractions[n], fractions[n + 1]) for n in range(0, 8, 2))
        if data[21]:
            luminance = fractions[9], fractions[8]
    with contextlib.suppress(KeyError, struct.error):
        most, mean = struct.unpack_from("2I", side_data[SideDataType.CONTENT_LIGHT_LEVEL])
        light_level = (most, mean) if most else None
    return Mastering(chromaticities, luminance, light_level)


def peak_of(mastering: Mastering) -> float:
    """cd/m2 of the brightest white that is expected."""
    greatest = mastering.luminance[0] if mastering.luminance else 0.0
    return greatest if greatest > REFERENCE_WHITE else USUAL_PEAK


class Table:
    """A .cube table that pictures are sent through, R'G'B' of 16 bits.

    Args:
        table: its text.
        pixel_format: FFmpeg's name of what comes out, `rgb24` or `rgb48le`.
    """

    def __init__(self, table: str, pixel_format: str) -> None:
        self._table, self._pixel_format = table, pixel_format
        self._graphs: dict[tuple[int, int], Graph] = {}

    def __call__(self, picture: VideoFrame) -> np.ndarray:
        """RGB (H, W, 3) uint8 or uint16 of a picture in rgb48le."""
        size = picture.width, picture.height
        graph = self._graphs.get(size) or self._graphs.setdefault(size, self._graph(*size))
        picture.pts = None
        graph.vpush(picture)
        return graph.vpull().to_ndarray()

    def _graph(self, width: int, height: int) -> Graph:
        graph = Graph()
        with tempfile.TemporaryDirectory(prefix="vidstyle-") as folder:
            # FFmpeg reads it when the graph is set up.
            table = Path(folder) / "table.cube"
            table.write_text(self._table)
            graph.link_nodes(
                graph.add_buffer(width=width, height=height, format=VideoFormat(DEEP), time_base=Fraction(1, 25)),
                graph.add("lut3d", file=str(table), interp="tetrahedral"),
                graph.add("format", self._pixel_format),
                graph.add("buffersink"),
            ).configure()
        return graph


def deep_picture(frame: VideoFrame, color: Color, width: int, height: int, reformatter: VideoReformatter) -> VideoFrame:
    """A decoded frame as R'G'B' of 16 bits, full range, scaled; see vidstyle.media.color.to_rgb."""
    describe_color(frame, color)
    return reformatter.reformat(
        frame,
        width=width,
        height=height,
        format=DEEP,
        dst_color_range=ColorRange.JPEG,
        interpolation=SCALING,
        threads=1,
    )


class ToneMapper:
    """Decoded frames of PQ or HLG as RGB of BT.709.

    Args:
        color: of the frames.
        peak: see `peak_of`.
    """

    def __init__(self, color: Color, peak: float) -> None:
        self._color = color
        self._reformatter = VideoReformatter()
        self._table = Table(cube(color.transfer, peak), "rgb24")

    def __call__(self, frame: VideoFrame, width: int, height: int) -> np.ndarray:
        """RGB (height, width, 3) uint8, full range."""
        return self._table(deep_picture(frame, self._color, width, height, self._reformatter))


class ToneExpander:
    """Paintings of tone-mapped pictures in the dynamic range of their sources.

    The tone map is turned round (`from_bt709`).  White paint would shine like a lamp then: above REFERENCE_WHITE no
    painting is brighter than the brightest that its source shows nearby.  What the tone map took away is given back to
    as much of the source as shows.

    Args:
        transfer, peak: see `from_bt709`.
        source_share: how much of the source shows, 0 to 1.
    """

    def __init__(self, transfer: int, peak: float, source_share: float) -> None:
        self._share = source_share
        self._down, self._up = Table(cube(transfer, peak), "rgb24"), Table(cube(transfer, peak, back=True), DEEP)
        self._white = 65535 * (0.75 if transfer == HLG else float(light_to_pq(np.array(REFERENCE_WHITE))))

    def __call__(self, painting: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """R'G'B' (H, W, 3) uint16 of PQ or HLG.

        Args:
            painting: R'G'B' of BT.709, (H, W, 3) uint8.
            signal: of the source, R'G'B' of PQ or HLG, (H, W, 3) uint16.
        """
        limit = self._limit(signal)
        expanded = self._expanded(painting, limit)
        if self._share:
            shown = self._down(VideoFrame.from_ndarray(signal, DEEP))
            expanded += self._share * (signal - self._expanded(shown, limit))
        return np.rint(expanded).clip(0, 65535).astype(np.uint16)

    def _expanded(self, rgb: np.ndarray, limit: np.ndarray) -> np.ndarray:
        expanded = self._up(VideoFrame.from_ndarray(rgb.astype(np.uint16) * 257, DEEP)).astype(np.float32)
        # Both curves are close to logarithms up here, where taking away the same from all three keeps the hue.
        expanded -= np.maximum(expanded.max(axis=2) - limit, 0)[..., None]
        return expanded

    def _limit(self, signal: np.ndarray) -> np.ndarray:
        """The greatest signal of a painting, (H, W) float32."""
        height, width = signal.shape[:2]
        largest = cv2.resize(
            signal.max(axis=2), (-(-width // NEARBY), -(-height // NEARBY)), interpolation=cv2.INTER_AREA
        )
        around = cv2.blur(cv2.dilate(largest, np.ones((3, 3), np.uint8)).astype(np.float32), (3, 3))
        limit = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.maximum(limit, np.float32(self._white))


def light_options(encoder: str, mastering: Mastering) -> dict[str, str]:
    """What an encoder is told to write down of the display and the light; empty for those that cannot."""
    said = []
    x265 = encoder == "libx265"
    if encoder not in {"libx265", "libsvtav1"}:
        return {}
    if mastering.luminance:
        # Encoders take both or nothing.
        points = dict(zip(("R", "G", "B", "WP"), mastering.chromaticities or BT2020_CHROMATICITIES, strict=True))
        # x265 counts chromaticities in 1/50,000 and cd/m2 in 1/10,000.
        places = {
            name: f"({round(50_000 * x)},{round(50_000 * y)})" if x265 else f"({x:.5f},{y:.5f})"
            for name, (x, y) in points.items()
        }
        most, least = mastering.luminance
        light = f"({round(10_000 * most)},{round(10_000 * least)})" if x265 else f"({most:.4f},{least:.4f})"
        display = "".join(f"{name}{places[name]}" for name in ("G", "B", "R", "WP")) + f"L{light}"
        said.append(f"{'master-display' if x265 else 'mastering-display'}={display}")
    if mastering.light_level:
        level = "{},{}".format(*mastering.light_level)
        said.append(f"{'max-cll' if x265 else 'content-light'}={level}")
    return {"x265-params" if x265 else "svtav1-params": ":".join(said)} if said else {}
