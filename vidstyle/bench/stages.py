"""How fast it is here: every stage alone, the pipeline whole, Johnson's network in it and in a plain loop."""

import copy
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vidstyle.bench import limits
from vidstyle.bench.carrying import measure_carrying
from vidstyle.bench.energy import EnergyMeter
from vidstyle.bench.runs import Untouched, end_to_end, peak_memory, plain_loop
from vidstyle.bench.sample_clip import RATE, clip_format, make_clip, planes_color
from vidstyle.engines import choose_engine, is_openvinos, make_engine
from vidstyle.engines.cuda import CudaEngine, Spans
from vidstyle.engines.painting_queue import PaintingQueue
from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource
from vidstyle.nets import JohnsonNet
from vidstyle.pipeline import Painting, Progress
from vidstyle.processor import usable_cores
from vidstyle.restyle_options import Options
from vidstyle.stream.lifting import lifted, painted_size
from vidstyle.stream.planes import resized
from vidstyle.styles import load_style
from vidstyle.video_runs import look_ahead, open_painter, open_stream

JOHNSON_FRAMES = 12
"""Johnson's network is slow; a few frames tell."""
PLAIN_FRAMES = 4
"""In the plain loop, where it is slower still."""
WARM_UP_FRAMES = 3
KEPT_BYTES = 200_000_000
"""Of decoded frames that are kept to measure the stages alone."""


