"""Paints single pictures for the page: thumbnails, previews, and what a style in the making can do by now."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from vidstyle.engines import never
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

KEPT_PAINTERS, KEPT_FINE_PAINTERS = 4, 2
PREVIEW_SIDE = 960
"""Pixels; the longer side of a preview."""
SAMPLE_SIDE = 480
"""Pixels; the longer side of a thumbnail."""
JPEG_QUALITY = 88


class Previews:
    """Paints single pictures.  Any thread may ask for one.

    One painting that takes no steps is under way at a time, and beside it one that does: those take seconds.

    Args:
        device: as in vidstyle.demo.DemoSettings.
    """

    def __init__(self, device: str) -> None:
        self._quick, self._fine = _Painters(device, KEPT_PAINTERS), _Painters(device, KEPT_FINE_PAINTERS)

    def paint(
        self,
        style: Path,
        pixels: np.ndarray,
        look: Look | None = None,
        painted_as: tuple[int, int] | None = None,
        steps: int | None = 0,
        hurried: Callable[[], bool] = never,
        *,
        seldom: bool = False,
    ) -> np.ndarray:
        """RGB (H, W, 3) uint8 as the style of a file paints it, by itself.

        Args:
            style: the file.
            pixels: RGB (H, W, 3) uint8.
            look: how much of the painting to show.
            painted_as: width and height at which it is painted; as its strokes need it if None.
            steps: by which it is brought nearer to the style's picture; if None, those that are usual, unless the
                painting is too large for them.
            hurried: says, in any thread, that whatever has been reached is enough.
            seldom: see vidstyle.steps.steps_to_take.

        Raises:
            InputError: for a file that is no style, and for steps that cannot be taken.
        """
        size = painted_as or painted_size(picture_size(pixels))
        with (self._quick if steps == 0 else self._fine).lent(style, steps, seldom, hurried) as painter:
            return painted_alone(painter, pixels, size, look)

    def close(self) -> None:
        """Let go of all painters."""
        self._quick.close()
        self._fine.close()


class _Painters:
    """Painters of the styles that were used last.  One is lent at a time, and none is closed while it is.

    Args:
        device: as in vidstyle.demo.DemoSettings.
        most: that are kept.
    """

    def __init__(self, device: str, most: int) -> None:
        self._device, self._most = device, most
        self._painters: OrderedDict[tuple[Path, int | None, bool], PaintingQueue] = OrderedDict()
        self._lock = threading.Lock()
        self._hurried: Callable[[], bool] = never

    @contextmanager
    def lent(
        self, style: Path, steps: int | None, seldom: bool, hurried: Callable[[], bool]
    ) -> "Iterator[PaintingQueue]":
        """The painter of a style, once nobody else has one.  Raises InputError for a file that is no style."""
        with self._lock:
            self._hurried = hurried
            yield self._painter(style, steps, seldom)

    def _painter(self, style: Path, steps: int | None, seldom: bool) -> "PaintingQueue":
        key = style, steps, seldom
        if key not in self._painters:
            # OpenVINO would compile a network for each size of picture.
            engine = "auto" if self._device.startswith("cuda") else "torch"
            options = Options(device=self._device, engine=engine, optimise=steps)
            self._painters[key] = open_painter(
                load_style(style), options, low_latency=True, seldom=seldom, hurried=lambda: self._hurried()
            )
            while len(self._painters) > self._most:
                self._painters.popitem(last=False)[1].close()
        self._painters.move_to_end(key)
        return self._painters[key]

    def close(self) -> None:
        """Let go of all of them."""
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
