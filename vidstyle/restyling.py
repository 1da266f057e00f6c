"""Paint a file or a folder: what the command line, the demo and programs call."""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vidstyle import pipeline
from vidstyle.errors import InputError, lacks_memory, parameter, some_of
from vidstyle.media.frame import Frame
from vidstyle.pipeline import Progress
from vidstyle.restyle_options import OptionFields, Options, check_request, output_beside
from vidstyle.style_files import Style
from vidstyle.styles import DEFAULT_STYLE, check_steps, label_of
from vidstyle.video_runs import (
    OnProgress,
    PaintersByStyle,
    Timeline,
    load_timeline,
    look_ahead,
    notes_of,
    open_stream,
    open_video,
    read_frames,
    reporting,
    video_sink,
)

if TYPE_CHECKING:
    from vidstyle.media.avif_sink import AvifSink
    from vidstyle.media.picture_files import PictureSink
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
    settings = Options(**options)
    if style is not None and style_at:
        raise InputError(f"{parameter('style')}, {parameter('style_at')}: name one style, or those of certain times")
    argument = "style_at" if style_at else "style"
    style_at = style_at or [(0.0, DEFAULT_STYLE if style is None else style)]
    source = Path(source)
    output = (
        Path(output)
        if output is not None
        else output_beside(source, label_of(style_at, argument=argument), settings.codec)
    )
    check_request(source, output, settings)
    check_steps(style_at, settings.optimise, argument=argument)
    timeline = load_timeline(style_at, argument=argument)
    with contextlib.closing(PaintersByStyle()) as painters, _memory_errors(source):
        if source.is_dir():
            return _restyle_folder(source, output, timeline.only(), settings, on_progress, painters)
        return restyle_file(source, output, timeline, settings, on_progress, painters)


@contextlib.contextmanager
def _memory_errors(source: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        said = f"there is not enough memory to paint it; choose a smaller {parameter('size')}"
        raise InputError(f"{source}: {said}") from error


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
    from vidstyle.media.bit_rates import too_large

    opened = open_video(source, output, timeline, options, painters)
    video, engine = opened.source, opened.engine
    try:
        report(Progress(), video.format.frames)
        sink = video_sink(video, output, options, gpu=opened.gpu, resident=opened.keep_on_device())
    except BaseException:
        video.close()
        raise
    frames = read_frames(video, options)
    size = video.format.width, video.format.height
    stream = open_stream(opened.painters, options, look_ahead=look_ahead(engine.device, size, planes=video.planes))
    try:
        told = reporting(report, video.format.frames, [painter for _, painter in opened.painters])
        done = pipeline.run(frames, stream, sink, told, sink.close)
    finally:
        stream.close()
        sink.abort()  # leaves a finished file alone
        # A thread that is stopped in the middle of decoding closes its file itself.
        with contextlib.suppress(ValueError):
            frames.close()
    warnings = [*notes_of(video), *sink.notes, *too_large(output, options.max_size)]
    return summary_of(done, sink, warnings, device=engine.device, engine=engine.name, style=timeline.name)


def _restyle_folder(
    source: Path, output: Path, style: Style, options: Options, report: OnProgress, painters: PaintersByStyle
) -> Summary:
    from vidstyle.media.suffixes import left_out_of, pictures_in, written_names

    pictures, others = pictures_in(source), left_out_of(source)
    done = _restyle_pictures(pictures, output, written_names(pictures), style, options, report, painters)
    if others:
        done.warnings.append(f"{source}: {len(others)} left out, no picture: {some_of(others, NAMED)}")
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
    from vidstyle.media.picture_files import PictureSink, PictureSource

    source = PictureSource(pictures, options.size, options.scale, strict=options.strict, skips=skips)
    options = dataclasses.replace(options, steady=False)  # they have nothing to do with each other
    painter = painters.get(style, options, sizes_vary=True)
    engine = painter.engine
    report(Progress(), len(pictures))
    sink = PictureSink(folder, names, source.details, overwrite=options.overwrite)
    frames = source if options.mask is None else _masked(source, options.mask)
    stream = open_stream([(0.0, painter)], options, look_ahead=engine.depth)
    try:
        done = pipeline.run(frames, stream, sink, reporting(report, len(pictures), [painter]), sink.close)
    finally:
        stream.close()
        sink.abort()
    return summary_of(done, sink, source.notes, device=engine.device, engine=engine.name, style=style.card.name)


def _masked(source: Iterable[Frame], mask: Path) -> Iterator[Frame]:
    """Pictures of any size with one mask."""
    from vidstyle.media.images import is_image
    from vidstyle.media.mask_files import read_mask

    if not is_image(mask):
        raise InputError(f"{parameter('mask', mask)}: is no picture; pictures have one for all of them")
    for frame in source:
        yield dataclasses.replace(frame, mask=read_mask(mask, (frame.pixels.shape[1], frame.pixels.shape[0])))


def summary_of(
    done: Progress,
    sink: "FileSink | AvifSink | PictureSink",
    warnings: list[str],
    *,
    device: str,
    engine: str,
    style: str,
) -> Summary:
    return Summary(
        frames=done.frames,
        seconds=round(done.seconds, 3),
        fps=round(done.fps, 2),
        width=sink.width,
        height=sink.height,
        device=device,
        engine=engine,
        style=style,
        warnings=warnings,
    )
