"""Paint a file or a folder: what the command line, the demo and programs call."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from vidstyle import pipeline
from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import Color, Frame
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import OptionFields, Options, check_request, output_beside
from vidstyle.style_files import Style
from vidstyle.styles import DEFAULT_STYLE, label_of, load_style

if TYPE_CHECKING:
    from vidstyle.engines import Engine
    from vidstyle.engines.painting_queue import PaintingQueue
    from vidstyle.media.animations import AnimationSource
    from vidstyle.media.avif_sink import AvifSink
    from vidstyle.media.picture_files import PictureSink
    from vidstyle.media.sinks import FileSink
    from vidstyle.media.sources import FileSource
    from vidstyle.stream import Stream


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

    def painters(self, options: Options, *, planes: Color | None) -> "list[tuple[float, PaintingQueue]]":
        """What paints each, when it is needed."""
        return [(time, open_painter(style, options, planes=planes)) for time, style in self.keyframes]


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        frames: painted.
        seconds: it took, from the first to the last.
        fps: frames / seconds.
        width, height: of the output, pixels.
        device, engine: what painted.
        style: its name.
        warnings: what a user should know, a line each.
    """

    frames: int
    seconds: float
    fps: float
    width: int
    height: int
    device: str
    engine: str
    style: str
    warnings: list[str] = field(default_factory=list)


RATE_OPTIONS = ("codec", "quality", "bitrate", "max_size", "start", "end", "audio")
"""Fields of Options that bear upon the size of a file."""
NAMED = 5
"""Files of a folder that are named where they are left out."""
OnProgress = Callable[[Progress, int | None], None]
"""Takes the progress and the expected number of frames, None if nobody knows."""


def restyle(
    source: str | Path,
    output: str | Path | None = None,
    *,
    style: Style | str | Path | None = None,
    style_at: Sequence[tuple[float, Style | str | Path]] = (),
    on_progress: OnProgress = lambda *_: None,
    **options: Unpack[OptionFields],
) -> Summary:
    """Paint a video, a picture, a GIF, or a folder of pictures, whichever `source` is.

    Nothing appears under the name of `output` before it is complete.

    Args:
        source, output: files, or two folders; see vidstyle.restyle_options.output_beside for what is made if None.
        style: a loaded style, the name of an installed one, a style file, or a picture to paint like; that to begin
            with if neither this nor `style_at` is given.
        style_at: of a video, the styles of certain times, seconds from its first frame on; between two times one
            fades into the other.  In place of `style`.
        on_progress: called before anything is written, and several times a second from then on, with the progress
            and the expected number of frames; what it raises stops the run.
        options: fields of Options.

    Raises:
        InputError: for anything that the caller can mend, with a message that says how.
    """
    from vidstyle.media.images import is_image

    settings = Options(**options)
    if style is not None and style_at:
        raise InputError(f"{parameter('style')}, {parameter('style_at')}: name one style, or those of certain times")
    style_at = style_at or [(0.0, style or DEFAULT_STYLE)]
    source = Path(source)
    output = Path(output) if output is not None else output_beside(source, label_of(style_at), settings.codec)
    check_request(source, output, settings)
    timeline = Timeline([(at, which if isinstance(which, Style) else load_style(which)) for at, which in style_at])
    if source.is_dir() or is_image(source):
        loaded = timeline.only()

    if source.is_dir():
        return _restyle_folder(source, output, loaded, settings, on_progress)
    if is_image(source):
        return _restyle_image(source, output, loaded, settings, on_progress)
    return _restyle_video(source, output, timeline, settings, on_progress)


