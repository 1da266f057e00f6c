"""Paint a file, a folder, or frames one by one: what the command line, the demo and programs call."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidstyle import pipeline
from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import SMALLEST_SIDE, Color, Frame
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options, check_request
from vidstyle.style_files import Style
from vidstyle.styles import load_style

if TYPE_CHECKING:
    import numpy as np

    from vidstyle.engines import Engine
    from vidstyle.engines.painting_queue import PaintingQueue
    from vidstyle.media.animations import AnimationSource
    from vidstyle.media.avif_sink import AvifSink
    from vidstyle.media.picture_files import PictureSink
    from vidstyle.media.sinks import FileSink
    from vidstyle.media.sources import FileSource
    from vidstyle.stream import Stream

LOOK_AHEAD = 8
"""Frames of a video that are on the way at a time, so that one is being painted while those before it are shown."""


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


NAMED = 5
"""Files of a folder that are named where they are left out."""
OnProgress = Callable[[Progress, int | None], None]
"""Takes the progress and the expected number of frames, None if nobody knows."""


class Painter:
    """Paints frames one by one.

    Args:
        style: a loaded style, the name of an installed one, or a style file.
        device, engine, strength, keep_colors, steady, stroke_size: see Options.
        sizes_vary: frames come in many sizes; see vidstyle.engines.make_engine.

    Frames are painted in the order given, as one sequence; call `reset` before the first of another one.
    """

    def __init__(
        self,
        style: Style | str | Path,
        *,
        device: str = "auto",
        engine: str = "auto",
        strength: float = 1.0,
        keep_colors: bool = False,
        steady: bool = True,
        stroke_size: float = 1.0,
        sizes_vary: bool = False,
    ) -> None:
        options = Options(
            device=device,
            engine=engine,
            strength=strength,
            keep_colors=keep_colors,
            steady=steady,
            stroke_size=stroke_size,
        )
        loaded = style if isinstance(style, Style) else load_style(style)
        self._painter = open_painter(loaded, options, low_latency=True, sizes_vary=sizes_vary)
        # What does not go together is refused here, rather than with the first frame.
        self._painter.engine  # noqa: B018
        self._stream = open_stream([(0.0, self._painter)], options, look_ahead=1)
        self._discontinuity = True

    def __call__(self, pixels: "np.ndarray") -> "np.ndarray":
        """Paint RGB (H, W, 3) uint8, at least 16 pixels a side; returns the same shape and type.

        Raises:
            InputError: for an array of another shape or type.
        """
        import numpy as np

        pixels = np.asarray(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise InputError(f"a frame is RGB (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
        if min(pixels.shape[:2]) < SMALLEST_SIDE:
            height, width = pixels.shape[:2]
            raise InputError(f"a frame has at least {SMALLEST_SIDE} pixels a side, not {width}x{height}")
        # The caller may go on to write into its array, and into what it is given.
        pixels = np.array(pixels, order="C")
        frame = Frame(pixels, 0, Fraction(1), discontinuity=self._discontinuity)
        self._discontinuity = False
        self._stream.submit(frame)
        return self._stream.result().pixels.copy()

    def reset(self) -> None:
        """The next frame has nothing to do with the last one."""
        self._discontinuity = True

    def close(self) -> None:
        """Let go of the device."""
        self._stream.close()
        self._painter.close()


def restyle(
    source: str | Path,
    output: str | Path,
    *,
    style: Style | str | Path | None = None,
    style_at: Sequence[tuple[float, Style | str | Path]] = (),
    on_progress: OnProgress = lambda *_: None,
    **options: Any,
) -> Summary:
    """Paint a video, a picture, a GIF, or a folder of pictures, whichever `source` is.

    Nothing appears under the name of `output` before it is complete.

    Args:
        source, output: files, or two folders.
        style: a loaded style, the name of an installed one, a style file, or a picture to paint like.
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
    source, output = Path(source), Path(output)
    check_request(source, output, settings)
    if (style is None) == (not style_at):
        raise InputError(f"{parameter('style')}, {parameter('style_at')}: name one style, or those of certain times")
    if style is not None:
        style_at = [(0.0, style)]
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


def open_stream(painters: "Sequence[tuple[float, PaintingQueue]]", options: Options, *, look_ahead: int) -> "Stream":
    """One sequence of frames, painted by these from certain times on; see vidstyle.stream."""
    from vidstyle.stream import Look, Stream

    look = Look(options.strength, options.keep_colors)
    return Stream(painters, look, steady=options.steady, stroke_size=options.stroke_size, look_ahead=look_ahead)


def _restyle_video(source: Path, output: Path, timeline: Timeline, options: Options, report: OnProgress) -> Summary:
    from vidstyle.media.animations import AnimationSource, is_animation
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
        sink = video_sink(video, output, options, gpu=gpu is not None)
    except BaseException:
        video.close()
        raise
    frames = _read(video, options)
    stream = open_stream(painters, options, look_ahead=LOOK_AHEAD)
    try:
        done = pipeline.run(frames, stream, sink, lambda p: report(p, video.format.frames), sink.close)
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
    video: "FileSource | AnimationSource", output: Path, options: Options, *, gpu: bool = False
) -> "FileSink | AvifSink":
    """Where the frames of `video` go to, with the other tracks of its file; see FileSink for `gpu`."""
    from av.container import OutputContainer

    from vidstyle.media.avif_sink import AvifSink
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

    if output.suffix.lower() == ".avif" and video.format.alpha and options.codec in {None, "av1"}:
        return AvifSink(output, video.format, quality=options.quality, overwrite=options.overwrite)
    return FileSink(
        output,
        video.format,
        codec=options.codec,
        quality=options.quality,
        # An animation has no other tracks, and FFmpeg may not open it.
        tracks=tracks if isinstance(video, FileSource) else None,
        overwrite=options.overwrite,
        gpu=gpu,
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
        done = pipeline.run(source, stream, sink, lambda p: report(p, len(pictures)), sink.close)
    finally:
        sink.abort()
        stream.close()
        painter.close()
    return _summary(done, sink, engine, style.card.name, source.notes)


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
