"""What bounds painting on a GPU: the network, and the bus in both directions."""

import time
from collections.abc import Sequence
from pathlib import Path

from vidstyle.engines.cuda import CudaEngine, Spans
from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import Frame

REPEATS = 50
"""Of each step alone."""
SHOWN_FRAMES = 12
"""In the timeline; the last ones, when nothing is done for the first time any more."""


def measure_limits(engine: CudaEngine, frames: Sequence[Frame]) -> dict[str, float]:
    """Frames a second of each step alone, and of all together in the engine.

    Args:
        engine: one that keeps a timeline; afterwards its `spans` are those of `frames`.
        frames: at least one, all of one size, in memory.

    Returns:
        `resident_network_fps`, the network on frames that are on the device; `h2d_fps` and `d2h_fps`, the copies there
        and back; `pipelined_fps`, all three of different frames at a time; and `limit_share`, the last over the least
        of the others.
    """
    upload, compute, download = engine.alone(frames[0], REPEATS)
    seconds = _paint_all(engine, frames)
    pipelined = len(frames) / seconds
    slowest = max(upload, compute, download)
    return {
        "resident_network_fps": round(1000 / compute, 2),
        "h2d_fps": round(1000 / upload, 2),
        "d2h_fps": round(1000 / download, 2),
        "pipelined_fps": round(pipelined, 2),
        "limit_share": round(pipelined * slowest / 1000, 4),
    }


def plot_timeline(spans: Sequence[Spans], path: Path) -> None:
    """When the last frames went up, were painted and came down: PNG, or what else the suffix of `path` says.

    Raises:
        InputError: without matplotlib, and if nothing can be written there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(f"{parameter('timeline')}: needs matplotlib; pip install 'vidstyle[plot]'") from error
    shown = spans[-SHOWN_FRAMES:]
    origin = min(span.begin for frame in shown for span in frame)
    figure = Figure(figsize=(10, 2.5), layout="constrained")
    axes = figure.subplots()
    for number, frame in enumerate(shown):
        for row, span in enumerate(frame):
            bars = [(span.begin - origin, span.end - span.begin)]
            axes.broken_barh(bars, (row - 0.4, 0.8), color=f"C{number % 10}", edgecolor="white")
    axes.set_yticks(range(3), ["upload", "network", "download"])
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds; one colour a frame", title="What the GPU does when")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{parameter('timeline', path)}: cannot be written: {error}") from error


def _paint_all(engine: CudaEngine, frames: Sequence[Frame]) -> float:
    """Seconds."""
    begin, in_flight = time.perf_counter(), 0
    for frame in frames:
        if in_flight == engine.depth:
            engine.result()
            in_flight -= 1
        engine.submit(frame)
        in_flight += 1
    for _ in range(in_flight):
        engine.result()
    return time.perf_counter() - begin
