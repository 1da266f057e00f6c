"""Building an ONNX graph, node by node."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from vidstyle.errors import VidstyleError, reason

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""Of ONNX: what runtimes of the last years take, those in browsers among them."""
IR_VERSION = 9


def import_onnx() -> Any:
    """The package `onnx`.

    Raises:
        VidstyleError: if it is not there.
    """
    try:
        import onnx
    except ImportError as error:
        raise VidstyleError(f"onnx is not here ({reason(error)}); pip install 'vidstyle[export]'") from error
    return onnx


class Graph:
    """Nodes and weights of a model in the making.  Values are known by names, which every method returns.

    Args:
        dtype: of weights and of what is computed between `begin` and `end`, float32 or float16.
    """

    def __init__(self, dtype: type[np.floating[Any]] = np.float32) -> None:
        self._onnx = import_onnx()
        self._nodes: list[Any] = []
        self._weights: dict[str, np.ndarray] = {}
        self.dtype = dtype

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """One node with one output."""
        output = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def weight(self, values: Any, dtype: Any = None, name: str = "") -> str:
        """A constant; of the graph's type unless another is named."""
        if isinstance(values, Tensor):
            values = values.detach().float().numpy()
        name = name or f"weight_{len(self._weights)}"
        self._weights[name] = np.ascontiguousarray(np.asarray(values, dtype or self.dtype))
        return name

    def integers(self, *values: int) -> str:
        """A constant (n,) of int64."""
        return self.weight(values, np.int64)

    def cast(self, value: str, dtype: Any) -> str:
        """Another type."""
        return self.node("Cast", value, to=int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))))

    def side(self, value: str, axis: int) -> str:
        """The length of a value along an axis, (1,) int64."""
        ends = (self.integers(number) for number in (axis, axis + 1, 0))
        return self.node("Slice", self.node("Shape", value), *ends)

    def above_multiple(self, side: str, multiple: int) -> str:
        """What a side lacks to a multiple, (1,) int64."""
        rest = self.node("Mod", side, self.integers(multiple))
        return self.node("Mod", self.node("Sub", self.integers(multiple), rest), self.integers(multiple))

    def slice(
        self, value: str, begins: Sequence[Any], ends: Sequence[Any], *, step: int = 1, axes: Any = (2, 3)
    ) -> str:
        """A part along two axes; begins and ends are numbers or names of (1,) int64."""
        begin, end = (self._together(sides) for sides in (begins, ends))
        steps = self.integers(*[step] * len(axes))
        return self.node("Slice", value, begin, end, self.integers(*axes), steps)

    def pad(self, value: str, before: int, after: Sequence[Any], mode: str) -> str:
        """(N, C, H, W) with more rows and columns: as many before, and numbers or names of (1,) int64 after."""
        pads = self._together([0, 0, before, before, 0, 0, *after])
        return self.node("Pad", value, pads, mode=mode)

    def repeated(self, plane: str, period: int, sides: Sequence[str]) -> str:
        """A plane (1, C, period, period) beside itself until it has `sides`, each (1,) int64."""
        before = self.integers(period - 1)
        times = [self.node("Div", self.node("Add", side, before), self.integers(period)) for side in sides]
        repeats = self.node("Concat", self.integers(1, 1), *times, axis=0)
        return self.slice(self.node("Tile", plane, repeats), [0, 0], sides)

    def convolved(self, value: str, conv: nn.Conv2d) -> str:
        """What a convolution makes of (N, C, H, W)."""
        padding = int(conv.padding[0])
        if conv.padding_mode == "replicate":
            value, padding = self.pad(value, padding, [padding] * 2, "edge"), 0
        return self.conv(value, conv.weight, conv.bias, stride=int(conv.stride[0]), padding=padding)

    def conv(
        self,
        value: str,
        weight: Tensor,
        bias: Tensor | None = None,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
    ) -> str:
        """A convolution of square kernels."""
        inputs = [value, self.weight(weight)] + ([] if bias is None else [self.weight(bias)])
        return self.node(
            "Conv", *inputs, strides=[stride] * 2, pads=[padding] * 4, group=groups, kernel_shape=list(weight.shape[2:])
        )

    def _together(self, values: Sequence[Any]) -> str:
        """Numbers and names of (1,) int64 as one value (n,)."""
        if all(isinstance(value, int) for value in values):
            return self.integers(*values)
        parts = [self.integers(value) if isinstance(value, int) else value for value in values]
        return self.node("Concat", *parts, axis=0)

    def model(self, source: str, painted: str, metadata: dict[str, str]) -> "ModelProto":
        """The finished model, RGB (1, height, width, 3) uint8 in and out.

        Args:
            source, painted: names of input and output.
            metadata: what it says of itself.
        """
        helper, types = self._onnx.helper, self._onnx.TensorProto
        shape = [1, "height", "width", 3]
        graph = helper.make_graph(
            self._nodes,
            "vidstyle",
            [helper.make_tensor_value_info(source, types.UINT8, shape)],
            [helper.make_tensor_value_info(painted, types.UINT8, shape)],
            [self._onnx.numpy_helper.from_array(values, name) for name, values in self._weights.items()],
        )
        model: ModelProto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="vidstyle"
        )
        helper.set_model_props(model, metadata)
        return model
