"""A style that is compiled anew paints the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_files import psnr

from vidstyle.engines import openvino as engine

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not engine.is_usable(), reason="OpenVINO is not here")]

PAINT = """
import sys
from fractions import Fraction
from pathlib import Path
import cv2
import numpy as np
from vidstyle.engines.openvino import OpenVinoEngine
from vidstyle.media.frame import Frame
from vidstyle.styles import load_style

precision, streams, out = sys.argv[1:]
coarse = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)
pixels = cv2.resize(coarse, (160, 96), interpolation=cv2.INTER_CUBIC)
engine = OpenVinoEngine(load_style("starry_night").network, precision=precision, low_latency=streams == "one")
engine.submit(Frame(pixels, 0, Fraction(1, 25)))
np.save(out, engine.result().pixels)
"""


def painted(folder: Path, precision: str, streams: str, number: int) -> np.ndarray:
    """By a process of its own that finds nothing compiled."""
    out = folder / f"{precision}-{streams}-{number}.npy"
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / f"cache-{precision}-{streams}-{number}")}
    subprocess.run([sys.executable, "-c", PAINT, precision, streams, str(out)], check=True, env=environment)
    pixels: np.ndarray = np.load(out)
    return pixels


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_two_fresh_compilations_paint_the_same_bytes_and_more_streams_nearly_the_same(
    precision: str, tmp_path: Path
) -> None:
    first = painted(tmp_path, precision, "many", 1)
    assert np.array_equal(painted(tmp_path, precision, "many", 2), first)
    assert psnr(painted(tmp_path, precision, "one", 1), first) > 50
