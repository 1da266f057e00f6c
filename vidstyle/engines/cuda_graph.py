"""All the kernels that paint a frame, launched as one: Python would take longer to launch them than a GPU to paint."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vidstyle.engines.fitting import FittingFunction, is_lost_device

KEPT_SHAPES = 4
"""Of frames, whose graphs stay: each holds on to the memory that painting takes."""
WARM_UPS = 3
"""Paintings before one is recorded: libraries choose kernels, and what depends on the size alone is computed."""
# Whoever begins to record waits for the device, which must not happen while anybody else records.
_RECORDING = threading.Lock()


@dataclass(frozen=True)
class _Graph:
    """What was recorded, and the tensors that it reads from and leaves its painting in."""

    graph: torch.cuda.CUDAGraph
    source: Tensor
    painted: Tensor


def recorded(step: Callable[[], None], stream: torch.cuda.Stream) -> Callable[[], None]:
    """One launch for all kernels of a step on tensors that stay where they are; the step itself if none can be had.

    Args:
        step: may be done any number of times; waits for nothing.
        stream: on which; it is the current one.
    """
    for _ in range(WARM_UPS):
        step()
    graph = _captured(step, stream)
    return step if graph is None else graph.replay


def _captured(step: Callable[[], None], stream: torch.cuda.Stream) -> torch.cuda.CUDAGraph | None:
    """What a step launches, which is not done yet; None if something in it cannot be recorded."""
    graph = torch.cuda.CUDAGraph()
    try:
        # Other threads decode and encode meanwhile, on the same device for all we know.
        with _RECORDING, torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            step()
    except RuntimeError as error:
        if is_lost_device(error) and not _refused(error):
            raise
        return None
    return graph


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
        painted: list[Tensor | None] = []
        graph = _captured(lambda: painted.append(self._paint.attempt(source)), self._stream)
        # A graph has memory of its own, for which there may be no room.
        if graph is None or painted[-1] is None:
            return None
        return _Graph(graph, source, painted[-1])


def _refused(error: RuntimeError) -> bool:
    """Whether an operation cannot be recorded, which the device survives."""
    return "captur" in str(error)
