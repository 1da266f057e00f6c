"""torch on an NVIDIA GPU, double-buffered: one frame goes up while one is painted and one comes down."""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vidstyle.engines import Engine
from vidstyle.engines.cuda_graph import GraphedFunction
from vidstyle.engines.fitting import FittingFunction, device_errors, is_lost_device
from vidstyle.engines.frame_function import frame_function
from vidstyle.errors import VidstyleError
from vidstyle.media.device_pixels import DevicePixels, written
from vidstyle.media.frame import Color, Frame


@dataclass
class _Slot:
    """Buffers of one frame in flight, and the events that order what happens to them.

    `resident` is the painting of a frame that was on the device, and stays there.
    """

    host_in: Tensor
    host_out: Tensor
    device_in: Tensor
    device_out: Tensor
    uploading: torch.cuda.Event
    uploaded: torch.cuda.Event
    computing: torch.cuda.Event
    computed: torch.cuda.Event
    downloading: torch.cuda.Event
    downloaded: torch.cuda.Event
    resident: DevicePixels | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Span:
    """When one step of one frame ran on the device, milliseconds since the engine's first frame."""

    begin: float
    end: float


Spans = tuple[Span, Span, Span]
"""Of one frame's upload, computation and download."""


class CudaEngine(Engine):
    """Two slots with pinned buffers; upload, network and download on a stream each.

    uint8 crosses the bus, planes of 4:2:0 where frames come as such; conversion happens on the device, and everything
    that does is one CUDA graph for each shape.  Frames that are on the device already stay there, and so do their
    paintings.

    Args:
        network, planes: see vidstyle.engines.frame_function.frame_function.
        device: `cuda:N`.
        timeline: keep the spans of every frame's upload, computation and download in `spans`.

    Raises:
        InputError: from `submit`, if there is no room for a frame; see vidstyle.engines.fitting.
        VidstyleError: from `submit` and `result`, once the device has failed.
    """

    name = "cuda"
    depth = 2

    def __init__(self, network: nn.Module, device: str, *, planes: Color | None = None, timeline: bool = False) -> None:
        self.device = device
        self.spans: list[Spans] = []
        self._device = torch.device(device)
        self._lost = False
        self._timeline = timeline
        self._epoch: torch.cuda.Event | None = None
        self._slots: list[_Slot] = []
        self._free: deque[_Slot] = deque()
        self._busy: deque[tuple[_Slot, Frame[Any]]] = deque()
        with self._device_errors():
            paint = frame_function(network.to(self._device), torch.float16, planes).to(self._device)
            self._upload, self._compute, self._download = (torch.cuda.Stream(self._device) for _ in range(3))
            self._paint = GraphedFunction(FittingFunction(paint, device), self._compute)

    def submit(self, frame: Frame[Any]) -> None:
        with self._device_errors():
            shape = torch.Size(frame.pixels.shape)
            if not self._slots or self._slots[0].host_in.shape != shape:
                self._allocate(shape)
            # It stays free if something goes wrong: whoever uses the engine may go on with another frame.
            slot = self._free[0]
            if isinstance(frame.pixels, DevicePixels):
                self._start_resident(slot, frame.pixels)
            else:
                self._start(slot, torch.from_numpy(frame.pixels))
            self._free.popleft()
            self._busy.append((slot, frame))

    def result(self) -> Frame[Any]:
        slot, frame = self._busy.popleft()
        pixels: Any = slot.resident
        with self._device_errors():
            if pixels is not None:
                slot.computed.synchronize()
            else:
                slot.downloaded.synchronize()
                if self._timeline:
                    self._note_spans(slot)
        if pixels is None:
            pixels = slot.host_out.numpy().copy()
        slot.resident = None
        self._free.append(slot)
        return dataclasses.replace(frame, pixels=pixels)

    def close(self) -> None:
        # Waiting for a device that has failed fails again, and would hide why.
        if not self._lost:
            with contextlib.suppress(VidstyleError), self._device_errors():
                torch.cuda.synchronize(self._device)
        self._paint.close()
        self._slots.clear()
        self._free.clear()
        self._busy.clear()

    @torch.inference_mode()
    def alone(self, frame: Frame, repeats: int) -> tuple[float, float, float]:
        """Milliseconds that upload, network and download of one frame take, each alone, `repeats` times on end."""
        self.submit(frame)
        self.result()
        self.spans.clear()
        slot = self._free[0]
        steps: tuple[tuple[torch.cuda.Stream, Callable[[], object]], ...] = (
            (self._upload, lambda: slot.device_in.copy_(slot.host_in, non_blocking=True)),
            (self._compute, lambda: self._paint(slot.device_in, slot.device_out)),
            (self._download, lambda: slot.host_out.copy_(slot.device_out, non_blocking=True)),
        )
        with self._device_errors():
            upload, compute, download = (self._timed(stream, step, repeats) for stream, step in steps)
        return upload, compute, download

    @staticmethod
    def _timed(stream: torch.cuda.Stream, step: Callable[[], object], repeats: int) -> float:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        with torch.cuda.stream(stream):
            begin.record()
            for _ in range(repeats):
                step()
            end.record()
        end.synchronize()
        return begin.elapsed_time(end) / repeats

    @torch.inference_mode()
    def _start(self, slot: _Slot, pixels: Tensor) -> None:
        slot.host_in.copy_(pixels)
        # The slot's last result has been taken, so its buffers are free on every stream.
        with torch.cuda.stream(self._upload):
            slot.uploading.record()
            slot.device_in.copy_(slot.host_in, non_blocking=True)
            slot.uploaded.record()
        with torch.cuda.stream(self._compute):
            self._compute.wait_event(slot.uploaded)
            slot.computing.record()
            self._paint(slot.device_in, slot.device_out)
            slot.computed.record()
        with torch.cuda.stream(self._download):
            self._download.wait_event(slot.computed)
            slot.downloading.record()
            slot.host_out.copy_(slot.device_out, non_blocking=True)
            slot.downloaded.record()

    @torch.inference_mode()
    def _start_resident(self, slot: _Slot, pixels: DevicePixels) -> None:
        with torch.cuda.stream(self._compute):
            source = pixels.for_current_stream()
            painted = torch.empty_like(source)
            self._paint(source, painted)
            slot.computed.record()
            slot.resident = written(painted)

    @contextlib.contextmanager
    def _device_errors(self) -> Iterator[None]:
        """Says what torch says about the device in words for users."""
        try:
            with device_errors(self.device):
                yield
        except VidstyleError as error:
            self._lost |= error.__cause__ is not None and is_lost_device(error.__cause__)
            raise

    def _allocate(self, shape: torch.Size) -> None:
        if self._busy:
            raise ValueError("frames of another size are still in flight")
        torch.cuda.synchronize(self._device)
        if self._epoch is None:
            self._epoch = torch.cuda.Event(enable_timing=True)
            self._epoch.record(self._upload)
        self._slots = [self._make_slot(shape) for _ in range(self.depth)]
        self._free = deque(self._slots)

    def _make_slot(self, shape: torch.Size) -> _Slot:
        pinned = self._device.type == "cuda"
        host_in, host_out = (torch.empty(shape, dtype=torch.uint8, pin_memory=pinned) for _ in range(2))
        device_in, device_out = (torch.empty(shape, dtype=torch.uint8, device=self._device) for _ in range(2))
        events = [torch.cuda.Event(enable_timing=self._timeline) for _ in range(6)]
        return _Slot(host_in, host_out, device_in, device_out, *events)

    def _note_spans(self, slot: _Slot) -> None:
        assert self._epoch is not None
        pairs = (
            (slot.uploading, slot.uploaded),
            (slot.computing, slot.computed),
            (slot.downloading, slot.downloaded),
        )
        upload, compute, download = (
            Span(self._epoch.elapsed_time(begin), self._epoch.elapsed_time(end)) for begin, end in pairs
        )
        self.spans.append((upload, compute, download))
