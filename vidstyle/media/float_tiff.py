"""TIFF with floating point, which Pillow does not read or cuts off: of scanners, renderers and microscopes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import TiffImagePlugin

from vidstyle.media.hdr import REFERENCE_WHITE, compressed

WIDTH, HEIGHT, ORIENTATION, SAMPLE_FORMAT = 256, 257, 274, 339
"""Tags of TIFF 6.0."""
FLOATING = 3
MAGIC = (b"II*\0", b"MM\0*")


def tags_of(path: Path) -> Any | None:
    """The tags of a TIFF whose numbers are floating point; None of everything else."""
    try:
        with path.open("rb") as file:
            header = file.read(8)
            if header[:4] not in MAGIC:
                return None
            tags = TiffImagePlugin.ImageFileDirectory_v2(header)
            file.seek(tags.next)
            tags.load(file)
            formats = tags.get(SAMPLE_FORMAT, ())
            floats = FLOATING in (formats if isinstance(formats, tuple) else (formats,))
            return tags if floats and WIDTH in tags and HEIGHT in tags else None
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, OverflowError):
        return None


def read_float_tiff(path: Path) -> np.ndarray:
    """RGB or RGBA (H, W, 3 or 4) uint8 of linear light, as it lies in the file.

    Raises:
        ValueError: for what is damaged, or in a form that nothing here reads.
    """
    light = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if light is None or light.ndim not in (2, 3):
        raise ValueError("floating point in a form that is not known")
    if light.ndim == 2:
        light = np.dstack([light] * 3)
    return developed(cv2.cvtColor(light, cv2.COLOR_BGRA2RGBA if light.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def developed(light: np.ndarray) -> np.ndarray:
    """Linear light (H, W, 3 or 4), 1 is white, as sRGB (IEC 61966-2-1) with 8 bits.

    What is brighter than white is compressed as high dynamic range is, so that nothing of it is lost.
    """
    rgb = np.nan_to_num(light[..., :3].astype(np.float32), nan=0, posinf=0, neginf=0).clip(0)
    if (greatest := float(rgb.max(initial=0))) > 1:
        largest = rgb.max(axis=-1, keepdims=True)
        squeezed = compressed(REFERENCE_WHITE * largest, REFERENCE_WHITE * greatest) / REFERENCE_WHITE
        rgb = rgb * (squeezed / np.maximum(largest, 1e-6)).astype(np.float32)
    curved = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    levels = np.rint(255 * curved.clip(0, 1)).astype(np.uint8)
    if light.shape[2] == 3:
        return levels
    return np.dstack([levels, np.rint(255 * light[..., 3].clip(0, 1)).astype(np.uint8)])
