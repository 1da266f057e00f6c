"""The examples in docs/export.md, run as they are."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_files import colorful_picture, psnr
from PIL import Image
from test_export_onnx import by_torch, made
from web_runtime import find_package

from vidstyle.export.onnx_file import export_onnx

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
DOCS = Path(__file__).parents[1] / "docs" / "export.md"
NODE = shutil.which("node")


def example(begins: str) -> str:
    """The block of code that begins so."""
    blocks = re.findall(r"(?:^(?:    .*)?\n)+", DOCS.read_text(), re.MULTILINE)
    (found,) = (block for block in blocks if block.strip().startswith(begins))
    return "\n".join(line.removeprefix("    ") for line in found.splitlines())


@pytest.fixture
def here(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A style, a photograph as PNG and PPM, and how it is painted."""
    style = made("realtime", channels=8, blocks=1)
    export_onnx(style, tmp_path / "style.onnx")
    pixels = colorful_picture(0, 97, 65)
    for suffix in (".png", ".ppm"):
        Image.fromarray(pixels).save(tmp_path / f"photo{suffix}")
    return tmp_path, by_torch(style, pixels)


def test_the_python_example_paints(here: tuple[Path, np.ndarray]) -> None:
    folder, expected = here
    code = example("import numpy")
    assert len(code.strip().splitlines()) <= 10
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    assert psnr(np.asarray(Image.open(folder / "painted.png")), expected) > 45


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.skipif(find_package() is None, reason="onnxruntime-web is not installed (npm install)")
def test_the_javascript_example_paints(here: tuple[Path, np.ndarray]) -> None:
    folder, expected = here
    package = find_package()
    assert NODE is not None
    assert package is not None
    (folder / "node_modules").symlink_to(package.parent)
    (folder / "paint.mjs").write_text(example("import { readFileSync"))
    subprocess.run([NODE, "paint.mjs"], cwd=folder, check=True, timeout=60)
    assert psnr(np.asarray(Image.open(folder / "painted.ppm")), expected) > 45
