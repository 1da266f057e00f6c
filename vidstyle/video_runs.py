"""What one video is painted with: its frames, what paints them, and where they go."""

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from vidstyle import pipeline
from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import Color, Frame
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options
from vidstyle.style_files import Style, known_grams, network_to_paint
from vidstyle.styles import load_style

if TYPE_CHECKING:
    from av.container import OutputContainer

    from vidstyle.engines import Engine
    from vidstyle.engines.painting_queue import PaintingQueue
    from vidstyle.media.animations import AnimationSource
    from vidstyle.media.avif_sink import AvifSink
    from vidstyle.media.segment_sinks import JoinedSink
    from vidstyle.media.sinks import FileSink
    from vidstyle.media.sources import FileSource
    from vidstyle.media.tracks import OtherTracks
    from vidstyle.stream import Paints, Stream
    from vidstyle.stream.pixel_operations import PixelOperations

Source = Union["FileSource", "AnimationSource"]
"""What reads a video or an animation."""
OnProgress = Callable[[Progress, int | None], None]
"""Takes the progress and the expected number of frames, None if nobody knows."""

RATE_OPTIONS = ("bitrate", "max_size", "start", "end", "audio")
"""Fields of Options that bear upon the size of a file."""


class Timeline:
    """The styles of a video, each with the time from which it is painted, seconds from the first frame on.

    Raises:
        InputError: for times that are not finite numbers from 0 on, or of which two are alike.
    """

    def __init__(self, keyframes: Sequence[tuple[float, Style]]) -> None:
        self.keyframes = sorted(keyframes, key=lambda keyframe: keyframe[0])
        times = [time for time, _ in self.keyframes]
        if not all(0 <= time < math.inf for time in times) or len(set(times)) < len(times):
            raise InputError(
                f"{parameter('style_at')}: takes different times from 0 on, such as 0=great_wave and 10=starry_night"
            )

    @property
    def styles(self) -> list[Style]:
        """In the order of their times."""
        return [style for _, style in self.keyframes]

    @property
    def name(self) -> str:
        """Of all styles."""
        return ", ".join(style.card.name for style in self.styles)

    def only(self) -> Style:
        """The style, where there may be one only.

        Raises:
            InputError: if there are several.
        """
        if len(self.keyframes) > 1:
            raise InputError(f"{parameter('style_at')}: is for videos; a picture has one style")
        return self.styles[0]

    def painters(
        self, options: Options, painters: "PaintersByStyle", *, planes: Color | None
    ) -> "list[tuple[float, PaintingQueue]]":
        """What paints each, when it is needed."""
        return [(time, painters.get(style, options, planes=planes)) for time, style in self.keyframes]


def load_timeline(style_at: "Sequence[tuple[float, Style | str | Path]]", *, argument: str = "style") -> Timeline:
    """The styles of certain times, which are loaded or named; those that are named load their weights when needed.

    argument: what the parameter is called that names them.

    Raises:
        InputError: see Timeline and vidstyle.styles.load_style.
    """
    return Timeline(
        [
            (time, style if isinstance(style, Style) else load_style(style, argument=argument, lazy=True))
            for time, style in style_at
        ]
    )


def open_painter(
    style: Style,
    options: Options,
    *,
    planes: Color | None = None,
    low_latency: bool = False,
    sizes_vary: bool = False,
    seldom: bool = False,
    hurried: Callable[[], bool] | None = None,
) -> "PaintingQueue":
    """What paints frames in a style, of one sequence or of many; made when it is needed first.

    planes, low_latency, sizes_vary: see vidstyle.engines.make_engine.
    seldom: see vidstyle.steps.steps_to_take.
    hurried: see vidstyle.engines.optimising.OptimisingEngine; None where nobody hurries.
    """
    from vidstyle.engines import make_engine, never
    from vidstyle.engines.painting_queue import PaintingQueue

    def make() -> "Engine":
        steps = style.steps(options.optimise, seldom=seldom)
        grams = known_grams(style) if steps else {}
        engine = make_engine(
            network_to_paint(style),
            options.device,
            engine=options.engine,
            planes=planes,
            low_latency=low_latency,
            sizes_vary=sizes_vary,
        )
        if not steps:
            return engine
        from vidstyle.engines.optimising import OptimisingEngine

        compiled = engine.name == "openvino" and not sizes_vary
        asked = options.optimise is not None
        return OptimisingEngine(
            engine, grams, steps, planes, compiled=compiled, wherever_it_fits=not asked, hurried=hurried or never
        )

    return PaintingQueue(make)


def look_ahead(device: str, size: tuple[int, int], *, planes: bool) -> int:
    """Frames of a video of (width, height) that are on the way at a time where `device` paints; on a GPU motion is
    looked for between several at a time."""
    from vidstyle.stream.stream import MOST_SEARCHES

    if device.startswith("cuda"):
        return pipeline.LOOK_AHEAD + MOST_SEARCHES
    return pipeline.look_ahead(size, planes=planes)


