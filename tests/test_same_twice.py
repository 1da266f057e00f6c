"""A style that is compiled anew paints the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_files import psnr

from vidstyle.engines import openvino as engine

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not engine.is_usable(), reason="OpenVINO is not here")]

PAINT = """
import os
import sys
import cv2
import numpy as np
from vidstyle.engines import paint_one
from vidstyle.engines.openvino import OpenVinoEngine
from vidstyle.styles import load_style

folder, *variants = sys.argv[1:]
coarse = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)
pixels = cv2.resize(coarse, (160, 96), interpolation=cv2.INTER_CUBIC)
for variant in variants:
    # None finds what another one has compiled.
    os.environ["XDG_CACHE_HOME"] = f"{folder}/{variant}"
    precision, streams = variant.split("-")
    network = load_style("starry_night").network
    engine = OpenVinoEngine(network, precision=precision, low_latency=streams == "one")
    np.save(f"{folder}/{variant}.npy", paint_one(engine, pixels))
"""


def painted(folder: Path, *variants: str) -> dict[str, np.ndarray]:
    """By a process of its own that finds nothing compiled; variants are `PRECISION-STREAMS`."""
    folder.mkdir()
    command = [sys.executable, "-c", PAINT, str(folder), *variants]
    subprocess.run(command, check=True)
    return {variant: np.load(folder / f"{variant}.npy") for variant in variants}


def test_two_fresh_compilations_paint_the_same_bytes_and_more_streams_nearly_the_same(tmp_path: Path) -> None:
    first = painted(tmp_path / "first", "f32-many", "int8-many", "f32-one", "int8-one")
    second = painted(tmp_path / "second", "f32-many", "int8-many")
    for precision in ("f32", "int8"):
        assert np.array_equal(second[f"{precision}-many"], first[f"{precision}-many"])
        assert psnr(first[f"{precision}-one"], first[f"{precision}-many"]) > 50
