"""The command line: one short function a command, each a thin layer over what the library offers."""

import contextlib
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import asdict, replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Optional, TypeVar

import typer

from vidstyle import __version__
from vidstyle.errors import InputError, VidstyleError

if TYPE_CHECKING:
    from vidstyle.painting import Summary
    from vidstyle.pipeline import Progress

T = TypeVar("T")

INTERRUPTED = 130
STOP_SECONDS = 0.7
"""How long an interrupted run may take to tidy up."""

app = typer.Typer(
    help="Paint video, live, in the style of a picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class CodecName(StrEnum):
    """Keys of vidstyle.media.codecs.CODECS, here so that `--help` need not load FFmpeg."""

    h264 = "h264"
    hevc = "hevc"
    av1 = "av1"
    vp9 = "vp9"
    prores = "prores"
    ffv1 = "ffv1"
    gif = "gif"


class AudioChoice(StrEnum):
    """What happens to the sound."""

    copy = "copy"
    none = "none"


class KeepColors(StrEnum):
    """vidstyle.optimise.settings.KEEP_COLORS, here so that `--help` need not load torch."""

    luminance = "luminance"
    histogram = "histogram"


def parse_size(text: str, option: str = "--size") -> tuple[int, int]:
    """`WxH` as (width, height)."""
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text.strip())
    if not match:
        raise InputError(f"{option} {text}: takes WIDTHxHEIGHT in pixels, such as 640x360")
    return int(match[1]), int(match[2])


def parse_time(text: str, option: str) -> float:
    """Seconds, MM:SS or HH:MM:SS, each with a fraction, as seconds."""
    match = re.fullmatch(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d*)?|\.\d+)", text.strip())
    if not match or (match[2] is not None and float(match[3]) >= 60):
        raise InputError(f"{option} {text}: takes seconds or HH:MM:SS, such as 12.5 or 00:01:30")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def parse_station(text: str) -> tuple[float, str]:
    """`TIME=STYLE` as seconds and the style."""
    time, equals, style = text.partition("=")
    if not equals or not style.strip():
        raise InputError(f"--style-at {text}: takes TIME=STYLE, such as 10=great_wave")
    return parse_time(time, "--style-at"), style.strip()


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vidstyle {__version__}")
        raise typer.Exit


