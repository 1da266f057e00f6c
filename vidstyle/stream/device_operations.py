"""What a Stream does with pixels on a device that torch knows."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vidstyle.engines.cuda_graph import recorded
from vidstyle.engines.fitting import device_errors
from vidstyle.media.device_pixels import DevicePixels, uploaded, written
from vidstyle.stream.composing import Look
from vidstyle.stream.device_key_maps import DeviceKeyMaps, DeviceView
from vidstyle.stream.device_laying import DeviceLayout, begun
from vidstyle.stream.device_lifting import composed, lifted, masked, mixed
from vidstyle.stream.device_map_steps import Step
from vidstyle.stream.device_planes import resized, size_of
from vidstyle.stream.key_maps import Key
from vidstyle.stream.warm_starts import WarmStart


class DeviceOperations:
    """On tensors, by torch; see vidstyle.stream.pixel_operations.PixelOperations.

    All work of one Stream on pixels is done on one stream of the device, and that on maps on another one, which goes
    first: what is decided must not wait for what is drawn.

    Args:
        device: as torch names it.
        graphs: launch what draws and what lifts as CUDA graphs; on CUDA devices if None.

    Raises:
        VidstyleError: from all methods, once the device has failed.
    """

    # What is recorded as a graph is all that the stream of the device is given meanwhile.
    beside = False

    def __init__(self, device: str, *, graphs: bool | None = None) -> None:
        self._name, self._device = device, torch.device(device)
        graphs = self._device.type == "cuda" if graphs is None else graphs
        self._stream, self._maps_stream = (torch.cuda.Stream(self._device, way) if graphs else None for way in (0, -1))
        self._lift: _Lift | None = None

    def _here(self) -> contextlib.AbstractContextManager[None]:
        return self._on(self._stream)

    @contextlib.contextmanager
    def _on(self, stream: "torch.cuda.Stream | None") -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(device_errors(self._name))
            stack.enter_context(torch.inference_mode())
            if stream is not None:
                stack.enter_context(torch.cuda.stream(stream))
            yield

    def taken(self, pixels: np.ndarray | DevicePixels) -> Tensor:
        with self._here():
            return self._tensor(pixels)

    def for_painter(self, pixels: Tensor) -> DevicePixels:
        with self._here():
            return written(pixels)

    def given(self, pixels: Tensor, like: np.ndarray | DevicePixels) -> np.ndarray | DevicePixels:
        with self._here():
            result = written(pixels)
            return result.array() if isinstance(like, np.ndarray) else result

    def on_processor(self, pixels: Tensor, frame: np.ndarray | DevicePixels) -> np.ndarray:
        if isinstance(frame, np.ndarray) and frame.shape == tuple(pixels.shape):
            return frame
        with self._here():
            return written(pixels).array()

    def resized(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        with self._here():
            return resized(pixels, size)

    def layout(self) -> "_Layout":
        return _Layout(self)

    def begun(self, painting: np.ndarray | DevicePixels, start: WarmStart) -> DevicePixels:
        paintings = [layer.painting.result() for layer in start.layers]
        # On the stream of whoever paints: on the other one, what draws may be being recorded.
        with self._on(None):
            paints = [self._tensor(pixels) for pixels in paintings]
            return written(begun(self._tensor(painting), paints, start))

    def key_maps(self) -> DeviceKeyMaps:
        stream = self._maps_stream
        return DeviceKeyMaps(self._device, lambda: self._on(stream), lambda step: _recorded(step, stream))

    def mixed(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        with self._here():
            return mixed(one, other, share)

    def finished(self, painting: Tensor, small: Tensor, source: Tensor, look: Look) -> Tensor:
        with self._here():
            if size_of(painting) != size_of(source):
                if self._lift is None or not self._lift.serves(painting, source):
                    self._lift = _Lift(painting, source, self._record)
                shown = self._lift(painting, small, source)
            else:
                # Whoever drew it draws over it.
                shown = painting.clone()
            return composed(source, shown, look)

    def masked(self, shown: Tensor, source: Tensor, mask: np.ndarray) -> Tensor:
        with self._here():
            return masked(shown, source, torch.from_numpy(mask).to(shown.device))

    def same(self, one: Tensor, other: Tensor) -> bool:
        # Comparing pixels would mean to wait for the device.
        return one is other

    def _tensor(self, pixels: np.ndarray | DevicePixels) -> Tensor:
        if isinstance(pixels, np.ndarray):
            pixels = uploaded(pixels, self._name)
        return pixels.for_current_stream()

    def _record(self, step: Step) -> Step:
        return _recorded(step, self._stream)


class _Layout:
    """A DeviceLayout on the stream of the device that all work of a Stream is done on."""

    def __init__(self, operations: DeviceOperations) -> None:
        self._operations = operations
        self._layout = DeviceLayout(operations._tensor, operations._device, operations._record)

    def draw(self, view: DeviceView, source: Tensor) -> Tensor:
        # Whoever paints may raise, in words of its own.
        for key in view.layers:
            key.painting.result()
        with self._operations._here():
            return self._layout.draw(view, source)

    def learn_colors(self, key: Key) -> None:
        key.painting.result()
        with self._operations._here():
            self._layout.learn_colors(key)


class _Lift:
    """Lifts paintings of one size to frames of another one."""

    def __init__(self, painting: Tensor, source: Tensor, record: Any) -> None:
        self._painting, self._small = torch.zeros_like(painting), torch.zeros_like(painting)
        self._source, self._result = torch.zeros_like(source), torch.zeros_like(source)
        self._record = record
        self._step: Step | None = None

    def serves(self, painting: Tensor, source: Tensor) -> bool:
        """Whether it is for such pixels."""
        return self._painting.shape == painting.shape and self._source.shape == source.shape

    def __call__(self, painting: Tensor, small: Tensor, source: Tensor) -> Tensor:
        """Pixels in the size of `source`."""
        self._painting.copy_(painting)
        self._small.copy_(small)
        self._source.copy_(source)
        if self._step is None:
            self._step = self._record(self._lifted)
        self._step()
        return self._result.clone()

    def _lifted(self) -> None:
        self._result.copy_(lifted(self._painting, self._small, self._source))


def _recorded(step: Step, stream: "torch.cuda.Stream | None") -> Step:
    return step if stream is None else recorded(step, stream)


__all__ = ["DeviceOperations"]