def open_stream(painters: "Sequence[tuple[float, PaintingQueue]]", options: Options, *, look_ahead: int) -> "Stream":
    """One sequence of frames, painted by these from certain times on; see vidstyle.stream."""
    from vidstyle.stream.pixel_operations import operations_on

    return stream_of(painters, options, look_ahead=look_ahead, operations=operations_on(painters[0][1].engine.device))


def segment_stream(
    video: "OpenVideo", options: Options, painters: "Sequence[tuple[float, Paints]] | None" = None
) -> "Stream":
    """What paints the frames of a video that is painted in segments, or of which a few are timed.

    Its pixels are the processor's, whatever the network runs on, since the state between segments is one of arrays; so
    the bound of what is on the way is that of the processor's memory.

    painters: in place of the video's own.
    """
    source = video.source
    ahead = pipeline.look_ahead((source.format.width, source.format.height), planes=source.planes)
    return stream_of(video.painters if painters is None else painters, options, look_ahead=ahead)


def stream_of(
    painters: "Sequence[tuple[float, Paints]]",
    options: Options,
    *,
    look_ahead: int,
    operations: "PixelOperations | None" = None,
) -> "Stream":
    """The same with whatever paints; operations: on pixels, the processor's if None."""
    from vidstyle.stream import Look, Stream

    return Stream(
        painters,
        Look(options.strength, options.keep_colors),
        steady=options.steady,
        stroke_size=options.stroke_size,
        look_ahead=look_ahead,
        operations=operations,
    )


def reporting(
    report: OnProgress, frames: int | None, painters: "Sequence[PaintingQueue]" = ()
) -> Callable[[Progress], None]:
    """What a pipeline tells how far it is: `report`, with the expected number of frames and what frames wait for.

    painters: that may have to be compiled; loops may, whoever paints.
    """
    from vidstyle.compiled import is_compiling

    def told(progress: Progress) -> None:
        progress.compiling = is_compiling() or any(painter.compiling for painter in painters)
        report(progress, frames)

    return told


class PaintersByStyle:
    """What paints, by style and kind of frames, kept for the next one who asks for the same."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], tuple[Style, PaintingQueue]] = {}

    def get(
        self, style: Style, options: Options, *, planes: Color | None = None, sizes_vary: bool = False
    ) -> "PaintingQueue":
        """See open_painter."""
        seldom = options.steady and not sizes_vary
        key = (id(style), options.device, options.engine, options.optimise, planes, sizes_vary, seldom)
        if key not in self._kept:
            # With the style, whose number nothing else can have then.
            self._kept[key] = style, open_painter(style, options, planes=planes, sizes_vary=sizes_vary, seldom=seldom)
        return self._kept[key][1]

    def close(self) -> None:
        """Let go of the device."""
        for _, painter in self._kept.values():
            painter.close()
        self._kept.clear()


@dataclass(frozen=True)
class OpenVideo:
    """A video that is ready to be painted.

    Attributes:
        source: its frames.
        painters: what paints them, each from a time on, seconds from the first frame.
        gpu: number of the CUDA device that paints, None if the processor does.
    """

    source: Source
    painters: "list[tuple[float, PaintingQueue]]"
    gpu: int | None

    @property
    def engine(self) -> "Engine":
        """What paints the first frame."""
        return self.painters[0][1].engine

    def keep_on_device(self) -> bool:
        """From decoder to encoder, if both are the device's, let nothing leave its memory; whether that can be."""
        from vidstyle.media.sources import FileSource

        device = self.engine.device
        if not (self.source.planes and isinstance(self.source, FileSource) and device.startswith("cuda")):
            return False
        self.source.resident = device
        return True


def open_video(
    source: Path, output: Path, timeline: Timeline, options: Options, painters: PaintersByStyle
) -> OpenVideo:
    """Open a video, and what paints it.

    Raises:
        InputError: for one that cannot be read, and for what cannot paint here.
    """
    gpu = _gpu(timeline.styles[0], options)
    video = video_source(source, options, gpu)
    try:
        video.cut_out = video.format.alpha
        video.planes = all(_as_planes(video, output, style, options) for style in timeline.styles)
        opened = OpenVideo(
            video, timeline.painters(options, painters, planes=video.color if video.planes else None), gpu
        )
        # What does not go together is refused here.
        opened.engine  # noqa: B018
    except BaseException:
        video.close()
        raise
    return opened


