"""torch on a device that has no engine of its own, such as Apple's and Intel's GPUs: the general way."""

import dataclasses
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import nn

from vidstyle.engines import Engine
from vidstyle.engines.fitting import FittingFunction
from vidstyle.engines.frame_function import frame_function
from vidstyle.media.frame import Color, Frame


class TorchDeviceEngine(Engine):
    """Half precision, channels_last; a frame goes up, is painted and comes down in a thread, one after the other.

    Args:
        network, planes: see vidstyle.engines.frame_function.frame_function.
        device: as torch names it.
    """

    name = "torch"
    depth = 2

    def __init__(self, network: nn.Module, device: str, *, planes: Color | None = None) -> None:
        self.device = device
        self._device = torch.device(device)
        paint = frame_function(network.to(self._device), torch.float16, planes).to(self._device)
        self._paint = FittingFunction(paint, device)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="vidstyle-paint")
        self._in_flight: deque[tuple[Future[torch.Tensor], Frame[Any]]] = deque()

    def submit(self, frame: Frame[Any]) -> None:
        self._in_flight.append((self._worker.submit(self._painted, frame), frame))

    def result(self) -> Frame[Any]:
        future, frame = self._in_flight.popleft()
        return dataclasses.replace(frame, pixels=future.result().numpy())

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    @torch.inference_mode()
    def _painted(self, frame: Frame[Any]) -> torch.Tensor:
        painted: torch.Tensor = self._paint(torch.from_numpy(frame.pixels).to(self._device))
        return painted.cpu()