class Bench:
    """Measures one style on a clip made for the purpose.  A context manager: the clip is a temporary file.

    Args:
        style: name or file.
        size: (width, height) of the clip.
        device, engine: see vidstyle.engines.choose_engine.
        frames: length of the clip.
    """

    def __init__(self, style: str, size: tuple[int, int], *, device: str, frames: int, engine: str = "auto") -> None:
        self._style = load_style(style)
        self._size, self._frames = size, frames
        choose_engine(engine, device, self._style.network)  # before a clip is made in vain
        self._folder = tempfile.TemporaryDirectory(prefix="vidstyle-bench-")
        self._clip = Path(self._folder.name) / "clip.mp4"
        make_clip(self._clip, size, frames)
        self._planes = planes_color(self._clip, self._style.network)
        options = Options(device=device, engine=engine, optimise=0)
        self._painter = open_painter(self._style, options, planes=self._planes)
        self._engine = self._painter.engine
        self._johnson = PaintingQueue(lambda: make_engine(JohnsonNet(), device))
        self._kept = min(frames, max(8, KEPT_BYTES // (3 * size[0] * size[1])))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._painter.close()
        self._johnson.close()
        self._folder.cleanup()

    def run(self, rounds: int) -> dict[str, Any]:
        """Measure everything once a round, one after the other, and take medians over the rounds.

        Returns milliseconds a frame, wall and CPU, for each stage alone, the network's at the size that is painted;
        frames a second for the whole, each frame painted by itself, for the whole with paint that is carried along, as
        vidstyle.restyle does (`steady_end_to_end_fps`), for decoding and encoding without a network
        (`transcode_fps`), and for the loop of plain_loop; `paintings_per_frame`, and what vidstyle.bench.carrying
        measures, for the steady one; the share of the time that each stage works in the whole (`decode_busy` and so
        on); `joules_per_frame` of the processor for the whole, where the platform tells; `bound_ms`, the larger of
        the slowest stage and of the stages' CPU time, and that of lifting, over the cores; `overhead` of the whole
        over it.  On a GPU, what vidstyle.bench.limits.measure_limits gives as well.
        """
        measured: dict[str, list[float]] = {}
        self._end_to_end(self._johnson, WARM_UP_FRAMES, planes=False)
        # Before anything keeps frames for measuring, this is what a run needs.
        self._end_to_end(self._painter, self._frames, steady=True)
        memory = peak_memory()
        for _ in range(rounds):
            for name, value in self._round().items():
                measured.setdefault(name, []).append(value)
        median = {name: statistics.median(values) for name, values in measured.items()}
        cores = usable_cores()
        stages = ("decode", "network", "encode")
        bound = max(
            *(median[f"{stage}_ms"] for stage in stages),
            (median["lift_ms"] + sum(median[f"{stage}_cpu_ms"] for stage in stages)) / cores,
        )
        return {
            **{name: round(value, 3) for name, value in median.items()},
            "network_fps": round(1000 / median["network_ms"], 2),
            "speedup": round(median["end_to_end_fps"] / median["johnson_end_to_end_fps"], 2),
            "plain_loop_speedup": round(median["end_to_end_fps"] / median["plain_loop_fps"], 2),
            "bound_ms": round(bound, 3),
            "overhead": round(1000 / median["end_to_end_fps"] / bound - 1, 4),
            "peak_memory_mb": round(memory / 1e6, 1),
            "style": self._style.card.name,
            "width": self._size[0],
            "height": self._size[1],
            "painted_width": self._painted_size[0],
            "painted_height": self._painted_size[1],
            "device": self._engine.device,
            "engine": self._engine.name,
            "cores": cores,
            "rounds": rounds,
            **self._limits(),
        }

    def timeline(self, path: Path) -> None:
        """Draw what the GPU did when.

        Raises:
            InputError: where there is none; and see vidstyle.bench.limits.plot_timeline.
        """
        if self._engine.name != "cuda":
            raise InputError(
                f"{parameter('timeline', path)}: is of a GPU, and {self._engine.device} is none; leave it out"
            )
        limits.plot_timeline(self._on_gpu[1], path)

    def _limits(self) -> dict[str, float]:
        return self._on_gpu[0] if self._engine.name == "cuda" else {}

    @cached_property
    def _on_gpu(self) -> tuple[dict[str, float], list[Spans]]:
        """What bounds painting, and what the device did when meanwhile; measured once for both."""
        network = copy.deepcopy(self._style.network)
        engine = CudaEngine(network, self._engine.device, planes=self._planes, timeline=True)
        frames = _all(self._source(self._kept))
        try:
            return limits.measure_limits(engine, frames), engine.spans
        finally:
            engine.close()

    def _round(self) -> dict[str, float]:
        figures = self._alone()
        meter = EnergyMeter()
        whole, _ = self._end_to_end(self._painter, self._frames)
        if (joules := meter.joules()) is not None:
            figures["joules_per_frame"] = joules / whole.frames
        figures["end_to_end_fps"] = whole.fps
        figures |= {f"{stage}_busy": seconds / whole.seconds for stage, seconds in whole.busy.items()}
        steady, paintings = self._end_to_end(self._painter, self._frames, steady=True)
        figures |= {"steady_end_to_end_fps": steady.fps, "paintings_per_frame": paintings / steady.frames}
        figures["transcode_fps"] = self._through(Untouched(), self._frames).fps
        figures["johnson_end_to_end_fps"] = self._end_to_end(self._johnson, JOHNSON_FRAMES, planes=False)[0].fps
        painted = Path(self._folder.name) / "plain.mp4"
        figures["plain_loop_fps"] = plain_loop(self._clip, painted, PLAIN_FRAMES, self._torch_device)
        return figures

    def _alone(self) -> dict[str, float]:
        """Each stage on frames that are there."""
        figures: dict[str, float] = {}

        def timed(stage: str, work: Callable[[], list[Frame]]) -> list[Frame]:
            wall, cpu = time.perf_counter(), time.process_time()
            frames = work()
            figures[f"{stage}_ms"] = 1000 * (time.perf_counter() - wall) / len(frames)
            figures[f"{stage}_cpu_ms"] = 1000 * (time.process_time() - cpu) / len(frames)
            return frames

        decoded = timed("decode", lambda: _all(self._source(self._kept)))
        figures |= measure_carrying(decoded)
        small = [dataclasses.replace(frame, pixels=resized(frame.pixels, self._painted_size)) for frame in decoded]
        painted = timed("network", lambda: _painted(self._painter, small))
        shown = [
            dataclasses.replace(frame, pixels=lifted(painting.pixels, little.pixels, frame.pixels))
            for frame, little, painting in zip(decoded, small, painted, strict=True)
        ]
        timed("encode", lambda: self._encode(shown))
        return figures

    @property
    def _torch_device(self) -> str:
        """What people would compute on who do not know OpenVINO."""
        return "cpu" if is_openvinos(self._engine.device) else self._engine.device

    def _source(self, frames: int | None = None, *, planes: bool = True) -> FileSource:
        source = FileSource(self._clip, end=None if frames is None else frames / RATE)
        source.planes = planes and self._planes is not None
        return source

    def _sink(self, video: VideoFormat) -> FileSink:
        return FileSink(Path(self._folder.name) / "painted.mp4", video, overwrite=True)

    def _encode(self, frames: list[Frame]) -> list[Frame]:
        with self._sink(clip_format(self._size)) as sink:
            for frame in frames:
                sink.write(frame)
        return frames

    def _end_to_end(
        self, painter: PaintingQueue, frames: int, *, steady: bool = False, planes: bool = True
    ) -> tuple[Progress, int]:
        """What came of it, and how many frames have been painted for it."""
        ahead = look_ahead(painter.engine.device, self._size, planes=planes and self._planes is not None)
        stream = open_stream([(0.0, painter)], Options(steady=steady), look_ahead=ahead)
        try:
            return self._through(stream, frames, planes=planes), stream.paintings
        finally:
            stream.close()

    def _through(self, painter: Painting, frames: int, *, planes: bool = True) -> Progress:
        painted = Path(self._folder.name) / "painted.mp4"
        return end_to_end(
            self._clip, painted, painter, frames, planes=planes and self._planes is not None, device=self._engine.device
        )

    @property
    def _painted_size(self) -> tuple[int, int]:
        return painted_size(self._size)


def plot_stages(result: Mapping[str, Any], path: Path) -> None:
    """Frames a second as a bar chart: PNG, or what else the suffix of `path` says.

    Raises:
        InputError: without matplotlib, and if nothing can be written there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(f"{parameter('plot')}: needs matplotlib; pip install 'vidstyle[plot]'") from error
    bars = {
        "plain loop,\nJohnson 2016": result["plain_loop_fps"],
        "pipeline,\nJohnson 2016": result["johnson_end_to_end_fps"],
        "vidstyle,\nsteady": result["steady_end_to_end_fps"],
        f"vidstyle,\n{result['engine']}": result["end_to_end_fps"],
        "network\nalone": result["network_fps"],
        "no network": result["transcode_fps"],
    }
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.bar_label(axes.bar(list(bars), list(bars.values())), fmt="%.3g")
    axes.set_ylabel("frames a second")
    axes.set_title(f"{result['width']}x{result['height']}, {result['cores']} cores, {result['device']}")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{parameter('plot', path)}: cannot be written: {error}") from error


def _all(source: FileSource) -> list[Frame]:
    frames = list(source)
    source.close()
    return frames


def _painted(painter: PaintingQueue, frames: list[Frame]) -> list[Frame]:
    paintings = [painter.start(frame.pixels) for frame in frames]
    return [
        dataclasses.replace(frame, pixels=painting.result()) for frame, painting in zip(frames, paintings, strict=True)
    ]
