"""A style as one ONNX file: RGB (1, H, W, 3) uint8 in and out, of any size from 16 pixels a side on (Johnson's: 41)."""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidstyle import __version__
from vidstyle.errors import InputError, VidstyleError, parameter, reason
from vidstyle.export.graph import Graph, import_onnx
from vidstyle.export.networks import INPUT, OUTPUT, add_network
from vidstyle.output_files import check_output, written_beside
from vidstyle.restyle_options import Options
from vidstyle.shipped import PHOTOS
from vidstyle.stream.lifting import STROKE_ROWS
from vidstyle.style_files import Style

SUFFIX = ".onnx"
PRECISIONS = ("fp32", "fp16", "int8")
CALIBRATION_ROWS = 180
"""Of the photographs by which the range of integers is found."""
KEPT_EXACT = 1
"""Convolutions at either end that stay as they are in integers: bytes go in and come out there."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file.
        bytes: its size.
        precision: one of PRECISIONS.
    """

    path: Path
    bytes: int
    precision: str


def check_export(out: Path, precision: str, *, overwrite: bool) -> None:
    """Raises InputError for what cannot be written, before anything heavy is loaded."""
    if out.suffix.lower() != SUFFIX:
        raise InputError(
            f"{out}: an ONNX file ends in {SUFFIX}; a page for browsers is made with {parameter('to', 'web')}"
        )
    if precision not in PRECISIONS:
        raise InputError(f"{parameter('precision', precision)}: unknown; use {', '.join(PRECISIONS)}")
    check_output(out, overwrite=overwrite)


def export_onnx(
    style: Style, out: Path, *, precision: str = "fp32", stroke_size: float = 1.0, overwrite: bool = False
) -> Exported:
    """Write a style as an ONNX file.

    Args:
        style: a loaded style.
        out: the file to make.
        precision: in which it computes: `fp32`, `fp16` (half the size, for GPUs), or `int8` (for processors).
        stroke_size: noted for whoever chooses the size at which to paint: the shorter side is best 360 / stroke_size.
        overwrite: replace `out` if it exists.

    Raises:
        InputError: for what cannot be written, and a network that cannot be exported.
        VidstyleError: if the packages for it are missing.
    """
    check_export(out, precision, overwrite=overwrite)
    Options(stroke_size=stroke_size)  # refuses what no strokes can be
    data = onnx_bytes(style, precision=precision, stroke_size=stroke_size)
    with written_beside(out, overwrite=overwrite) as partial:
        partial.write_bytes(data)
    return Exported(out, len(data), precision)


def onnx_bytes(style: Style, *, precision: str = "fp32", stroke_size: float = 1.0) -> bytes:
    """The contents of such a file; see export_onnx."""
    onnx = import_onnx()
    graph = Graph(np.float16 if precision == "fp16" else np.float32)
    add_network(graph, style.network, style.card.name)
    model = graph.model(INPUT, OUTPUT, _metadata(style, precision, stroke_size))
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return _in_integers(data) if precision == "int8" else data


def _metadata(style: Style, precision: str, stroke_size: float) -> dict[str, str]:
    card = style.card
    known = {
        "name": card.name,
        "title": card.title,
        "artist": card.artist,
        "year": card.year,
        "licence": card.licence,
        "recipe": card.recipe,
        "network": card.network,
        "arguments": json.dumps(card.arguments, sort_keys=True),
        "precision": precision,
        "stroke_size": f"{stroke_size:g}",
        # At which strokes have that size.
        "rows": str(round(STROKE_ROWS / stroke_size)),
        "vidstyle": __version__,
    }
    return {name: value for name, value in known.items() if value}


def _in_integers(data: bytes) -> bytes:
    """The same model with its convolutions in 8-bit integers, whose ranges photographs show."""
    import tempfile

    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise VidstyleError(f"onnxruntime is not here ({reason(error)}); pip install 'vidstyle[export]'") from error
    onnx = import_onnx()
    names = [node.name for node in onnx.load_from_string(data).graph.node if node.op_type == "Conv"]
    # The first one takes luma; those of the grid come last.
    inner = [name for name in names if name not in (names[0], *names[-3:])][KEPT_EXACT:-KEPT_EXACT]
    with tempfile.TemporaryDirectory(prefix="vidstyle-export-") as folder:
        source, made = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(data)
        with _without_advice():
            quantization.quantize_static(
                str(source),
                str(made),
                _Photographs(),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_quantize=inner,
                calibrate_method=quantization.CalibrationMethod.MinMax,
            )
        return made.read_bytes()


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """ONNX Runtime logs what might be done to a network beforehand, which has been done, or does nothing for it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Photographs:
    """What ranges are found by; see onnxruntime.quantization.CalibrationDataReader."""

    def __init__(self) -> None:
        from vidstyle.media.suffixes import pictures_in

        self._paths = iter(pictures_in(PHOTOS))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture, None after the last."""
        import cv2

        from vidstyle.media.images import read_picture

        path = next(self._paths, None)
        if path is None:
            return None
        pixels = read_picture(path).pixels
        height, width = pixels.shape[:2]
        scale = CALIBRATION_ROWS / min(height, width)
        small = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        return {INPUT: np.asarray(small)[None]}
