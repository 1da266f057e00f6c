"""Paint a file, a folder, or frames one by one: what the command line, the demo and programs call."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidstyle import pipeline
from vidstyle.errors import InputError, parameter
from vidstyle.media.frame import SMALLEST_SIDE, Frame
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import Options, check_request, output_beside
from vidstyle.style_files import Style
from vidstyle.styles import DEFAULT_STYLE, label_of, load_style
from vidstyle.video_runs import (
    PaintersByStyle,
    Timeline,
    damage_of,
    look_ahead,
    open_painter,
    open_stream,
    open_video,
    read,
    video_sink,
)

if TYPE_CHECKING:
    import numpy as np

    from vidstyle.engines import Engine
    from vidstyle.media.images import PictureSink
    from vidstyle.media.sinks import FileSink


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
    output: str | Path | None = None,
    *,
    style: Style | str | Path | None = None,
    style_at: Sequence[tuple[float, Style | str | Path]] = (),
    on_progress: OnProgress = lambda *_: None,
    **options: Any,
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
    settings = Options(**options)
    if style is not None and style_at:
        raise InputError(f"{parameter('style')}, {parameter('style_at')}: name one style, or those of certain times")
    style_at = style_at or [(0.0, style or DEFAULT_STYLE)]
    source = Path(source)
    output = Path(output) if output is not None else output_beside(source, label_of(style_at), settings.codec)
    check_request(source, output, settings)
    timeline = Timeline([(at, which if isinstance(which, Style) else load_style(which)) for at, which in style_at])
    with contextlib.closing(PaintersByStyle()) as painters:
        if source.is_dir():
            return _restyle_folder(source, output, timeline.only(), settings, on_progress, painters)
        return restyle_file(source, output, timeline, settings, on_progress, painters)


def restyle_file(
    source: Path, output: Path, timeline: Timeline, options: Options, report: OnProgress, painters: PaintersByStyle
) -> Summary:
    """Paint one file with what may have painted others before; see `restyle`, which checks what is asked first."""
    from vidstyle.media.images import is_image

    if is_image(source):
        names = [output.name]
        return _restyle_pictures(
            [source], output.parent, names, timeline.only(), options, report, painters, skips=False
        )
    return _restyle_video(source, output, timeline, options, report, painters)


def _restyle_video(
    source: Path, output: Path, timeline: Timeline, options: Options, report: OnProgress, painters: PaintersByStyle
) -> Summary:
    opened = open_video(source, output, timeline, options, painters)
    video = opened.source
    try:
        report(Progress(), video.format.frames)
        sink = video_sink(video, output, options, gpu=opened.gpu, resident=opened.keep_on_device())
    except BaseException:
        video.close()
        raise
    frames = read(video, options)
    stream = open_stream(opened.painters, options, look_ahead=look_ahead(opened.engine.device))
    try:
        done = pipeline.run(frames, stream, sink, lambda p: report(p, video.format.frames), sink.close)
    finally:
        sink.abort()  # leaves a finished file alone
        stream.close()
        # A thread that is stopped in the middle of decoding closes its file itself.
        with contextlib.suppress(ValueError):
            frames.close()
    return summary_of(done, sink, opened.engine, timeline.name, [*video.notes, *sink.notes, *damage_of(video)])


def _restyle_folder(
    source: Path, output: Path, style: Style, options: Options, report: OnProgress, painters: PaintersByStyle
) -> Summary:
    from vidstyle.media.images import left_out_of, pictures_in, written_names

    pictures, others = pictures_in(source), left_out_of(source)
    done = _restyle_pictures(pictures, output, written_names(pictures), style, options, report, painters)
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
    painters: PaintersByStyle,
    *,
    skips: bool = True,
) -> Summary:
    """Paint `pictures` into `folder`, under `names`; see PictureSource for `skips`."""
    from vidstyle.media.images import PictureSink, PictureSource

    source = PictureSource(pictures, options.size, options.scale, strict=options.strict, skips=skips)
    options = dataclasses.replace(options, steady=False)  # they have nothing to do with each other
    painter = painters.get(style, options, sizes_vary=True)
    engine = painter.engine
    stream = open_stream([(0.0, painter)], options, look_ahead=engine.depth)
    report(Progress(), len(pictures))
    sink = PictureSink(folder, names, source.details, overwrite=options.overwrite)
    try:
        done = pipeline.run(source, stream, sink, lambda p: report(p, len(pictures)), sink.close)
    finally:
        sink.abort()
        stream.close()
    return summary_of(done, sink, engine, style.card.name, source.notes)


def summary_of(
    done: Progress, sink: "FileSink | PictureSink", engine: "Engine", style: str, warnings: list[str]
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
