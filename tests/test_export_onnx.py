"""Styles as ONNX files: what others run is what we paint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Result
from media_files import colorful_picture, psnr

from vidstyle.engines.frame_function import frame_function
from vidstyle.export.onnx_file import export_onnx
from vidstyle.nets import build_network
from vidstyle.style_files import Style, StyleCard

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

SIZES = [(64, 48), (33, 17), (16, 16), (101, 75), (160, 90)]
"""Width and height, odd ones among them."""


def made(network: str, **arguments: Any) -> Style:
    """A style with random weights that changes everything."""
    torch.manual_seed(3)
    net = build_network(network, arguments)
    for name, tensor in net.named_parameters():
        if "conv2" in name or "up.0" in name:
            torch.nn.init.normal_(tensor, std=0.05)
    net.eval().requires_grad_(False)
    card = StyleCard("noise", Path("noise.safetensors"), network, arguments, "Noise", "Nobody", "2001", "CC0")
    return Style(card, net)


def picture(width: int, height: int) -> np.ndarray:
    """Something with edges in it."""
    pixels = colorful_picture(0, width, height)
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (250, 30, 60)
    return pixels


def by_torch(style: Style, pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return frame_function(style.network, torch.float32)(torch.from_numpy(pixels)).numpy()


def by_onnx(path: Path, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"rgb": pixels[None]})[0][0])


REALTIME = ("realtime", {"channels": 16, "blocks": 2})
FORM = ("form", {"channels": 16, "blocks": 1, "widths": [8, 12], "depths": [1, 1]})
REPLICATED = ("form", {**FORM[1], "padding_mode": "replicate"})

STROKES = ("realtime", {**REALTIME[1], "strokes": {"strength": 0.6, "width": 1.2, "clear": 0.01}})
SEEING = ("realtime", {**STROKES[1], "orthochromatic": 0.4})


@pytest.mark.parametrize(
    ("network", "arguments"),
    [REALTIME, FORM, REPLICATED, STROKES, SEEING, ("johnson", {})],
    ids=["realtime", "form", "replicated", "strokes", "orthochromatic", "johnson"],
)
def test_a_file_paints_what_torch_paints_at_every_size(network: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    style = made(network, **arguments)
    done = export_onnx(style, tmp_path / "a.onnx")
    assert done.bytes == (tmp_path / "a.onnx").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]
    onnx.checker.check_model(str(tmp_path / "a.onnx"), full_check=True)
    sizes = SIZES if network != "johnson" else [(128, 96), (131, 97)]
    for width, height in sizes:
        pixels = picture(width, height)
        painted = by_onnx(tmp_path / "a.onnx", pixels)
        assert painted.shape == pixels.shape
        assert painted.dtype == np.uint8
        assert psnr(painted, by_torch(style, pixels)) > 45
        assert psnr(painted, pixels) < 25


def test_a_picture_wider_than_the_canvas_is_painted_on_it_all_the_same(tmp_path: Path) -> None:
    style = made("realtime", channels=8, blocks=0)
    export_onnx(style, tmp_path / "a.onnx")
    pixels = picture(2200, 16)
    assert psnr(by_onnx(tmp_path / "a.onnx", pixels), by_torch(style, pixels)) > 45


def test_half_precision_and_integers_come_near(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    style = made(*REALTIME[:1], **REALTIME[1])
    pixels = picture(160, 90)
    expected = by_torch(style, pixels)
    sizes = {}
    for precision, least in (("fp32", 45), ("fp16", 40), ("int8", 28)):
        path = tmp_path / f"{precision}.onnx"
        sizes[precision] = export_onnx(style, path, precision=precision).bytes
        assert psnr(by_onnx(path, pixels), expected) > least
    kinds = {node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    assert "QuantizeLinear" in kinds
    assert sizes["fp16"] < sizes["fp32"]
    assert caplog.messages == []


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    export_onnx(made("realtime", channels=8, blocks=0), tmp_path / "a.onnx", stroke_size=2)
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    assert (said["name"], said["title"], said["artist"], said["licence"]) == ("noise", "Noise", "Nobody", "CC0")
    assert (said["stroke_size"], said["rows"], said["precision"]) == ("2", "180", "fp32")
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("rgb", "tensor(uint8)", [1, "height", "width", 3])
    assert (given.name, given.type, given.shape) == ("painted", "tensor(uint8)", [1, "height", "width", 3])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["starry_night", "starry_night_light", "johnson_starry_night"])
def test_styles_that_ship_are_exported_by_the_command(
    run_cli: Callable[..., Result], tmp_path: Path, name: str
) -> None:
    from vidstyle.styles import load_style

    out = tmp_path / "a.onnx"
    assert run_cli("export", name, out).code == 0
    for width, height in ((128, 96), (175, 131)):
        pixels = picture(width, height)
        assert psnr(by_onnx(out, pixels), by_torch(load_style(name), pixels)) > 45


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["starry_night", "{}/a.txt"], "ends in .onnx"),
        (["starry_night", "{}/a.onnx", "--precision", "int4"], "'int4' is not one of 'fp32', 'fp16', 'int8'"),
        (["starry_night", "{}/no/a.onnx"], "does not exist"),
        (["no_such_style", "{}/a.onnx"], "no such style"),
        (["starry_night", "great_wave", "{}/a.onnx"], "one style"),
        (["starry_night"], "is missing"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    refused: Callable[..., str], tmp_path: Path, arguments: list[str], says: str
) -> None:
    assert says in refused("export", *(argument.replace("{}", str(tmp_path)) for argument in arguments))
