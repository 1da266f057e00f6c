"""Tiny networks that make masks, as ONNX and TFLite files: bright is somebody, dark is what is behind."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from onnx import TensorProto, helper


def bright_network(
    path: Path,
    *,
    last: bool = False,
    size: Sequence[int | str] = (24, 32),
    channels: int = 1,
    output: str = "probability",
) -> Path:
    """A network that gives how bright a picture is, in one of the ways in which networks give masks.

    Args:
        path: the file.
        last: whether channels come last.
        size: height and width; names where any will do.
        channels: of the output; of two and more the first one is the background.
        output: `probability`, `logit` or `class`.
    """
    height, width = size
    rgb = [1, height, width, 3] if last else [1, 3, height, width]
    nodes: list[Any] = []
    axis = 3 if last else 1
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [axis])
    constants = [axes]
    nodes.append(helper.make_node("ReduceMean", ["rgb", "axes"], ["bright"], keepdims=1))
    shown = "bright"
    if output != "probability":
        # Steep, about the middle.
        constants += [
            helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5]),
            helper.make_tensor("steep", TensorProto.FLOAT, [1], [40.0]),
        ]
        nodes += [
            helper.make_node("Sub", ["bright", "half"], ["about"]),
            helper.make_node("Mul", ["about", "steep"], ["logit"]),
        ]
        shown = "logit"
    if channels > 1:
        constants.append(helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0 if output == "probability" else 0.0]))
        nodes.append(helper.make_node("Sub", ["one", shown], ["behind"]))
        parts = ["behind", shown]
        for number in range(channels - 2):
            # Classes that nothing belongs to.
            constants.append(
                helper.make_tensor(
                    f"none{number}", TensorProto.FLOAT, [1], [0.0 if output == "probability" else -200.0]
                )
            )
            nodes.append(helper.make_node("Mul", [shown, "zero"], [f"zeros{number}"]))
            nodes.append(helper.make_node("Add", [f"zeros{number}", f"none{number}"], [f"class{number}"]))
            parts.append(f"class{number}")
        if channels > 2:
            constants.append(helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]))
        nodes.append(helper.make_node("Concat", parts, ["scores"], axis=axis))
        shown = "scores"
    kind = TensorProto.FLOAT
    if output == "class":
        nodes.append(helper.make_node("ArgMax", [shown], ["number"], axis=axis, keepdims=0))
        shown, kind = "number", TensorProto.INT64
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, rgb)],
        [helper.make_tensor_value_info(shown, kind, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, str(path))
    return path


def wrong_network(path: Path, inputs: Sequence[Sequence[int]], output: Sequence[int]) -> Path:
    """A network with inputs of such shapes, and an output that has nothing to do with them."""
    names = [f"in{number}" for number in range(len(inputs))]
    constant = helper.make_tensor("constant", TensorProto.FLOAT, [1], [0.5])
    shape = helper.make_tensor("shape", TensorProto.INT64, [len(output)], list(output))
    axes = [helper.make_node("ReduceMean", [name], [f"mean{name}"], keepdims=0) for name in names]
    total = [helper.make_node("Sum", [f"mean{name}" for name in names], ["sum"])]
    graph = helper.make_graph(
        [
            *axes,
            *total,
            helper.make_node("Add", ["sum", "constant"], ["some"]),
            helper.make_node("Expand", ["some", "shape"], ["out"]),
        ],
        "wrong",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, list(s)) for n, s in zip(names, inputs, strict=True)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [constant, shape],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), str(path))
    return path


def tflite_network(path: Path, size: tuple[int, int], weights: np.ndarray, bias: float) -> Path:
    """A TFLite network of one operation, MediaPipe's transposed convolution.

    Fields have the numbers that TFLite's schema gives them.

    Args:
        path: the file.
        size: height and width of the input, (1, h, w, 3) float32.
        weights: (1, 2, 2, 3) float32.
        bias: of the one channel that comes out.
    """
    height, width = size
    shapes = [(1, height, width, 3), weights.shape, (1,), (1, 2 * height, 2 * width, 1)]
    values = [b"", weights.astype("<f4").tobytes(), np.float32(bias).tobytes(), b""]
    build = flatbuffers.Builder()

    def table(*fields: tuple[int, str, Any]) -> int:
        build.StartObject(1 + max(number for number, _, _ in fields))
        for number, kind, value in fields:
            getattr(build, f"Prepend{kind}Slot")(number, value, 0)
        return int(build.EndObject())

    def tables(entries: list[int]) -> int:
        build.StartVector(4, len(entries), 4)
        for entry in reversed(entries):
            build.PrependUOffsetTRelative(entry)
        return int(build.EndVector())

    def numbers(entries: Sequence[int]) -> int:
        return int(build.CreateNumpyVector(np.asarray(entries, "<i4")))

    def data(value: bytes) -> int:
        return int(build.CreateByteVector(value))

    offset = "UOffsetTRelative"
    # An empty buffer comes first; tensors without values have it.
    buffers = [table((0, offset, data(value))) for value in [b"", *values]]
    tensors = []
    for number, shape in enumerate(shapes):
        name = build.CreateString(f"tensor{number}")
        buffer = number + 1 if values[number] else 0
        tensors.append(table((0, offset, numbers(shape)), (2, "Uint32", buffer), (3, offset, name)))
    # Padding SAME, and strides of 2.
    options = data(struct.pack("<iii", 1, 2, 2))
    operator = table((1, offset, numbers([0, 1, 2])), (2, offset, numbers([3])), (5, offset, options))
    graph = table(
        (0, offset, tables(tensors)),
        (1, offset, numbers([0])),
        (2, offset, numbers([3])),
        (3, offset, tables([operator])),
    )
    name, custom = build.CreateString("Convolution2DTransposeBias"), 32
    code = table((0, "Int8", custom), (1, offset, name), (2, "Int32", 1), (3, "Int32", custom))
    parts = [(1, offset, tables([code])), (2, offset, tables([graph])), (4, offset, tables(buffers))]
    build.Finish(table((0, "Uint32", 3), *parts), b"TFL3")
    path.write_bytes(build.Output())
    return path