PerceptualName = Annotated[
    Optional[str],
    typer.Option(metavar="NAME", help="vidstyle, vgg16, vgg19, vgg19-distilled, vgg19-shallow or vgg19-hybrid."),
]
PerceptualWeights = Annotated[
    Optional[Path],
    typer.Option(help="Its weights: a file or a folder; vidstyle's come along, torchvision's are fetched."),
]
Checkpointing = Annotated[
    bool, typer.Option("--checkpointing", help="Less memory for more time: compute activations again.")
]


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def restyle(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Video, picture, GIF or folder of pictures.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="What to make of it, of the same kind.")],
    style: Annotated[
        Optional[str],
        typer.Option(
            metavar="NAME|FILE", help="Installed style, style file, any picture, or a mix: NAME:0.3,NAME:0.7."
        ),
    ] = None,
    style_at: Annotated[
        Optional[list[str]],
        typer.Option(metavar="TIME=STYLE", help="Style of a time; may be repeated, and each fades into the next."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    engine: Annotated[str, typer.Option(metavar="auto|torch|openvino|cuda", help="What to compute with.")] = "auto",
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Size to paint at.")] = None,
    scale: Annotated[Optional[float], typer.Option(help="Paint at this multiple of the input's size.")] = None,
    strength: Annotated[float, typer.Option(help="0 is the source, 1 the painting.")] = 1.0,
    keep_colors: Annotated[bool, typer.Option("--keep-colors", help="The source's colours, painted.")] = False,
    steady: Annotated[bool, typer.Option(help="Let the paint of a video move with what it shows.")] = True,
    codec: Annotated[Optional[CodecName], typer.Option(help="Of a video; by the suffix if left out.")] = None,
    quality: Annotated[Optional[int], typer.Option(help="CRF of the codec: smaller is better.")] = None,
    start: Annotated[Optional[str], typer.Option(metavar="TIME", help="Seconds or HH:MM:SS.")] = None,
    end: Annotated[Optional[str], typer.Option(metavar="TIME", help="Seconds or HH:MM:SS.")] = None,
    audio: Annotated[AudioChoice, typer.Option(help="What becomes of sound and subtitles.")] = AudioChoice.copy,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT if it exists.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on damaged input.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Paint INPUT in a style: video to video, picture to picture, GIF to GIF, folder to folder."""
    stations = [parse_station(text) for text in style_at or ()]
    settings: dict[str, Any] = {
        "device": device,
        "engine": engine,
        "size": None if size is None else parse_size(size),
        "scale": scale,
        "strength": strength,
        "keep_colors": keep_colors,
        "steady": steady,
        "codec": codec.value if codec else None,
        "quality": quality,
        "start": None if start is None else parse_time(start, "--start"),
        "end": None if end is None else parse_time(end, "--end"),
        "audio": audio is AudioChoice.copy,
        "overwrite": overwrite,
        "strict": strict,
    }
    from vidstyle.progress import FrameProgress

    with FrameProgress(source.name, quiet=quiet) as bar:

        def paint(check: Callable[[], None]) -> "Summary":
            from vidstyle import painting

            def report(progress: "Progress", frames: int | None) -> None:
                check()
                bar.update(progress, frames)

            return painting.restyle(source, output, style=style, style_at=stations, on_progress=report, **settings)

        summary = _interruptible(paint)
    for warning in summary.warnings:
        _say(f"warning: {warning}")
    if as_json:
        fields = asdict(summary)
        fields.pop("warnings")
        print(json.dumps(fields))
    elif not quiet:
        _say(
            f"{output}: {summary.frames} frame{'s' * (summary.frames != 1)}, "
            f"{summary.width}x{summary.height}, in {summary.seconds:.1f} s "
            f"({summary.fps:.1f} fps) on {summary.device} ({summary.engine})"
        )


@app.command()
def live(
    style: Annotated[
        Optional[str], typer.Option(metavar="NAME|FILE", help="Style to begin with; the first installed one.")
    ] = None,
    camera: Annotated[str, typer.Option(help="Camera (number, name, device), screen[:N], URL or video file.")] = "0",
    to: Annotated[
        Optional[list[str]],
        typer.Option(help="window, virtual, pipe:, a file, or an rtmp, rtsp, udp or srt URL; may be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Paint and show at this size always.")] = None,
    camera_size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Size to ask the camera for.")] = None,
    camera_fps: Annotated[Optional[float], typer.Option(help="Rate to ask the camera for.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin a file again at its end.")] = False,
    microphone: Annotated[bool, typer.Option("--microphone", help="Record the microphone's sound, too.")] = False,
    microphone_name: Annotated[
        Optional[str], typer.Option(metavar="NAME|FILE", help="Another microphone than the usual one.")
    ] = None,
    strength: Annotated[float, typer.Option(help="0 is the source, 1 the painting.")] = 1.0,
    keep_colors: Annotated[bool, typer.Option("--keep-colors", help="The source's colours, painted.")] = False,
    mirror: Annotated[bool, typer.Option("--mirror", help="Left and right exchanged, as in a mirror.")] = False,
    keep_up: Annotated[bool, typer.Option(help="Paint smaller where painting is slower than the camera.")] = True,
    seconds: Annotated[Optional[float], typer.Option(help="End after so many seconds.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a recording that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No figures at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Paint a camera, a stream, the screen or a file while it plays; `q` or Ctrl-C ends it."""
    targets = to or ["window"]
    with _signals_as_event() as stop:
        # On Linux both carry libraries of X11, and only those of the one that is loaded first work: PyAV grabs
        # screens, OpenCV opens windows.
        import_module("av" if camera.startswith("screen") else "cv2")
        from vidstyle import live as session
        from vidstyle.allocator import share_one_heap

        share_one_heap()

        figures = session.run(
            session.Settings(
                style=style,
                camera=camera,
                to=targets,
                device=device,
                size=None if size is None else parse_size(size),
                camera_size=None if camera_size is None else parse_size(camera_size, "--camera-size"),
                camera_fps=camera_fps,
                loop=loop,
                microphone=microphone_name or ("default" if microphone else None),
                strength=strength,
                keep_colors=keep_colors,
                mirror=mirror,
                keep_up=keep_up,
                seconds=seconds,
                overwrite=overwrite,
            ),
            stop,
        )
        if stop.is_set() and not figures.shown:
            raise KeyboardInterrupt
    if as_json:
        # Frames have standard output to themselves.
        piped = any(target.startswith("pipe:") for target in targets)
        print(json.dumps(asdict(figures)), file=sys.stderr if piped else sys.stdout)
    elif not quiet:
        delay = figures.delay_ms
        _say(
            f"{figures.camera}: {figures.captured} frames captured, {figures.shown} shown, {figures.dropped} dropped, "
            f"{figures.fps:.1f} fps, delay {delay['p50']:.0f} ms (p95 {delay['p95']:.0f}, p99 {delay['p99']:.0f}), "
            f"painted at {figures.painted_width}x{figures.painted_height} on {figures.device} ({figures.engine})"
        )
        for name in figures.files:
            _say(f"saved {name}")


@app.command()
def cameras(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the cameras that are there, with their modes."""
    from vidstyle.media.cameras import list_cameras

    found = list_cameras()
    if as_json:
        print(json.dumps([asdict(camera) for camera in found], indent=2))
        return
    if not found:
        _say("no camera is here; --camera also takes a video file, a URL, or screen")
    for camera in found:
        print(f"{camera.index}  {camera.title or camera.device}  ({camera.device})")
        for mode in camera.modes:
            print(f"   {mode}")


@app.command()
def styles(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the installed styles."""
    from vidstyle.styles import list_styles

    cards = list_styles()
    if as_json:
        print(json.dumps([asdict(card) | {"path": str(card.path)} for card in cards], indent=2))
        return
    from vidstyle.tables import print_styles

    print_styles(cards)


@app.command()
def evaluate(
    clip: Annotated[Path, typer.Option(metavar="VIDEO", help="What to paint.")],
    names: Annotated[
        Optional[list[str]], typer.Argument(metavar="[STYLE]...", help="Names or files; all installed ones if none.")
    ] = None,
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Size to paint it at.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="How many of its first frames.")] = 16,
    recipes: Annotated[Path, typer.Option(help="Folder with NAME.toml of each style, which names its picture.")] = Path(
        "train"
    ),
    picture: Annotated[Optional[Path], typer.Option(help="The style's picture, in place of the recipe's.")] = None,
    perceptual: Annotated[str, typer.Option(metavar="NAME", help="As for train.")] = "vgg19-hybrid",
    perceptual_weights: Annotated[
        Optional[Path], typer.Option(help="As for train; without, only steadiness and grid are measured.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the style files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Measure styles on a video: steadiness, nearness to the picture and to the source, grid."""
    from vidstyle.style_files import SUFFIX, save_style
    from vidstyle.styles import list_styles, load_style
    from vidstyle.training.evaluate import Clip, Judge, evaluate, picture_of

    chosen = [load_style(name) for name in names or [card.name for card in list_styles()]]
    if write and (others := [style.card.path for style in chosen if style.card.path.suffix != SUFFIX]):
        raise InputError(f"--write: {others[0]} is no style file")
    measured = Clip(clip, frames=frames, size=None if size is None else parse_size(size))
    judge = Judge(perceptual, perceptual_weights) if perceptual_weights is not None else None
    rows = []
    for style in chosen:
        image = picture if picture is not None else picture_of(style.card, recipes)
        if judge is not None and image is None:
            _say(f"warning: {style.card.name}: no {recipes / style.card.name}.toml names its picture; see --picture")
        figures = evaluate(style, measured, device=device, judge=judge, picture=image)
        if write:
            save_style(style.card.path, style.network, replace(style.card, metrics=style.card.metrics | figures))
        rows.append({"style": style.card.name} | figures)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from vidstyle.tables import print_figures

    print_figures(rows, f"{clip.name}, {len(measured.frames)} frames")


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE|PICTURE", help="A recipe (.toml) or a style picture.")],
    out: Annotated[
        Optional[Path],
        typer.Option(help="File to make; by default weights/NAME.safetensors beside the recipe's folder."),
    ] = None,
    photos: Annotated[Optional[Path], typer.Option(help="Folder of photographs.")] = None,
    clips: Annotated[Optional[Path], typer.Option(help="Folder of videos, for steadiness.")] = None,
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    steps: Annotated[Optional[int], typer.Option(min=1, help="In place of the recipe's.")] = None,
    minutes: Annotated[Optional[float], typer.Option(min=0.01, help="Train this long, in place of steps.")] = None,
    seed: Annotated[Optional[int], typer.Option(help="In place of the recipe's.")] = None,
    network: Annotated[
        Optional[str], typer.Option(metavar="realtime|large|johnson", help="In place of the recipe's; large for GPUs.")
    ] = None,
    init: Annotated[Optional[str], typer.Option(metavar="NAME|FILE", help="Style to start from.")] = None,
    balance: Annotated[bool, typer.Option("--balance", help="Find the weight of style by itself.")] = False,
    checkpointing: Checkpointing = False,
    report: Annotated[Optional[Path], typer.Option(help="Folder for curves, pictures and TensorBoard.")] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 200,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Make a style from a recipe, or from a picture and a folder of photographs.

    Under torchrun, several processes share every batch.
    """
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.progress import TrainingProgress
    from vidstyle.training.make_style import default_output, make_style
    from vidstyle.training.options import resolve_recipe

    keep_freed_memory()
    resolved = resolve_recipe(
        recipe,
        photos=photos,
        clips=clips,
        perceptual=perceptual,
        perceptual_weights=perceptual_weights,
        steps=steps,
        minutes=minutes,
        seed=seed,
        network=network,
        init=init,
        balance=balance,
    )
    with TrainingProgress(resolved.name, quiet=quiet) as bar:
        card = make_style(
            resolved,
            out or default_output(recipe, resolved.name),
            device=device,
            checkpoint_every=checkpoint_every,
            checkpointing=checkpointing,
            resume=resume,
            overwrite=overwrite,
            report=report,
            on_progress=bar.update,
            on_warning=lambda warning: _say(f"warning: {warning}"),
        )
    if card is not None:
        figures = ", ".join(f"{name} {value:.3g}" for name, value in card.metrics.items())
        _say(f"{card.path}: {card.parameters:,} parameters; {figures}")


@app.command()
def style_from(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="What to paint like.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Style file (.safetensors) to make.")],
    by: Annotated[
        str, typer.Option(metavar="NAME", help="What makes it: meta_realtime, adain, metanet_improved, or a file.")
    ] = "meta_realtime",
    refine: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Train it further for so long.")] = 0.0,
    photos: Annotated[
        Optional[Path], typer.Option(help="Folder of photographs to train with; some come with the program.")
    ] = None,
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Make a style of a picture in a moment; with --refine, a better one in a minute."""
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.progress import TrainingProgress
    from vidstyle.training.refine import style_from as make

    keep_freed_memory()
    started = time.monotonic()
    with TrainingProgress(picture.name, quiet=quiet or not refine) as bar:
        card = make(
            picture,
            out,
            by=by,
            refine=refine,
            photos=photos,
            perceptual=perceptual,
            perceptual_weights=perceptual_weights,
            device=device,
            overwrite=overwrite,
            on_progress=bar.update,
        )
    if not quiet:
        figures = "".join(f"; {name} {value:.3g}" for name, value in card.metrics.items())
        _say(f"{card.path}: {card.title}, {card.parameters:,} parameters, {time.monotonic() - started:.1f} s{figures}")


@app.command()
def paint(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="Picture to paint; with --video, a video.")],
    files: Annotated[
        list[str],
        typer.Argument(metavar="STYLE... OUT", help="Pictures to paint like, FILE or FILE:WEIGHT; file to make."),
    ],
    preset: Annotated[str, typer.Option(metavar="best|gatys|d2l|adam", help="The way to paint.")] = "best",
    size: Annotated[int, typer.Option(help="Longer side of the painting, pixels, up to 4096.")] = 512,
    content_weight: Annotated[Optional[float], typer.Option(help="In place of the preset's.")] = None,
    style_weight: Annotated[Optional[float], typer.Option(help="In place of the preset's.")] = None,
    init: Annotated[Optional[str], typer.Option(metavar="noise|content|style|FILE", help="Where to start.")] = None,
    keep_colors: Annotated[
        Optional[KeepColors],
        typer.Option(help="Paint luminance only, or give the styles the content's colours beforehand."),
    ] = None,
    mask: Annotated[
        Optional[list[Path]],
        typer.Option(help="Picture, white where a style paints; one for each style, or all but the last."),
    ] = None,
    style_scale: Annotated[float, typer.Option(help="Size of the strokes.")] = 1.0,
    steps: Annotated[Optional[int], typer.Option(min=1, help="At each scale, in place of the preset's.")] = None,
    seed: Annotated[int, typer.Option(help="Of noise; the same seed makes the same picture.")] = 0,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    checkpointing: Checkpointing = False,
    tile: Annotated[Optional[int], typer.Option(help="Look at a large picture in parts of this side, pixels.")] = None,
    video: Annotated[bool, typer.Option("--video", help="Paint a video; run again, it goes on where it was.")] = False,
    preview: Annotated[Optional[Path], typer.Option(help="Picture that is written again every few steps.")] = None,
    snapshots: Annotated[int, typer.Option(min=0, help="Pictures of the way to keep, beside OUT.")] = 0,
    plot: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Draw the loss curves (PNG).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Paint CONTENT like one STYLE or several by optimisation: slow and beautiful.  Ctrl-C keeps the picture so far."""
    *styles, last = files
    if not styles:
        raise InputError("paint takes CONTENT, one STYLE or more, and OUT: the picture to make is missing")
    out = Path(last)
    if video and (preview or snapshots or plot):
        raise InputError("--preview, --snapshots and --plot: are for pictures, not for --video")
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.progress import PaintingProgress

    keep_freed_memory()
    with _signals_as_event("" if quiet else "stopping after this step; once more ends at once") as stop:
        from vidstyle.optimise.painting import Watch, paint_picture
        from vidstyle.optimise.record import Outputs
        from vidstyle.optimise.settings import Settings
        from vidstyle.optimise.video import paint_video

        settings = Settings(
            preset=preset,
            size=size,
            content_weight=content_weight,
            style_weight=style_weight,
            init=init,
            keep_colors=keep_colors.value if keep_colors else None,
            masks=tuple(mask or ()),
            style_scale=style_scale,
            steps=steps,
            seed=seed,
            device=device,
            perceptual=perceptual,
            perceptual_weights=perceptual_weights,
            checkpointing=checkpointing,
            tile=tile,
        )
        with PaintingProgress(content.name, quiet=quiet) as bar:
            watch = Watch(bar.update, lambda note: None if quiet else _say(note), stop.is_set)
            if video:
                done = paint_video(content, styles, out, settings, overwrite=overwrite, watch=watch)
            else:
                outputs = Outputs(preview, snapshots, plot, overwrite)
                done = paint_picture(content, styles, out, settings, outputs=outputs, watch=watch)
    if as_json:
        print(json.dumps(asdict(done)))
    elif not quiet and (done.complete or not video):
        frames = f"{done.frames} frames, " if done.frames else ""
        terms = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in done.losses.items())
        _say(
            f"{out}: {frames}{done.width}x{done.height}, {done.steps} steps in {done.seconds:.1f} s on {done.device}; "
            f"{terms}"
        )
    if not done.complete:
        if video and not quiet:
            _say(f"{done.frames} frames are finished, in {out}.frames; run the same again to go on")
        raise KeyboardInterrupt


@app.command()
def demo(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 7860,
    share: Annotated[bool, typer.Option("--share", help="Open a public link through Gradio's tunnel.")] = False,
    auth: Annotated[Optional[str], typer.Option(metavar="USER:PASSWORD", help="Ask everyone for it.")] = None,
    max_upload: Annotated[int, typer.Option(metavar="MB", help="Largest file that is taken.")] = 500,
    queue: Annotated[int, typer.Option(help="Paintings that may wait for their turn.")] = 8,
    photos: Annotated[Optional[Path], typer.Option(help="Folder of photographs, to make styles with.")] = None,
    perceptual_weights: Annotated[
        Optional[Path], typer.Option(help="Weights of the perceptual network, to make styles with.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
) -> None:
    """Serve a page that paints webcams, videos and pictures, and makes styles; Ctrl-C ends it."""
    from vidstyle.allocator import share_one_heap
    from vidstyle.demo import Settings, serve

    share_one_heap()
    serve(
        Settings(
            host=host,
            port=port,
            share=share,
            auth=auth,
            max_upload=max_upload,
            queue=queue,
            device=device,
            photos=photos,
            perceptual_weights=perceptual_weights,
        )
    )


@app.command()
def bench(
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of the frames.")] = "640x360",
    style: Annotated[str, typer.Option(metavar="NAME|FILE", help="Style to measure.")] = "starry_night",
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]", help="What to compute on.")] = "auto",
    engine: Annotated[str, typer.Option(metavar="auto|torch|openvino|cuda", help="What to compute with.")] = "auto",
    frames: Annotated[int, typer.Option(min=8, help="Frames of the clip that is made for it.")] = 96,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians are shown.")] = 3,
    plot: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Draw a bar chart (PNG).")] = None,
    growth: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Measure from 160x90 to 3840x2160, too, and draw it (PNG).")
    ] = None,
    timeline: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Draw what a GPU does when (PNG).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure decoding, network and encoding alone and together, beside Johnson's network."""
    from vidstyle import bench as benchmark

    with benchmark.Bench(style, parse_size(size), device=device, engine=engine, frames=frames) as measured:
        if timeline is not None:
            measured.timeline(timeline)
        result = measured.run(rounds)
    if plot is not None:
        benchmark.plot(result, plot)
    if growth is not None:
        from vidstyle import growth as growing

        def announce(what: str) -> None:
            print(f"vidstyle: measuring {what}", file=sys.stderr)

        result["growth"] = growing.measure(style, device=device, engine=engine, on_run=announce)
        growing.plot(result["growth"], growth)
    if as_json:
        print(json.dumps(result))
        return
    from vidstyle.tables import print_bench

    print_bench(result)


def _interruptible(work: Callable[[Callable[[], None]], T]) -> T:
    """Do `work` in a thread of its own.

    Only the main thread sees signals, so none can strike `work` between making a file and taking note of it, and
    none has to wait until a library returns.  `work` is given a function that raises KeyboardInterrupt when it
    should stop: it calls it before it writes anything, and often from then on.  What it has finished counts.
    """
    begun, stopped = threading.Event(), threading.Event()
    outcome: futures.Future[T] = futures.Future()

    def check() -> None:
        begun.set()
        if stopped.is_set():
            raise KeyboardInterrupt

    def body() -> None:
        try:
            outcome.set_result(work(check))
        except BaseException as error:  # raised again below
            outcome.set_exception(error)

    threading.Thread(target=body, name="vidstyle-command", daemon=True).start()
    try:
        while not futures.wait([outcome], timeout=0.1).done:
            pass
    except KeyboardInterrupt:
        stopped.set()
        if begun.is_set():
            futures.wait([outcome], timeout=STOP_SECONDS)
        if not outcome.done() or outcome.exception():
            raise
    _ignore_signals()
    return outcome.result()


@contextlib.contextmanager
def _signals_as_event(notice: str = "") -> Iterator[threading.Event]:
    """SIGINT and SIGTERM set the event rather than strike in the middle of anything; repeated, they end the process.

    notice: what is said at the first, since it may take a while.
    """
    stop = threading.Event()
    first = 0.0

    def note(_signal: int, _frame: FrameType | None) -> None:
        nonlocal first
        if not stop.is_set():
            first = time.monotonic()
            stop.set()
            if notice:
                # Not print, which this may have interrupted.
                os.write(2, f"\nvidstyle: {notice}\n".encode())
        elif time.monotonic() - first > 2 * STOP_SECONDS:
            os._exit(INTERRUPTED)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _catch_signals() -> None:
    """Turn SIGINT and SIGTERM into one KeyboardInterrupt; nothing disturbs the tidying up that follows."""
    first: float | None = None

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - first > 2 * STOP_SECONDS:
            os._exit(INTERRUPTED)

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def _ignore_signals() -> None:
    """From here on it is too late to interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _say(message: str) -> None:
    print(f"vidstyle: {' '.join(message.splitlines())}", file=sys.stderr)


def run(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for; its exit code: 0 done, 2 usage or input, 1 anything else, 130 interrupted."""
    try:
        # typer turns a KeyboardInterrupt into this code, too.
        code: int = app(arguments, standalone_mode=False) or 0
        if code == INTERRUPTED:
            _say("interrupted")
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except VidstyleError as error:
        _say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (lives until the exit)
        return 1
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _usage_error(error)
    return code


def main() -> NoReturn:
    """Run the command line and exit; see `run`."""
    _catch_signals()
    code = run()
    _ignore_signals()
    sys.stdout.flush()
    sys.stderr.flush()
    # All is done: there is no need to wait for threads of a stopped run that are still inside a network or an encoder,
    # nor for the libraries, which take a second to take themselves apart.
    os._exit(code)


def _usage_error(error: Any) -> int:
    """Say what the option parser has found; its exit code."""
    message = error.format_message()
    if message and "\n" not in message:
        _say(f"error: {message}")
    else:
        error.show()  # the help, where there was no command
    return int(error.exit_code)
