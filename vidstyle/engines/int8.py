"""Eight bits for the convolutions of the real-time network, where a processor has no faster bfloat16.

Integers of eight bits go through a processor's vector units two to four times as fast as floats.  Activations get
256 levels between the bounds that they keep to on a few photographs, the filters 255 levels around zero for each
output channel (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 3.1.2).
The first convolution sees the picture itself, whose darkest tones are too fine for that, and stays as it is.  Strokes
are drawn out of noise with integers as well.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vidstyle.engines.frame_function import CellFunction
from vidstyle.media.images import read_image
from vidstyle.shipped import PHOTOS

LEVELS, FILTER_LEVELS = 256, 255
SHRINKS = tuple(0.1 * n for n in range(2, 11))
"""Shares of the whole range that bounds are tried at: the few values beyond would make all others coarser."""
DARK = 0.1
"""Photographs are seen as dark as this, too: the network gets used to the dark, and noise then grows."""
EVERY = 5
"""Of so many activations one is looked at."""
NOISE = -4.0, 4.0 - 8 / LEVELS
"""Bounds of noise that strokes are drawn out of: its variance is about 1, and zero is a level."""
LEAST_LINES = 5
"""Side of filters that draw it out, at the least; shorter ones cost little."""
SIZE = (256, 144)
"""Width and height of the photographs that bounds are measured on: nothing in the network depends on the size."""

Bounds = dict[str, tuple[float, float]]
"""By the name of a convolution, the least and the greatest of what goes into it."""


@torch.inference_mode()
def measure_bounds(paint: nn.Module) -> Bounds:
    """What goes into the convolutions behind the first one, while photographs are painted that come with the program.

    paint: on the CPU; only a CellFunction has convolutions that are meant.
    """
    found: dict[str, list[Tensor]] = {}
    hooks = []
    for name, module in paint.named_modules():
        inner = ".blocks." in name or ".form." in name or name == "network.tail"
        if isinstance(module, nn.Conv2d) and inner:
            entered = found.setdefault(name, [])
            hooks.append(module.register_forward_pre_hook(lambda _, x, to=entered: to.append(x[0].flatten()[::EVERY])))
    try:
        for pixels in _photographs(planes=isinstance(paint, CellFunction) and paint.planes):
            paint(torch.from_numpy(pixels))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: _bounds(torch.cat(values).float()) for name, values in found.items()}


def quantise(graph: Any, bounds: Bounds) -> int:
    """Round what goes into the convolutions of an OpenVINO model, which computes with integers from then on.

    Returns how many were found; the model is changed.
    """
    from openvino import opset8 as ops

    wanted = {f"__module.{name}/aten::_convolution/Convolution": pair for name, pair in bounds.items()}
    found = 0
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Convolution":
            continue
        source = node.input_value(1).get_node()
        filters = (source if source.get_type_name() == "Constant" else source.input_value(0).get_node()).data
        name = node.get_friendly_name()
        draws = ".strokes/" in name and filters.shape[-1] >= LEAST_LINES
        if name not in wanted and not draws:
            continue
        found += 1
        low, high = (np.float32(x) for x in wanted.get(name, NOISE))
        # Before borders are repeated, there is less to move; and the layer before can round what it gives.
        before = node.input_value(0).get_node()
        entered = before.input(0) if before.get_type_name() == "Pad" else node.input(0)
        rounded = ops.fake_quantize(entered.get_source_output(), low, high, low, high, LEVELS)
        largest = np.abs(filters).max((1, 2, 3), keepdims=True).astype(np.float32)
        coarse = ops.fake_quantize(filters.astype(np.float32), -largest, largest, -largest, largest, FILTER_LEVELS)
        entered.replace_source_output(rounded.output(0))
        node.input(1).replace_source_output(coarse.output(0))
    graph.validate_nodes_and_infer_types()
    return found


def _bounds(values: Tensor) -> tuple[float, float]:
    """Bounds with which rounding `values` costs least, in squares; zero, of which there is most, is a level."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1e-3)
    costs = {}
    for shrink in SHRINKS:
        step = shrink * (high - low) / (LEVELS - 1)
        below = round(-shrink * low / step)
        rounded = torch.fake_quantize_per_tensor_affine(values, step, below, 0, LEVELS - 1)
        costs[float((rounded - values).square().mean())] = -below * step, (LEVELS - 1 - below) * step
    return costs[min(costs)]


@lru_cache(maxsize=2)
def _photographs(*, planes: bool) -> list[np.ndarray]:
    """RGB (H, W, 3), or planes (3 H / 2, W) of whichever matrix: bounds are not so exact."""
    paths = sorted(PHOTOS.glob("*.jpg"))
    bright = [cv2.resize(read_image(path), SIZE, interpolation=cv2.INTER_AREA) for path in paths]
    photographs = [*bright, *(np.asarray(rgb * DARK, np.uint8) for rgb in bright)]
    return [np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)) if planes else rgb for rgb in photographs]
