"""What a device does at one size of frames, part by part, and with many viewers; see examples/on_gpu.py."""

import copy
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vidstyle.bench import limits
from vidstyle.bench.runs import Untouched, end_to_end, gpu_of, peak_memory
from vidstyle.bench.sample_clip import RATE, clip_format, make_clip, planes_color, repeated
from vidstyle.engines import choose_engine
from vidstyle.engines.painting_queue import PaintingQueue
from vidstyle.media.frame import Color, Frame
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource
from vidstyle.restyle_options import Options
from vidstyle.stream import Stream
from vidstyle.stream.pixel_operations import operations_on
from vidstyle.style_files import Style
from vidstyle.video_runs import look_ahead, open_painter, open_stream

WARM_UP = 4
"""Frames before anything is timed: graphs are recorded, and libraries choose kernels."""
RESIDENT = 16
"""Frames in memory that stages are measured on alone, at the most."""


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        style: that paints.
        device: on what; see vidstyle.engines.choose_engine.
        engine: with what.
        size: of the frames, width and height.
        clip: of so many frames.
        frames: how many.
        planes: what the frames of the clip are painted as; None for RGB.
    """

    style: Style
    device: str
    engine: str
    size: tuple[int, int]
    clip: Path
    frames: int
    planes: Color | None

    def painter(self) -> PaintingQueue:
        """What paints frames of the clip."""
        options = Options(device=self.device, engine=self.engine, optimise=0)
        return open_painter(self.style, options, planes=self.planes)


def subject(
    style: Style, device: str, size: tuple[int, int], frames: int, folder: Path, *, engine: str = "auto", times: int = 1
) -> Subject:
    """A clip of some frames, shown some times on end, and what is to be measured on it.

    Raises:
        InputError: for a device that is not there.
    """
    engine, device = choose_engine(engine, device, style.network)
    clip = folder / f"{size[0]}x{size[1]}.mp4"
    once = folder / "once.mp4"
    make_clip(once, size, frames)
    repeated(once, clip, times)
    once.unlink()
    return Subject(style, device, engine, size, clip, frames * times, planes_color(clip, style.network))


def measure_parts(what: Subject, timeline: Path | None = None) -> dict[str, float]:
    """Frames a second of each part alone: `decode_fps`, `encode_fps`, `network_fps` on frames of the painted size in
    memory, and on CUDA what vidstyle.bench.limits.measure_limits gives at the size of the frames.

    timeline: where to draw when a GPU does what.
    """
    figures, decoded = {}, _decoded(what, RESIDENT)
    seconds = _seconds(lambda: sum(1 for _ in _source(what)))
    figures["decode_fps"] = what.frames / seconds
    painted = what.clip.with_name("encoded.mp4")

    def encode() -> None:
        with _sink(what, painted) as sink:
            for number in range(what.frames):
                frame = decoded[number % len(decoded)]
                sink.write(replace(frame, pts=number, time_base=Fraction(1, RATE), duration=1))

    figures["encode_fps"] = what.frames / _seconds(encode)
    painter = what.painter()
    try:
        paint = _painting(painter, [frame.pixels for frame in decoded])
        paint(WARM_UP)
        count = min(what.frames, 4 * RESIDENT)
        figures["network_fps"] = count / _seconds(lambda: paint(count))
    finally:
        painter.close()
    if what.engine == "cuda":
        figures |= _limits(what, timeline)
    return {name: round(value, 2) for name, value in figures.items()}


def measure_whole(what: Subject) -> dict[str, float]:
    """Frames a second from file to file: without a network (`transcode_fps`), each frame painted by itself
    (`each_fps`), and steady (`steady_fps`), with `paintings_per_frame`; the share of the steady one in decoding and
    encoding alone (`share`); megabytes of the process at its most, and of the GPU."""
    painter = what.painter()
    figures: dict[str, float] = {}
    _start_counting(what.device)
    try:
        for name, steady in (("each", False), ("steady", True)):
            _whole(what, painter, steady=steady, frames=WARM_UP)
            figures[f"{name}_fps"], paintings = _whole(what, painter, steady=steady, frames=what.frames)
        figures["paintings_per_frame"] = paintings / what.frames
    finally:
        painter.close()
    figures["transcode_fps"] = _through(what, Untouched(), what.frames)
    figures["share"] = figures["steady_fps"] / figures["transcode_fps"]
    figures["peak_memory_mb"] = peak_memory() / 1e6
    if (held := _counted(what.device)) is not None:
        figures["device_memory_mb"] = held / 1e6
    return {name: round(value, 3) for name, value in figures.items()}


def measure_delay(what: Subject) -> dict[str, float]:
    """Milliseconds that a frame of a live stream takes from its coming to its being shown: `live_delay_ms`, the
    median, and `live_delay_p95_ms`."""
    painter = what.painter()
    stream = Stream([(0.0, painter)], live=True, operations=operations_on(painter.engine.device))
    delays = []
    try:
        frames = _decoded(what, RESIDENT, resident=False)
        for number in range(2 * len(frames)):
            begin = time.perf_counter()
            stream.submit(replace(frames[number % len(frames)], pts=number, time_base=Fraction(1, RATE)))
            stream.result()
            delays.append(1000 * (time.perf_counter() - begin))
    finally:
        stream.close()
        painter.close()
    settled = delays[len(frames) :]
    return {
        "live_delay_ms": round(statistics.median(settled), 2),
        "live_delay_p95_ms": round(float(np.quantile(settled, 0.95)), 2),
    }


def measure_viewers(what: Subject, viewers: int, seconds: float) -> dict[str, float]:
    """Viewers of live streams who share one engine, each with RATE frames a second of the clip from another place on.

    Returns:
        `viewers`; `shown_fps`, of each, on average; `least_fps`, of whoever had least; `viewer_delay_ms` and
        `viewer_delay_p95_ms`, from a frame's coming to its being shown; `paintings_per_second`, of all of them.
    """
    painter = what.painter()
    frames = _decoded(what, 2 * RESIDENT, resident=False)
    shown, delays, paintings = [0] * viewers, [list[float]() for _ in range(viewers)], [0] * viewers
    begin, end = time.perf_counter() + 0.2, time.perf_counter() + 0.2 + seconds

    def watch(number: int) -> None:
        stream = Stream([(0.0, painter)], live=True, operations=operations_on(painter.engine.device))
        try:
            # Cameras do not all take their pictures at the same moment.
            due = begin + number / viewers / RATE
            while due < end:
                time.sleep(max(0.0, due - time.perf_counter()))
                index = round((due - begin) * RATE)
                stream.submit(replace(frames[(index + number) % len(frames)], pts=index, time_base=Fraction(1, RATE)))
                stream.result()
                now = time.perf_counter()
                delays[number].append(1000 * (now - due))
                shown[number] += 1
                # The newest frame is shown next; those that came meanwhile are not.
                due += (1 + int(max(0.0, now - due) * RATE)) / RATE
            paintings[number] = stream.paintings
        finally:
            stream.close()

    try:
        painter.engine  # noqa: B018 (made before the clock runs)
        threads = [threading.Thread(target=watch, args=(number,)) for number in range(viewers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        painter.close()
    every = [delay for one in delays for delay in one]
    figures = {
        "viewers": viewers,
        "shown_fps": sum(shown) / viewers / seconds,
        "least_fps": min(shown) / seconds,
        "viewer_delay_ms": statistics.median(every),
        "viewer_delay_p95_ms": float(np.quantile(every, 0.95)),
        "paintings_per_second": sum(paintings) / seconds,
    }
    return {name: round(value, 2) for name, value in figures.items()}


def _limits(what: Subject, timeline: Path | None) -> dict[str, float]:
    from vidstyle.engines.cuda import CudaEngine

    engine = CudaEngine(copy.deepcopy(what.style.network), what.device, planes=what.planes, timeline=True)
    try:
        measured = limits.measure_limits(engine, _decoded(what, RESIDENT, resident=False))
        if timeline is not None:
            limits.plot_timeline(engine.spans, timeline)
    finally:
        engine.close()
    return measured


def _painting(painter: PaintingQueue, pixels: Sequence[Any]) -> Callable[[int], None]:
    def paint(count: int) -> None:
        for painting in [painter.start(pixels[number % len(pixels)]) for number in range(count)]:
            painting.result()

    return paint


def _source(what: Subject, *, resident: bool = True) -> FileSource:
    source = FileSource(what.clip, gpu=gpu_of(what.device))
    source.planes = what.planes is not None
    if resident and source.planes and gpu_of(what.device) is not None:
        source.resident = what.device
    return source


def _decoded(what: Subject, count: int, *, resident: bool = True) -> list[Frame[Any]]:
    source = _source(what, resident=resident)
    try:
        return [frame for frame, _ in zip(source, range(min(count, what.frames)), strict=False)]
    finally:
        source.close()


def _sink(what: Subject, path: Path) -> FileSink:
    resident = what.planes is not None
    return FileSink(path, clip_format(what.size), overwrite=True, gpu=gpu_of(what.device), resident=resident)


def _whole(what: Subject, painter: PaintingQueue, *, steady: bool, frames: int) -> tuple[float, int]:
    stream = open_stream(
        [(0.0, painter)],
        Options(steady=steady),
        look_ahead=look_ahead(what.device, what.size, planes=what.planes is not None),
    )
    try:
        return _through(what, stream, frames), stream.paintings
    finally:
        stream.close()


def _through(what: Subject, painter: Any, frames: int) -> float:
    painted = what.clip.with_name("painted.mp4")
    planes = what.planes is not None
    return end_to_end(what.clip, painted, painter, frames, planes=planes, device=what.device).fps


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _start_counting(device: str) -> None:
    if gpu_of(device) is not None:
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def _counted(device: str) -> int | None:
    """Bytes of a GPU's memory that torch has held at the most since then."""
    if gpu_of(device) is None:
        return None
    import torch

    return torch.cuda.max_memory_reserved(device)
