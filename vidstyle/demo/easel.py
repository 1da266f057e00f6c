"""Paints single pictures for the page: thumbnails, previews, and what a style in the making can do by now."""

import threading
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vidstyle.live_brush import composed, scaled
from vidstyle.live_state import LiveState
from vidstyle.restyling import Painter

KEPT_PAINTERS = 4
PREVIEW_SIDE = 960
"""Pixels; the longer side of a preview."""
JPEG_QUALITY = 88


class Easel:
    """Painters of the styles that were used last.  Any thread may paint; one does at a time.

    Args:
        device: as in vidstyle.demo.DemoSettings.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._painters: OrderedDict[Path, Painter] = OrderedDict()
        self._lock = threading.Lock()

    def paint(self, style: Path, pixels: np.ndarray, strength: float = 1.0, keep_colors: bool = False) -> np.ndarray:
        """RGB (H, W, 3) uint8 as the style of a file paints it.

        Raises:
            InputError: for a file that is no style.
        """
        with self._lock:
            if style not in self._painters:
                self._painters[style] = Painter(style, device=self._device, steady=False, sizes_vary=True)
                while len(self._painters) > KEPT_PAINTERS:
                    self._painters.popitem(last=False)[1].close()
            self._painters.move_to_end(style)
            painter = self._painters[style]
            painter.reset()
            painted = painter(pixels)
        return composed(pixels, painted, LiveState((), "", strength=strength, keep_colors=keep_colors))

    def close(self) -> None:
        """Let go of all painters."""
        with self._lock:
            while self._painters:
                self._painters.popitem()[1].close()


def shrunk(pixels: np.ndarray, side: int = PREVIEW_SIDE) -> np.ndarray:
    """RGB (H, W, 3) uint8 whose longer side is `side` pixels at most."""
    height, width = pixels.shape[:2]
    factor = min(1.0, side / max(width, height))
    return np.ascontiguousarray(scaled(pixels, (max(16, round(width * factor)), max(16, round(height * factor)))))


def as_jpeg(pixels: np.ndarray) -> bytes:
    """RGB (H, W, 3) uint8 as a JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return data.tobytes()


def sample_picture() -> np.ndarray:
    """What thumbnails show: a frame of the sample clip, RGB (H, W, 3) uint8."""
    with Image.open(Path(__file__).parent / "page" / "harbour.jpg") as image:
        return np.asarray(image.convert("RGB"))
