"""torch on the CPU: the engine that always works."""

import dataclasses
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import nn

from vidstyle.engines import LARGE_FRAME, MOST_WORKERS, Engine
from vidstyle.engines.fitting import FittingFunction
from vidstyle.engines.frame_function import frame_function
from vidstyle.media.frame import Color, Frame
from vidstyle.processor import prefers_bfloat16, usable_cores


class TorchCpuEngine(Engine):
    """channels_last, bfloat16 where the processor has it, float32 elsewhere.

    Several frames are painted side by side, each on its share of the cores: threads that work on one layer
    together wait for each other at its end, and wait long where decoder and encoder want a core as well.

    Args:
        network, planes: see vidstyle.engines.frame_function.frame_function.
        low_latency: paint one frame at a time, on all cores.
        spare_cores: use half of the cores only.  While one of the threads that share a layer waits for its core, all
            of them wait, and a frame can take ten times as long.
        dtype: in which the network computes; chosen by the processor if None.
    """

    name = "torch_cpu"
    device = "cpu"

    def __init__(
        self,
        network: nn.Module,
        *,
        planes: Color | None = None,
        low_latency: bool = False,
        spare_cores: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        dtype = dtype or (torch.bfloat16 if prefers_bfloat16() else torch.float32)
        self._paint = FittingFunction(frame_function(network, dtype, planes), self.device)
        cores = usable_cores(spare=spare_cores)
        workers = 1 if low_latency else min(cores, MOST_WORKERS)
        # One more in flight than is painted, so that no worker waits for the pipeline.
        self.depth = 1 if workers == 1 else workers + 1
        self._alone = _Workers(1, cores)
        self._beside = self._alone if workers == 1 else _Workers(workers, cores // workers)
        self._in_flight: deque[tuple[Future[torch.Tensor], Frame]] = deque()

    def submit(self, frame: Frame) -> None:
        height, width = frame.pixels.shape[:2]
        workers = self._alone if height * width >= LARGE_FRAME else self._beside
        self._in_flight.append((workers.submit(self._painted, frame), frame))

    def result(self) -> Frame:
        future, frame = self._in_flight.popleft()
        return dataclasses.replace(frame, pixels=future.result().numpy())

    def close(self) -> None:
        for workers in {self._alone, self._beside}:
            workers.shutdown(wait=False, cancel_futures=True)

    @torch.inference_mode()
    def _painted(self, frame: Frame) -> torch.Tensor:
        painted: torch.Tensor = self._paint(torch.from_numpy(frame.pixels))
        return painted


class _Workers(ThreadPoolExecutor):
    """Threads that each compute on `cores` cores."""

    def __init__(self, threads: int, cores: int) -> None:
        # torch keeps this number for each thread that sets it, and for those that begin later.
        super().__init__(
            threads, thread_name_prefix="vidstyle-paint", initializer=torch.set_num_threads, initargs=(cores,)
        )
