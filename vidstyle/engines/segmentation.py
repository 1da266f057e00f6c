"""Masks by any network that tells people from what is behind them: ONNX, TFLite, or whatever else OpenVINO reads."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidstyle.engines.openvino import import_openvino
from vidstyle.errors import InputError, parameter, reason
from vidstyle.processor import usable_cores

USUAL_SIDE = 256
"""Pixels of the picture that a network is given which takes any size."""
RGB = 3
LEAST_PLACES = 4
"""Rows and columns of a mask at the least."""
OUTSIDE = 0.01
"""By which values may leave 0 to 1 and are probabilities all the same."""
TRANSPOSED = "Convolution2DTransposeBias"
"""An operation of MediaPipe's own, in its TFLite networks for people, which OpenVINO does not know."""


class MaskNetwork:
    """Where in a picture somebody is.

    The input is the one of four dimensions of which one is 3; the output is the largest one that has rows and columns.
    What has one channel is the mask, by itself or as its logit; of two and more the first one is the background.
    A network is given RGB: bytes if it takes bytes, otherwise 0 to 1.

    Args:
        path: the network.

    Attributes:
        size: (width, height) of the pictures that it looks at.

    Raises:
        InputError: for what cannot be read, and for a network that makes no masks of pictures.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"{parameter('mask_model', path)}: no such file")
        openvino = import_openvino()
        core = openvino.Core()
        _teach(core)
        try:
            model = core.read_model(str(path))
        except Exception as error:  # each of its readers has errors of its own
            said = reason(error)[:200]
            raise InputError(f"{parameter('mask_model', path)}: OpenVINO cannot read it ({said})") from error
        if len(model.inputs) != 1:
            raise InputError(
                f"{parameter('mask_model', path)}: has {len(model.inputs)} inputs; takes a network of one picture"
            )
        self._last, shape = _input_shape(path, [_length(side) for side in model.inputs[0].partial_shape])
        self.size = (shape[2], shape[1]) if self._last else (shape[3], shape[2])
        self._bytes = model.inputs[0].element_type.get_type_name() == "u8"
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": usable_cores(spare=True)}
        try:
            model.reshape(shape)
            self._compiled = core.compile_model(model, "CPU", settings)
            outputs = [np.asarray(value).shape for value in self._run(np.zeros((*self.size[::-1], RGB), np.uint8))]
        except Exception as error:
            raise InputError(f"{parameter('mask_model', path)}: cannot run ({reason(error)[:200]})") from error
        self._output = _largest(path, outputs)
        self._logits = False

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """How sure somebody is at each place, (h, w) float32 of 0 to 1, of RGB (H, W, 3) uint8."""
        value = np.asarray(self._run(cv2.resize(rgb, self.size, interpolation=cv2.INTER_AREA))[self._output])
        scores = _channels_first(value)
        if not np.issubdtype(scores.dtype, np.floating):
            # Numbers of classes, of which 0 is the background.
            return (scores[0] != 0).astype(np.float32)
        scores = scores.astype(np.float32)
        # Once logits, always logits: a frame in which all of them are small is no exception.
        self._logits |= bool(scores.min() < -OUTSIDE or scores.max() > 1 + OUTSIDE)
        if len(scores) == 1:
            return 1 / (1 + np.exp(-scores[0])) if self._logits else scores[0]
        if self._logits:
            scores = np.exp(scores - scores.max(0))
            scores /= scores.sum(0)
        return np.asarray(1 - scores[0], np.float32)

    def _run(self, rgb: np.ndarray) -> list[Any]:
        values = rgb if self._bytes else rgb.astype(np.float32) / 255
        return list(self._compiled([(values if self._last else values.transpose(2, 0, 1))[None]]).values())


def _teach(core: Any) -> None:
    """Let OpenVINO read TRANSPOSED: a transposed convolution with a bias.

    Readers are not told its stride.  It is taken to be the size of its kernel, as it is in those networks, where one
    place becomes as many as the kernel has and none overlap.
    """
    from openvino import opset8 as ops
    from openvino.frontend import ConversionExtension

    def converted(node: Any) -> list[Any]:
        pixels, weights, bias = (node.get_input(number) for number in range(3))
        stride = [side.get_length() for side in weights.get_partial_shape()][1:3]
        # (N, h, w, I) and weights (O, kh, kw, I).
        channels_first = ops.transpose(pixels, [0, 3, 1, 2])
        grown = ops.convolution_backprop_data(channels_first, ops.transpose(weights, [3, 0, 1, 2]), stride)
        return [ops.add(ops.transpose(grown, [0, 2, 3, 1]), bias).output(0)]

    core.add_extension(ConversionExtension(TRANSPOSED, converted))


def _length(side: Any) -> int | None:
    return side.get_length() if side.is_static else None


def _input_shape(path: Path, sides: list[int | None]) -> tuple[bool, list[int]]:
    """Whether channels come last, and the shape of the input; where it is open, the usual one."""
    if len(sides) == 4 and RGB in (sides[1], sides[3]):
        last = sides[1] != RGB
        usual = [1, USUAL_SIDE, USUAL_SIDE, RGB] if last else [1, RGB, USUAL_SIDE, USUAL_SIDE]
        shape = [side or other for side, other in zip(sides, usual, strict=True)]
        if shape[0] == 1:
            return last, shape
    shown = "x".join(str(side or "?") for side in sides)
    raise InputError(
        f"{parameter('mask_model', path)}: takes {shown}; a network of one picture takes 1x3xHxW or 1xHxWx3"
    )


def _largest(path: Path, shapes: list[tuple[int, ...]]) -> int:
    """The number of the output with most places."""
    areas = [_places(shape) for shape in shapes]
    best = int(np.argmax(areas))
    if not areas[best]:
        shown = ", ".join("x".join(map(str, shape)) for shape in shapes)
        raise InputError(f"{parameter('mask_model', path)}: gives {shown}, which is no mask")
    return best


def _places(shape: tuple[int, ...]) -> int:
    """Rows times columns of an output; 0 of one that has none."""
    if not 2 <= len(shape) <= 4:
        return 0
    rows, columns = _channels_first(np.empty(shape, bool)).shape[1:]
    return rows * columns if min(rows, columns) >= LEAST_PLACES else 0


def _channels_first(value: np.ndarray) -> np.ndarray:
    """(C, h, w) of (h, w), (C, h, w), (1, h, w), (1, C, h, w) or (1, h, w, C)."""
    while value.ndim > 2 and value.shape[0] == 1:
        value = value[0]
    if value.ndim == 2:
        return value[None]
    return value.transpose(2, 0, 1) if value.shape[2] < value.shape[0] else value