def video_source(source: Path, options: Options, gpu: int | None = None) -> Source:
    """The part of a video, at the size, that options name; see FileSource for `gpu`."""
    from vidstyle.media.animations import AnimationSource, is_animation
    from vidstyle.media.sources import FileSource

    part: dict[str, Any] = {name: getattr(options, name) for name in ("size", "scale", "start", "end")}
    if is_animation(source):
        return AnimationSource(source, **part)
    return FileSource(source, **part, gpu=gpu, hdr=options.hdr)


def _as_planes(video: Source, output: Path, style: Style, options: Options) -> bool:
    """Whether colours need not be converted: everything from decoder to encoder takes the same planes."""
    from vidstyle.engines import network_takes_planes
    from vidstyle.media.output_containers import file_takes_planes

    written = file_takes_planes(output, video.format, options.codec)
    return video.has_planes and written and network_takes_planes(network_to_paint(style), video.color)


def _gpu(style: Style, options: Options) -> int | None:
    """Number of the CUDA device that paints, and so may decode and encode as well; None if the processor paints."""
    from vidstyle.engines import choose_engine

    _, device = choose_engine(options.engine, options.device, network_to_paint(style))
    return int(device.partition(":")[2]) if device.startswith("cuda") else None


def video_sink(
    video: Source,
    output: Path,
    options: Options,
    *,
    gpu: int | None = None,
    resident: bool = False,
    finer: int = 0,
) -> "FileSink | AvifSink":
    """Where the frames of `video` go to, with the other tracks of its file; see FileSink for the other parameters."""
    from vidstyle.media.avif_sink import AvifSink
    from vidstyle.media.sinks import FileSink

    sized = options.bitrate is not None or options.max_size is not None
    if output.suffix.lower() == ".avif" and video.format.alpha and options.codec in {None, "av1"} and not sized:
        return AvifSink(output, video.format, quality=options.quality, overwrite=options.overwrite)
    return FileSink(
        output,
        video.format,
        tracks=tracks_of(video, options),
        overwrite=options.overwrite,
        gpu=gpu,
        resident=resident,
        finer=finer,
        **encoding_of(video, options),
    )


def encoding_of(video: Source, options: Options) -> dict[str, Any]:
    """What a FileSink is told of how to encode a video."""
    from vidstyle.media.bit_rates import rate_of

    return {
        "codec": options.codec,
        "quality": options.quality,
        "bit_rate": rate_of(video.path, **{name: getattr(options, name) for name in RATE_OPTIONS}),
        "background": options.background,
        "strength": options.strength,
    }


def comes_in_segments(video: Source, output: Path, options: Options) -> bool:
    """Whether a video can be painted in segments that are joined afterwards."""
    from vidstyle.media.segment_sinks import takes_segments
    from vidstyle.media.sources import FileSource

    return isinstance(video, FileSource) and takes_segments(output, options.codec, alpha=video.format.alpha)


def joined_sink(
    video: Source, output: Path, encoding: Mapping[str, Any], options: Options, *, overwrite: bool
) -> "JoinedSink":
    """What joins the segments of a video, which were made with `encoding`, and adds the other tracks of its file."""
    from vidstyle.media.segment_sinks import JoinedSink

    return JoinedSink(output, video.format, **encoding, tracks=tracks_of(video, options), overwrite=overwrite)


def tracks_of(video: Source, options: Options) -> "Callable[[OutputContainer], OtherTracks] | None":
    """What makes the other tracks of a video's file, given the output; an animation has none."""
    from vidstyle.media.sources import FileSource
    from vidstyle.media.tracks import OtherTracks

    # FFmpeg may not even open an animation.
    if not isinstance(video, FileSource):
        return None

    def tracks(container: "OutputContainer") -> OtherTracks:
        return OtherTracks(
            video.path,
            container,
            origin=video.origin,
            start=options.start,
            end=options.end,
            audio=options.audio,
        )

    return tracks


def read_frames(video: Source, options: Options) -> Generator[Frame, None, None]:
    """The frames of `video`, which is closed at their end.  Raises InputError for damage if it is to be strict."""
    with contextlib.closing(video):
        yield from video if options.mask is None else _masked(video, options.mask, options)
        if options.strict and video.unreadable_from is not None:
            raise InputError(f"{_damage(video)}; without {parameter('strict')} the rest is painted")


def _masked(video: Source, mask: Path, options: Options) -> Iterator[Frame]:
    from vidstyle.media.mask_files import MaskFile

    size = video.format.width, video.format.height
    with contextlib.closing(MaskFile(mask, size, start=options.start, end=options.end)) as masks:
        for frame in video:
            yield replace(frame, mask=masks.at(frame.time))


def notes_of(video: Source) -> list[str]:
    """What a user should know of how it has been read, once it has."""
    return [*video.notes, _damage(video)] if video.unreadable_from is not None else list(video.notes)


def _damage(video: Source) -> str:
    return f"{video.path}: could not be read from {video.unreadable_from:.2f} s on"
