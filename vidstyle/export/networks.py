"""Transform networks as ONNX graphs: vidstyle.nets, with the conversions from and to bytes around them."""

import numpy as np
from torch import nn

from vidstyle.errors import InputError
from vidstyle.export.graph import Graph
from vidstyle.export.stroke_nodes import add_strokes
from vidstyle.media.color import LUMA
from vidstyle.nets import FormNet, JohnsonNet, RealtimeNet
from vidstyle.nets.canvas import CANVAS_SIDE, RIM, canvas_plane
from vidstyle.nets.form import CoarseBranch
from vidstyle.nets.johnson import PADDING, UnpaddedResidualBlock
from vidstyle.nets.realtime import FOLD, LEAST_SPREAD, USUAL_SPREAD, ResidualBlock, rgb_grid_filters

INPUT, OUTPUT = "rgb", "painted"
LEVELS = 255.0


def add_network(graph: Graph, network: nn.Module, name: str) -> None:
    """Add what maps INPUT to OUTPUT, RGB (1, H, W, 3) uint8 both.

    Raises:
        InputError: for a network that has no graph here; name: of the style.
    """
    if isinstance(network, RealtimeNet):
        _Realtime(graph, network).add()
    elif isinstance(network, JohnsonNet):
        _add_johnson(graph, network)
    else:
        raise InputError(f"{name}: a network {type(network).__name__}, which is not exported; real-time styles are")


def _picture(graph: Graph) -> str:
    """The input as (1, 3, H, W) in [0, 1], float32."""
    planes = graph.node("Transpose", INPUT, perm=[0, 3, 1, 2])
    return graph.node("Mul", graph.cast(planes, np.float32), graph.weight(1 / LEVELS, np.float32))


def _add_bytes(graph: Graph, painted: str) -> None:
    """The output, of (1, 3, H, W) in about [0, 1]."""
    levels = graph.node("Mul", graph.cast(painted, np.float32), graph.weight(LEVELS, np.float32))
    whole = graph.node("Round", levels)
    within = graph.node("Clip", whole, graph.weight(0, np.float32), graph.weight(LEVELS, np.float32))
    graph.node("Transpose", graph.cast(within, np.uint8), perm=[0, 2, 3, 1], name=OUTPUT)