def open_painter(
    style: Style,
    options: Options,
    *,
    planes: Color | None = None,
    low_latency: bool = False,
    sizes_vary: bool = False,
) -> "PaintingQueue":
    """What paints frames in a style, of one sequence or of many; made when it is needed first.

    planes, low_latency, sizes_vary: see vidstyle.engines.make_engine.
    """
    from vidstyle.engines import make_engine
    from vidstyle.engines.painting_queue import PaintingQueue

    def make() -> "Engine":
        return make_engine(
            style.network,
            options.device,
            engine=options.engine,
            planes=planes,
            low_latency=low_latency,
            sizes_vary=sizes_vary,
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
    from vidstyle.stream import Look, Stream
    from vidstyle.stream.pixel_operations import operations_on

    return Stream(
        painters,
        Look(options.strength, options.keep_colors),
        steady=options.steady,
        stroke_size=options.stroke_size,
        look_ahead=look_ahead,
        operations=operations_on(painters[0][1].engine.device),
    )


def _restyle_video(source: Path, output: Path, timeline: Timeline, options: Options, report: OnProgress) -> Summary:
    from vidstyle.media.animations import AnimationSource, is_animation
    from vidstyle.media.bit_rates import too_large
    from vidstyle.media.sources import FileSource

    gpu = _gpu(timeline.styles[0], options)
    part: dict[str, Any] = {name: getattr(options, name) for name in ("size", "scale", "start", "end")}
    video = (
        AnimationSource(source, **part)
        if is_animation(source)
        else FileSource(source, **part, gpu=gpu, hdr=options.hdr)
    )
    try:
        video.cut_out = video.format.alpha
        video.planes = all(_as_planes(video, output, style, options) for style in timeline.styles)
        painters = timeline.painters(options, planes=video.color if video.planes else None)
        engine = painters[0][1].engine
        report(Progress(), video.format.frames)
        resident = video.planes and isinstance(video, FileSource) and engine.device.startswith("cuda")
        if resident and isinstance(video, FileSource):
            # From decoder to encoder, if both are the device's, nothing leaves its memory.
            video.resident = engine.device
        sink = video_sink(video, output, options, gpu=gpu, resident=resident)
    except BaseException:
        video.close()
        raise
    frames = _read(video, options)
    size = video.format.width, video.format.height
    ahead = look_ahead(engine.device, size, planes=video.planes)
    stream = open_stream(painters, options, look_ahead=ahead)
    try:
        told = _with_compiling(report, [painter for _, painter in painters], video.format.frames)
        done = pipeline.run(frames, stream, sink, told, sink.close)
    finally:
        sink.abort()  # leaves a finished file alone
        stream.close()
        for _, painter in painters:
            painter.close()
        # A thread that is stopped in the middle of decoding closes its file itself.
        with contextlib.suppress(ValueError):
            frames.close()
    warnings = [*video.notes, *sink.notes]
    if video.unreadable_from is not None:
        warnings.append(_damage(video))
    warnings += too_large(output, options.max_size)
    return _summary(done, sink, engine, timeline.name, warnings)


def _as_planes(video: "FileSource | AnimationSource", output: Path, style: Style, options: Options) -> bool:
    """Whether colours need not be converted: everything from decoder to encoder takes the same planes."""
    from vidstyle.engines.frame_function import network_takes_planes
    from vidstyle.media.output_containers import file_takes_planes

    written = file_takes_planes(output, video.format, options.codec)
    return video.has_planes and written and network_takes_planes(style.network, video.color)


def _gpu(style: Style, options: Options) -> int | None:
    """Number of the CUDA device that paints, and so may decode and encode as well; None if the processor paints."""
    from vidstyle.engines import choose_engine

    _, device = choose_engine(options.engine, options.device, style.network)
    return int(device.partition(":")[2]) if device.startswith("cuda") else None


def video_sink(
    video: "FileSource | AnimationSource",
    output: Path,
    options: Options,
    *,
    gpu: int | None = None,
    resident: bool = False,
) -> "FileSink | AvifSink":
    """Where the frames of `video` go to, with the other tracks of its file; see FileSink for `gpu` and `resident`."""
    from av.container import OutputContainer

    from vidstyle.media.avif_sink import AvifSink
    from vidstyle.media.bit_rates import rate_of
    from vidstyle.media.sinks import FileSink
    from vidstyle.media.sources import FileSource
    from vidstyle.media.tracks import OtherTracks

    def tracks(container: OutputContainer) -> OtherTracks:
        return OtherTracks(
            video.path,
            container,
            origin=video.origin,
            start=options.start,
            end=options.end,
            audio=options.audio,
        )

    sized = options.bitrate is not None or options.max_size is not None
    if output.suffix.lower() == ".avif" and video.format.alpha and options.codec in {None, "av1"} and not sized:
        return AvifSink(output, video.format, quality=options.quality, overwrite=options.overwrite)
    return FileSink(
        output,
        video.format,
        codec=options.codec,
        quality=options.quality,
        bit_rate=rate_of(
            video.path,
            output,
            (video.format.width, video.format.height),
            video.format.rate,
            **{name: getattr(options, name) for name in RATE_OPTIONS},
        ),
        # An animation has no other tracks, and FFmpeg may not open it.
        tracks=tracks if isinstance(video, FileSource) else None,
        overwrite=options.overwrite,
        gpu=gpu,
        resident=resident,
        background=options.background,
        strength=options.strength,
    )


def _read(video: "FileSource | AnimationSource", options: Options) -> Generator[Frame, None, None]:
    """The frames of `video`, which is closed at their end.  Raises InputError for damage if it is to be strict."""
    with contextlib.closing(video):
        yield from video
        if options.strict and video.unreadable_from is not None:
            raise InputError(f"{_damage(video)}; without {parameter('strict')} the rest is painted")


def _damage(video: "FileSource | AnimationSource") -> str:
    return f"{video.path}: could not be read from {video.unreadable_from:.2f} s on"


def _restyle_image(source: Path, output: Path, style: Style, options: Options, report: OnProgress) -> Summary:
    return _restyle_pictures([source], output.parent, [output.name], style, options, report, skips=False)


def _restyle_folder(source: Path, output: Path, style: Style, options: Options, report: OnProgress) -> Summary:
    from vidstyle.media.images import left_out_of, pictures_in, written_names

    pictures, others = pictures_in(source), left_out_of(source)
    done = _restyle_pictures(pictures, output, written_names(pictures), style, options, report)
    if others:
        some = ", ".join(others[:NAMED]) + (", ..." if len(others) > NAMED else "")
        done.warnings.append(f"{source}: {len(others)} left out, which are no pictures: {some}")
    return done


def _restyle_pictures(
    pictures: list[Path],
    folder: Path,
    names: list[str],
    style: Style,
    options: Options,
    report: OnProgress,
    *,
    skips: bool = True,
) -> Summary:
    """Paint `pictures` into `folder`, under `names`; see PictureSource for `skips`."""
    from vidstyle.media.picture_files import PictureSink, PictureSource

    source = PictureSource(pictures, options.size, options.scale, strict=options.strict, skips=skips)
    options = dataclasses.replace(options, steady=False)  # they have nothing to do with each other
    painter = open_painter(style, options, sizes_vary=True)
    engine = painter.engine
    stream = open_stream([(0.0, painter)], options, look_ahead=engine.depth)
    report(Progress(), len(pictures))
    sink = PictureSink(folder, names, source.details, overwrite=options.overwrite)
    try:
        done = pipeline.run(source, stream, sink, _with_compiling(report, [painter], len(pictures)), sink.close)
    finally:
        sink.abort()
        stream.close()
        painter.close()
    return _summary(done, sink, engine, style.card.name, source.notes)


def _with_compiling(
    report: OnProgress, painters: "Sequence[PaintingQueue]", frames: int | None
) -> Callable[[Progress], None]:
    """Report with what the painters are at."""

    def told(progress: Progress) -> None:
        progress.compiling = any(painter.compiling for painter in painters)
        report(progress, frames)

    return told


def _summary(
    done: Progress, sink: "FileSink | AvifSink | PictureSink", engine: "Engine", style: str, warnings: list[str]
) -> Summary:
    return Summary(
        frames=done.frames,
        seconds=round(done.seconds, 3),
        fps=round(done.fps, 2),
        width=sink.width,
        height=sink.height,
        device=engine.device,
        engine=engine.name,
        style=style,
        warnings=warnings,
    )
