"""All the kernels that paint a frame, launched as one: Python would take longer to launch them than a GPU to paint."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from vidstyle.engines.fitting import FittingFunction, is_lost_device

KEPT_SHAPES = 4
"""Of frames, whose graphs stay: each holds on to the memory that painting takes."""
WARM_UPS = 3
"""Paintings before one is recorded: libraries choose kernels, and what depends on the size alone is computed."""


@dataclass(frozen=True)
class _Graph:
    """What was recorded, and the tensors that it reads from and leaves its painting in."""

    graph: torch.cuda.CUDAGraph
    source: Tensor
    painted: Tensor


class GraphedFunction:
    """Paints from one tensor into another; one CUDA graph for each shape.

    Where no graph can be recorded, kernels are launched one by one.

    Args:
        paint: what paints a frame.
        stream: on which; it is the current one when this is called.
    """

    def __init__(self, paint: FittingFunction, stream: torch.cuda.Stream) -> None:
        self._paint, self._stream = paint, stream
        self._graphs: OrderedDict[torch.Size, _Graph | None] = OrderedDict()

    def __call__(self, source: Tensor, result: Tensor) -> None:
        """Paint `source` into `result`, both as in vidstyle.engines.frame_function, on the device."""
        if source.shape not in self._graphs:
            # Room first: the new one may need what the oldest holds.
            while len(self._graphs) >= KEPT_SHAPES:
                self._graphs.popitem(last=False)
            self._graphs[source.shape] = self._record(source)
        self._graphs.move_to_end(source.shape)
        graph = self._graphs[source.shape]
        if graph is None:
            result.copy_(self._paint(source))
            return
        graph.source.copy_(source)
        graph.graph.replay()
        result.copy_(graph.painted)

    @property
    def recorded(self) -> list[torch.Size]:
        """Shapes that are painted by graphs."""
        return [shape for shape, graph in self._graphs.items() if graph is not None]

    def close(self) -> None:
        """Let go of the memory."""
        self._graphs.clear()

    def _record(self, source: Tensor) -> _Graph | None:
        source = source.clone()
        for _ in range(WARM_UPS):
            self._paint(source)
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads decode and encode meanwhile, on the same device for all we know.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                painted = self._paint.attempt(source)
        except RuntimeError as error:
            if is_lost_device(error) and not _refused(error):
                raise
            # Some operation that cannot be recorded.
            return None
        # A graph has memory of its own, for which there may be no room.
        return None if painted is None else _Graph(graph, source, painted)


def _refused(error: RuntimeError) -> bool:
    """Whether an operation cannot be recorded, which the device survives."""
    return "captur" in str(error)
