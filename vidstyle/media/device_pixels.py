"""Pixels in the memory of a device that paints, and the copies there and back."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class DevicePixels:
    """What `Frame.pixels` is while a frame is on a device, RGB or planes as there.

    Attributes:
        tensor: uint8, contiguous.
        ready: a torch.cuda.Event after which it has been written; None where it has been.
    """

    tensor: "Tensor"
    ready: Any = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """As an array's."""
        return tuple(self.tensor.shape)

    @property
    def ndim(self) -> int:
        """As an array's."""
        return self.tensor.ndim

    def for_current_stream(self) -> "Tensor":
        """The tensor, for work on the stream that is current: that work comes after what writes it, and the tensor's
        memory is used for nothing else before the work is done."""
        return for_current_stream(self.tensor, self.ready)

    def array(self) -> np.ndarray:
        """A copy in the processor's memory; waits for it."""
        if not self.tensor.is_cuda:
            return np.array(self.tensor.cpu().numpy())
        import torch

        stream = _copies(self.tensor.device.index, "down")
        host = torch.empty(self.tensor.shape, dtype=torch.uint8, pin_memory=True)
        with torch.cuda.stream(stream):
            host.copy_(self.for_current_stream(), non_blocking=True)
        stream.synchronize()
        return host.numpy()


def uploaded(pixels: np.ndarray, device: str) -> DevicePixels:
    """Pixels on a device as torch names it; waits until they are there, so that the array may be written to again."""
    import torch

    source = torch.from_numpy(np.ascontiguousarray(pixels))
    target = torch.device(device)
    if target.type != "cuda":
        return DevicePixels(source.to(target, copy=True))
    stream = _copies(target.index or 0, "up")
    with torch.cuda.stream(stream):
        # Without pinned memory the copy would hold up whatever else goes over the bus.
        moved = source.pin_memory().to(target, non_blocking=True)
    stream.synchronize()
    return DevicePixels(moved)


def written(tensor: "Tensor") -> DevicePixels:
    """What the current stream writes."""
    return DevicePixels(tensor, ready_event(tensor))


def ready_event(tensor: "Tensor") -> Any:
    """A torch.cuda.Event after which the current stream has written a tensor; None where it has."""
    if not tensor.is_cuda:
        return None
    import torch

    ready = torch.cuda.Event()
    ready.record(torch.cuda.current_stream(tensor.device))
    return ready


def for_current_stream(tensor: "Tensor", ready: Any) -> "Tensor":
    """A tensor, for work on the stream that is current: that work comes after the event `ready`, and the tensor's
    memory is used for nothing else before the work is done."""
    if tensor.is_cuda:
        import torch

        current = torch.cuda.current_stream(tensor.device)
        if ready is not None:
            current.wait_event(ready)
        tensor.record_stream(current)
    return tensor


@lru_cache(maxsize=16)
def _copies(device: int, way: str) -> Any:
    """A stream for all copies one way: a bus carries one at a time each way, beside whatever is computed."""
    import torch

    del way
    return torch.cuda.Stream(device)
