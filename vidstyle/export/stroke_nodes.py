"""Strokes that follow form as ONNX nodes: vidstyle.nets.strokes, in float32 whatever the rest is computed in."""

import numpy as np
import torch
from torch import Tensor

from vidstyle.export.graph import Graph
from vidstyle.nets.canvas import CANVAS_SIDE, RIM, grain_plane, potential_plane
from vidstyle.nets.realtime import FOLD, USUAL_SPREAD, folded_luma
from vidstyle.nets.strokes import (
    AROUND,
    FAINT,
    LONG,
    NEARBY,
    REACHES,
    READABLE,
    SHARES,
    SHARPNESS,
    StrokeField,
    canvas_lines,
    grain_lines,
    line_angles,
)

PIXELS = FOLD**2
COLORS = 3


def add_strokes(graph: Graph, cells: str, canvas: str, field: StrokeField) -> tuple[str, str]:
    """Folded pixels (1, 48, h, w) with strokes under them, and the canvas drawn out alike; see StrokeField.forward."""
    return _StrokeNodes(graph, field).add(cells, canvas)


class _StrokeNodes:
    def __init__(self, graph: Graph, field: StrokeField) -> None:
        self._graph, self._field = graph, field
        self._lines, self._canvas_lines = grain_lines(field.strokes), canvas_lines(field.strokes)

    def add(self, cells: str, canvas: str) -> tuple[str, str]:
        graph, strokes = self._graph, self._field.strokes
        sides = [graph.side(cells, axis) for axis in (2, 3)]
        luma = self._conv(graph.cast(cells, np.float32), folded_luma().view(1, -1, 1, 1))
        directions, detail, around = self._directions(luma, self._potential(sides))
        room = self._fading(READABLE, detail)
        calm = self._fading(strokes.clear, around) if strokes.clear else None
        if calm is not None:
            room = graph.node("Mul", room, calm)
        strength = graph.node("Mul", self._twice(room), self._number(strokes.strength))
        fine = self._unit(self._twice(directions))
        drawn = self._drawn_out(self._grain(sides), fine, self._lines)
        pixels = self._twice(graph.node("Mul", drawn, strength))
        # Alike for all colours of a pixel.
        alike = torch.eye(PIXELS).repeat_interleave(COLORS, 0)[..., None, None] * USUAL_SPREAD
        change = self._conv(graph.node("SpaceToDepth", pixels, blocksize=FOLD), alike)
        # One channel after the other, since they share their directions.
        apart = graph.node("Transpose", graph.cast(canvas, np.float32), perm=[1, 0, 2, 3])
        ground = graph.node("Transpose", self._drawn_out(apart, directions, self._canvas_lines), perm=[1, 0, 2, 3])
        if calm is not None:
            ground = graph.node("Mul", ground, calm)
        return graph.node("Add", cells, graph.cast(change, graph.dtype)), graph.cast(ground, graph.dtype)

    def _fading(self, half: float, gradient: str) -> str:
        """1 where there is no gradient, half of it where there is `half`."""
        graph = self._graph
        return graph.node("Div", self._number(half), graph.node("Add", gradient, self._number(half)))

    def _directions(self, luma: str, potential: str) -> tuple[str, str, str]:
        """See vidstyle.nets.strokes.directions."""
        graph = self._graph
        tensor = self._structure_tensor(luma)
        along = self._turned(self._spread(self._structure_tensor(potential), 1), 1e-8)
        field = graph.node("Mul", along, self._number(-self._field.strokes.swirls))
        felt = [self._spread(tensor, reach) for reach in REACHES]
        for contours, share in zip(felt, SHARES, strict=True):
            field = graph.node("Sub", field, graph.node("Mul", self._turned(contours, FAINT), self._number(share)))
        detail, around = (graph.slice(felt[which], [0], [1], axes=(1,)) for which in (NEARBY, AROUND))
        return self._unit(field), detail, around

    def _structure_tensor(self, picture: str) -> str:
        """See vidstyle.perception.contours.structure_tensor, of a picture with one more row and column."""
        graph = self._graph
        step = torch.tensor([[-0.5, 0.5], [-0.5, 0.5]])
        gradient = self._conv(graph.pad(picture, 0, [1, 1], "edge"), torch.stack((step, step.T))[:, None])
        across, down = (graph.slice(gradient, [axis], [axis + 1], axes=(1,)) for axis in (0, 1))
        a, b = graph.node("Mul", across, across), graph.node("Mul", down, down)
        both = graph.node("Mul", graph.node("Mul", across, down), self._number(2))
        return graph.node("Concat", graph.node("Add", a, b), graph.node("Sub", a, b), both, axis=1)

    def _turned(self, tensor: str, faint: float) -> str:
        """Directions of a structure tensor, as sure as they are."""
        graph = self._graph
        energy, direction = (graph.slice(tensor, [begin], [end], axes=(1,)) for begin, end in ((0, 1), (1, 3)))
        return graph.node("Div", direction, graph.node("Add", energy, self._number(faint)))

    def _spread(self, x: str, reach: int) -> str:
        graph, window = self._graph, 2 * reach + 1
        for _ in range(2):
            x = graph.pad(x, reach, [reach, reach], "edge")
            for kernel in ([window, 1], [1, window]):
                x = graph.node("AveragePool", x, kernel_shape=kernel)
        return x

    def _drawn_out(self, noise: str, field: str, lines: Tensor) -> str:
        """See StrokeField._drawn_out; noise: (N, 1, h, w)."""
        graph = self._graph
        cosines = self._conv(field, line_angles())
        near = graph.node("Mul", graph.node("Add", cosines, self._number(1)), self._number(0.5))
        shares = graph.node("Pow", near, self._number(SHARPNESS))
        side = lines.shape[-1] // 2
        for _ in range(LONG):
            drawn = self._conv(graph.pad(noise, side, [side, side], "edge"), lines)
            noise = graph.node("ReduceSum", graph.node("Mul", drawn, shares), graph.integers(1))
        return noise

    def _unit(self, vectors: str) -> str:
        graph = self._graph
        squares = graph.node("ReduceSum", graph.node("Mul", vectors, vectors), graph.integers(1))
        return graph.node("Div", vectors, graph.node("Sqrt", graph.node("Add", squares, self._number(1e-6))))

    def _twice(self, x: str) -> str:
        """Twice as large, bilinear."""
        return self._graph.node("Resize", x, "", self._graph.weight([1, 1, 2, 2], np.float32), mode="linear")

    def _grain(self, sides: list[str]) -> str:
        """Noise at half the pixels' distance, as far as `sides` positions go."""
        graph, inner = self._graph, slice(RIM, RIM + 2 * CANVAS_SIDE)
        plane = grain_plane()[..., inner, inner].numpy()
        scale = 2 * float(np.abs(plane).max()) / 255
        levels = graph.weight(np.rint(plane / scale + 127.5), np.uint8, "grain")
        centred = graph.node("Sub", graph.cast(levels, np.float32), self._number(127.5))
        twice = [graph.node("Mul", side, graph.integers(2)) for side in sides]
        return graph.repeated(graph.node("Mul", centred, self._number(scale)), 2 * CANVAS_SIDE, twice)

    def _potential(self, sides: list[str]) -> str:
        graph, inner = self._graph, slice(RIM, RIM + CANVAS_SIDE)
        # Its slope is what counts, which levels of eight bits would make steps of.
        plane = graph.weight(potential_plane()[..., inner, inner], np.float16, "potential")
        return graph.repeated(graph.cast(plane, np.float32), CANVAS_SIDE, sides)

    def _conv(self, x: str, weight: Tensor) -> str:
        graph = self._graph
        return graph.node("Conv", x, graph.weight(weight, np.float32), kernel_shape=list(weight.shape[2:]))

    def _number(self, value: float) -> str:
        return self._graph.weight(value, np.float32)
