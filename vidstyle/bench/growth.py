"""How the cost of painting grows, over the size of the frames and over the length of a video."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidstyle.bench.carrying import measure_carrying
from vidstyle.bench.runs import end_to_end, peak_memory
from vidstyle.bench.sample_clip import RATE, make_clip, planes_color
from vidstyle.engines.painting_queue import PaintingQueue
from vidstyle.errors import InputError, parameter
from vidstyle.media.sources import FileSource
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options
from vidstyle.styles import load_style
from vidstyle.video_runs import look_ahead, open_painter, open_stream

SIZES = ((160, 90), (320, 180), (640, 360), (1280, 720), (1920, 1080), (3840, 2160))
"""Width and height."""
PIXELS = 30_000_000
"""Of all frames at each size, about: small frames vary more, and cost less."""
FEWEST_FRAMES, MOST_FRAMES = 32, 128
"""A frame is painted now and then; what that costs shows in some seconds of video only."""
LENGTHS = (32, 128, 512)
"""Frames of the videos whose lengths are compared."""
LENGTHS_SIZE = (320, 180)
WARM_UP_FRAMES = 3
CARRIED_FRAMES = 24
"""Of which the processor's time is taken apart."""


@dataclass(frozen=True)
class Work:
    """What one run has to do.

    Attributes:
        style: name or file.
        device, engine: see vidstyle.engines.choose_engine.
        clip: what is painted.
        size: of its frames, width and height.
        frames: how many of them.
    """

    style: str
    device: str
    engine: str
    clip: Path
    size: tuple[int, int]
    frames: int


@dataclass(frozen=True)
class Cost:
    """What a run from file to file took, in a process of its own.

    Attributes:
        width, height: pixels.
        frames: painted.
        ms, cpu_ms: a frame, wall and CPU, without what comes once.
        peak_memory_mb: the most memory that the process had resident.
        paintings_per_frame: how often the network was asked.
        flow_ms, memory_ms, lift_ms: see vidstyle.bench.carrying.
    """

    width: int
    height: int
    frames: int
    ms: float
    cpu_ms: float
    peak_memory_mb: float
    paintings_per_frame: float
    flow_ms: float
    memory_ms: float
    lift_ms: float


def measure_growth(
    style: str,
    *,
    device: str,
    engine: str,
    sizes: Sequence[tuple[int, int]] = SIZES,
    lengths: Sequence[int] = LENGTHS,
    on_run: Callable[[str], None] = lambda _: None,
) -> dict[str, list[dict[str, Any]]]:
    """Costs as vidstyle.restyle has them, paint carried along: over `sizes`, and over `lengths` at LENGTHS_SIZE.

    `on_run` is told what is measured next.
    """
    costs: dict[str, list[dict[str, Any]]] = {"sizes": [], "lengths": []}
    runs = [("sizes", size, _frames_at(size)) for size in sizes]
    runs += [("lengths", LENGTHS_SIZE, frames) for frames in lengths]
    # A process for each, since a process never tells less memory than it once had.
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="vidstyle-growth-") as folder,
        ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes,
    ):
        for kind, size, frames in runs:
            on_run(f"{size[0]}x{size[1]}, {frames} frames")
            clip = Path(folder) / "clip.mp4"
            make_clip(clip, size, frames)
            cost = processes.submit(do_work, Work(style, device, engine, clip, size, frames)).result()
            costs[kind].append(asdict(cost))
            clip.unlink()
    return costs


def do_work(work: Work) -> Cost:
    """Do it, and tell what it took."""
    style = load_style(work.style)
    color = planes_color(work.clip, style.network)
    painter = open_painter(style, Options(device=work.device, engine=work.engine, optimise=0), planes=color)
    painted = work.clip.with_name("painted.mp4")
    _painted(work, painter, painted, min(work.frames, WARM_UP_FRAMES), planes=color is not None)
    cpu, begin = time.process_time(), time.perf_counter()
    done, paintings = _painted(work, painter, painted, work.frames, planes=color is not None)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    memory = peak_memory()
    painter.close()
    painted.unlink()
    return Cost(
        width=work.size[0],
        height=work.size[1],
        frames=done.frames,
        ms=round(1000 * seconds / done.frames, 3),
        cpu_ms=round(1000 * cpu / done.frames, 3),
        peak_memory_mb=round(memory / 1e6, 1),
        paintings_per_frame=round(paintings / done.frames, 3),
        **_carrying(work.clip, planes=color is not None),
    )


def _painted(work: Work, painter: PaintingQueue, painted: Path, frames: int, *, planes: bool) -> tuple[Progress, int]:
    """What came of so many frames, and how many of them have been painted."""
    ahead = look_ahead(painter.engine.device, work.size, planes=planes)
    stream = open_stream([(0.0, painter)], Options(), look_ahead=ahead)
    try:
        return end_to_end(
            work.clip, painted, stream, frames, planes=planes, device=painter.engine.device
        ), stream.paintings
    finally:
        stream.close()


def _carrying(clip: Path, *, planes: bool) -> dict[str, float]:
    source = FileSource(clip, end=CARRIED_FRAMES / RATE)
    source.planes = planes
    try:
        # Decoders have threads of their own, which must not count.
        frames = list(source)
    finally:
        source.close()
    return {name: round(value, 3) for name, value in measure_carrying(frames).items()}


def plot_growth(costs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Time over the size of frames, and memory over the length of a video: PNG, or what else the suffix says.

    Raises:
        InputError: without matplotlib, and if nothing can be written there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(f"{parameter('growth')}: needs matplotlib; pip install 'vidstyle[plot]'") from error
    figure = Figure(figsize=(10, 4), layout="constrained")
    over_size, over_length = figure.subplots(1, 2)
    sizes, lengths = costs["sizes"], costs["lengths"]
    pixels = [cost["width"] * cost["height"] / 1e6 for cost in sizes]
    over_size.loglog(pixels, [cost["ms"] for cost in sizes], "o-", label="wall")
    over_size.loglog(pixels, [cost["cpu_ms"] for cost in sizes], "s--", label="CPU")
    for x, cost in zip(pixels, sizes, strict=True):
        name = f"{cost['width']}x{cost['height']}"
        over_size.annotate(name, (x, cost["ms"]), (0, -10), textcoords="offset points", ha="center", fontsize=7)
    over_size.axhline(1000 / RATE, color="grey", linewidth=0.8, label=f"{RATE} frames a second")
    over_size.set(xlabel="megapixels a frame", ylabel="milliseconds a frame")
    over_size.margins(0.12)
    over_size.legend()
    over_length.plot([cost["frames"] for cost in lengths], [cost["peak_memory_mb"] for cost in lengths], "o-")
    most = max(cost["peak_memory_mb"] for cost in lengths)
    over_length.set(xlabel="frames of the video", ylabel="peak memory, MB", ylim=(0, 1.15 * most))
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{parameter('growth', path)}: cannot be written: {error}") from error


def _frames_at(size: tuple[int, int]) -> int:
    return max(FEWEST_FRAMES, min(MOST_FRAMES, PIXELS // (size[0] * size[1])))
