"""Paints single pictures for the page: thumbnails, previews, and what a style in the making can do by now."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from vidstyle.media.frame import SMALLEST_SIDE
from vidstyle.restyle_options import Options
from vidstyle.stream.composing import Look
from vidstyle.stream.lifting import painted_size
from vidstyle.stream.planes import picture_size, resized
from vidstyle.stream.single_frames import painted_alone
from vidstyle.styles import load_style
from vidstyle.video_runs import open_painter

if TYPE_CHECKING:
    from vidstyle.engines.painting_queue import PaintingQueue

KEPT_PAINTERS = 4
PREVIEW_SIDE = 960
"""Pixels; the longer side of a preview."""
SAMPLE_SIDE = 480
"""Pixels; the longer side of a thumbnail."""
JPEG_QUALITY = 88


class Previews:
    """Painters of the styles that were used last.  Any thread may paint; one does at a time.

    Args:
        device: as in vidstyle.demo.DemoSettings.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._painters: OrderedDict[tuple[Path, int], PaintingQueue] = OrderedDict()
        self._lock = threading.Lock()

    def paint(
        self,
        style: Path,
        pixels: np.ndarray,
        look: Look | None = None,
        painted_as: tuple[int, int] | None = None,
        steps: int = 0,
    ) -> np.ndarray:
        """RGB (H, W, 3) uint8 as the style of a file paints it, by itself.

        Args:
            style: the file.
            pixels: RGB (H, W, 3) uint8.
            look: how much of the painting to show.
            painted_as: width and height at which it is painted; as its strokes need it if None.
            steps: by which it is brought nearer to the style's picture.

        Raises:
            InputError: for a file that is no style, and for steps that cannot be taken.
        """
        size = painted_as or painted_size(picture_size(pixels))
        with self._lock:
            return painted_alone(self._painter(style, steps), pixels, size, look)

    def _painter(self, style: Path, steps: int) -> "PaintingQueue":
        key = style, steps
        if key not in self._painters:
            # OpenVINO would compile a network for each size of picture.
            engine = "auto" if self._device.startswith("cuda") else "torch"
            options = Options(device=self._device, engine=engine, optimise=steps)
            self._painters[key] = open_painter(load_style(style), options, low_latency=True)
            while len(self._painters) > KEPT_PAINTERS:
                self._painters.popitem(last=False)[1].close()
        self._painters.move_to_end(key)
        return self._painters[key]

    def close(self) -> None:
        """Let go of all painters."""
        with self._lock:
            while self._painters:
                self._painters.popitem()[1].close()


def shrunk(pixels: np.ndarray, side: int = PREVIEW_SIDE) -> np.ndarray:
    """RGB (H, W, 3) uint8 whose longer side is `side` pixels at most."""
    return np.ascontiguousarray(resized(pixels, within(picture_size(pixels), side)))


def within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height of the same shape, the longer one `side` pixels at most."""
    factor = min(1.0, side / max(size))
    return max(SMALLEST_SIDE, round(size[0] * factor)), max(SMALLEST_SIDE, round(size[1] * factor))


def as_jpeg(pixels: np.ndarray) -> bytes:
    """RGB (H, W, 3) uint8, or planes of 4:2:0 in BT.601, as a JPEG file."""
    conversion = cv2.COLOR_YUV2BGR_I420 if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, conversion), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return data.tobytes()


def sample_picture(*, large: bool = False) -> np.ndarray:
    """What thumbnails show: the harbour of the sample clip, RGB (H, W, 3) uint8.

    large: as wide as a stage is on a desktop.
    """
    with Image.open(Path(__file__).parent / "page" / "harbour.jpg") as image:
        pixels = np.asarray(image.convert("RGB"))
    return pixels if large else shrunk(pixels, SAMPLE_SIDE)
