"""Whole runs from file to file: through the pipeline, and in the loop that people write first."""

import resource
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import cv2
import torch

from vidstyle import pipeline
from vidstyle.bench.sample_clip import RATE
from vidstyle.media.frame import Frame
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource
from vidstyle.nets import JohnsonNet
from vidstyle.pipeline import Painting, Progress


def end_to_end(
    clip: Path, painted: Path, painter: Painting, frames: int, *, planes: bool, device: str = "cpu"
) -> Progress:
    """Paint so many frames from file to file; `painter` is a vidstyle.stream.Stream, or takes its place.

    device: that paints, as torch names it; CUDA's decode and encode as well, where they can.
    """
    gpu = gpu_of(device)
    source = FileSource(clip, end=frames / RATE, gpu=gpu)
    source.planes = planes
    if planes and gpu is not None:
        source.resident = device
    sink = FileSink(painted, source.format, overwrite=True, gpu=gpu, resident=planes)
    try:
        # Closing is encoding, too: some encoders hold dozens of frames.
        return pipeline.run(source, painter, sink, finish=sink.close)
    finally:
        sink.abort()  # leaves a finished file alone
        source.close()


def gpu_of(device: str) -> int | None:
    """Number of a CUDA device; None for any other one."""
    return int(device.partition(":")[2] or 0) if device.startswith("cuda") else None


class Untouched:
    """Hands frames through."""

    depth = 1

    def __init__(self) -> None:
        self._frames: deque[Frame[Any]] = deque()

    def submit(self, frame: Frame[Any]) -> None:
        """Take the next frame."""
        self._frames.append(frame)

    def result(self) -> Frame[Any]:
        """The oldest one inside."""
        return self._frames.popleft()


def plain_loop(source: Path, output: Path, frames: int, device: str) -> float:
    """Frames a second of what people write first: OpenCV reads, Johnson's network paints in float32, OpenCV writes."""
    network = JohnsonNet().eval().to(device)
    capture = cv2.VideoCapture(str(source))
    size = tuple(int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(output), cv2.VideoWriter.fourcc(*"mp4v"), RATE, size)
    started, count = time.perf_counter(), 0
    with torch.inference_mode():
        while count < frames:
            read, bgr = capture.read()
            if not read:
                break
            image = torch.from_numpy(bgr[..., ::-1].copy()).permute(2, 0, 1)[None].to(device).float() / 255
            painted = (network(image)[0].permute(1, 2, 0) * 255).clamp(0, 255).byte().cpu().numpy()
            writer.write(painted[..., ::-1].copy())
            count += 1
    writer.release()
    capture.release()
    return count / (time.perf_counter() - started)


def peak_memory() -> int:
    """The most memory that this process has had resident, bytes."""
    if sys.platform == "linux":
        # What getrusage tells of a process includes what had been resident in the one that started it.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