class _Realtime:
    """RealtimeNet and FormNet; see vidstyle.nets.realtime.RealtimeNet.forward."""

    def __init__(self, graph: Graph, network: RealtimeNet) -> None:
        self._graph, self._network = graph, network

    def add(self) -> None:
        graph, network = self._graph, self._network
        image = _picture(graph)
        if network.orthochromatic:
            colors = graph.weight(network.seen_colors()[..., None, None], np.float32)
            image = graph.node("Conv", image, colors, kernel_shape=[1, 1])
        mean, spread = self._light(image)
        height, width = graph.side(image, 2), graph.side(image, 3)
        margin = network.margin * FOLD
        more = [graph.node("Add", graph.above_multiple(side, FOLD), graph.integers(margin)) for side in (height, width)]
        lit = graph.node("Mul", graph.node("Sub", image, mean), spread)
        seen = graph.pad(graph.cast(lit, graph.dtype), margin, more, "reflect")
        # A position's pixels row by row, colours innermost: vidstyle.nets.realtime.fold.
        cells = graph.node("SpaceToDepth", seen, blocksize=FOLD)
        canvas = self._canvas(cells)
        if network.strokes is not None:
            cells, canvas = add_strokes(graph, cells, canvas, network.strokes)
        x = graph.convolved(cells, network.head)
        x = graph.node("Relu", graph.node("Add", x, graph.convolved(canvas, network.ground)))
        painted = graph.convolved(self._trunk(x), network.tail)
        whole = graph.node("DepthToSpace", self._without_grid(painted), blocksize=FOLD, mode="DCR")
        ends = [graph.node("Add", side, graph.integers(margin)) for side in (height, width)]
        part = graph.slice(whole, [margin, margin], ends)
        _add_bytes(graph, graph.node("Add", graph.cast(part, np.float32), graph.weight(0.5, np.float32)))

    def _light(self, image: str) -> tuple[str, str]:
        """Mean of luminance, and what brings its spread to the usual one; see measure_light."""
        graph = self._graph
        pixels = graph.slice(image, [0, 0], [2**31 - 1] * 2, step=FOLD)
        luma = graph.node("Conv", pixels, graph.weight(np.reshape(LUMA, (1, 3, 1, 1)), np.float32), kernel_shape=[1, 1])
        mean = graph.node("ReduceMean", luma, axes=[2, 3])
        away = graph.node("Sub", luma, mean)
        squares = graph.node("ReduceSum", graph.node("Mul", away, away), graph.integers(2, 3))
        count = graph.node("Sub", graph.cast(graph.node("Size", luma), np.float32), graph.weight(1, np.float32))
        spread = graph.node("Sqrt", graph.node("Div", squares, count))
        spread = graph.node("Max", spread, graph.weight(LEAST_SPREAD, np.float32))
        return mean, graph.node("Div", graph.weight(USUAL_SPREAD, np.float32), spread)

    def _canvas(self, x: str) -> str:
        """The canvas under the positions of `x`, (1, C, h, w)."""
        graph = self._graph
        # At whole positions bicubic interpolation gives the plane itself.
        inner = slice(RIM, RIM + CANVAS_SIDE)
        plane = canvas_plane(self._network.canvas)[..., inner, inner].numpy()
        scale = 2 * float(np.abs(plane).max()) / LEVELS
        levels = graph.weight(np.rint(plane / scale + LEVELS / 2), np.uint8, "canvas")
        centred = graph.node("Sub", graph.cast(levels, np.float32), graph.weight(LEVELS / 2, np.float32))
        noise = graph.node("Mul", centred, graph.weight(scale, np.float32))
        sides = [graph.side(x, axis) for axis in (2, 3)]
        return graph.cast(graph.repeated(noise, CANVAS_SIDE, sides), graph.dtype)

    def _trunk(self, x: str) -> str:
        if isinstance(self._network, FormNet):
            x = self._graph.node("Add", x, self._form(x, self._network.form))
        for block in self._network.blocks:
            x = self._block(x, block)
        return x

    def _form(self, x: str, branch: CoarseBranch) -> str:
        """See CoarseBranch.forward."""
        graph = self._graph
        height, width = graph.side(x, 2), graph.side(x, 3)
        more = [graph.above_multiple(side, 2 ** len(branch.down)) for side in (height, width)]
        x = graph.pad(x, 0, more, "edge")
        seen = []
        for down, blocks in zip(branch.down, branch.before, strict=True):
            x = self._blocks(graph.node("Relu", self._conv(x, down)), blocks)
            seen.append(x)
        x = self._raised(seen.pop(), branch.up[len(seen)])
        for level in reversed(range(len(seen))):
            inner = graph.node("Add", graph.node("Relu", x), seen[level])
            x = self._raised(self._blocks(inner, branch.after[level]), branch.up[level])
        return graph.slice(x, [0, 0], [height, width])

    def _raised(self, x: str, up: nn.Module) -> str:
        """See CoarseBranch: twice the size, by interpolation."""
        scales = self._graph.weight([1, 1, 2, 2], np.float32)
        return self._graph.node("Resize", self._conv(x, up), "", scales, mode="linear")

    def _conv(self, x: str, conv: nn.Module) -> str:
        assert isinstance(conv, nn.Conv2d)
        return self._graph.convolved(x, conv)

    def _blocks(self, x: str, blocks: nn.Module) -> str:
        assert isinstance(blocks, nn.Sequential)
        for block in blocks:
            x = self._block(x, block)
        return x

    def _block(self, x: str, block: nn.Module) -> str:
        assert isinstance(block, ResidualBlock)
        graph = self._graph
        return graph.node("Add", graph.convolved(graph.node("Relu", graph.convolved(x, block.conv1)), block.conv2), x)

    def _without_grid(self, x: str) -> str:
        """See take_out_grid."""
        graph, filters = self._graph, rgb_grid_filters()
        surfaces = graph.conv(x, filters.blur, padding=1, groups=len(filters.blur))
        surface = graph.conv(graph.conv(surfaces, filters.average), filters.spread, padding=1)
        return graph.node("Add", graph.node("Sub", x, surfaces), surface)


def _add_johnson(graph: Graph, network: JohnsonNet) -> None:
    """See vidstyle.nets.johnson.JohnsonNet.forward; of more than PADDING pixels a side."""
    image = _picture(graph)
    height, width = graph.side(image, 2), graph.side(image, 3)
    after = [graph.node("Add", graph.above_multiple(side, 4), graph.integers(PADDING)) for side in (height, width)]
    x = graph.pad(graph.cast(image, graph.dtype), PADDING, after, "reflect")
    for layers in network.encoder:
        x = _sequence(graph, x, layers)
    for block in network.blocks:
        assert isinstance(block, UnpaddedResidualBlock)
        inner = graph.slice(x, [2, 2], [-2, -2])
        x = graph.node("Add", inner, _sequence(graph, _sequence(graph, x, block.conv1), block.conv2))
    for layers in network.decoder:
        x = _sequence(graph, x, layers)
    half = graph.weight(0.5)
    x = graph.node("Add", graph.node("Mul", graph.node("Tanh", x), half), half)
    _add_bytes(graph, graph.slice(x, [0, 0], [height, width]))


def _sequence(graph: Graph, x: str, layers: nn.Module) -> str:
    """A convolution, and what follows it."""
    for layer in layers if isinstance(layers, nn.Sequential) else [layers]:
        if isinstance(layer, nn.Conv2d):
            x = graph.convolved(x, layer)
        elif isinstance(layer, nn.ConvTranspose2d):
            assert layer.bias is not None
            x = graph.node(
                "ConvTranspose",
                x,
                graph.weight(layer.weight),
                graph.weight(layer.bias),
                strides=[2, 2],
                pads=[1] * 4,
                output_padding=[1, 1],
                kernel_shape=[3, 3],
            )
        elif isinstance(layer, nn.InstanceNorm2d):
            assert layer.weight is not None
            assert layer.bias is not None
            x = graph.node(
                "InstanceNormalization", x, graph.weight(layer.weight), graph.weight(layer.bias), epsilon=layer.eps
            )
        else:
            x = graph.node("Relu", x)
    return x
