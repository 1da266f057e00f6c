"""`vidstyle restyle`: paint a file or a folder of files."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import (
    OPTIMISE,
    EngineName,
    PaintingDevice,
    PerceptualName,
    PerceptualWeights,
    Strength,
    StrokeSize,
    parse_amount,
    parse_color,
    parse_size,
    parse_style_at,
    parse_time,
)
from vidstyle.cli.restyle_many import Wanted, restyle_many
from vidstyle.errors import InputError
from vidstyle.interruption import interruptible

if TYPE_CHECKING:
    from vidstyle.pipeline import Progress
    from vidstyle.restyling import Summary

WORTH_KEEPING = 10.0
"""Seconds of painting from which on it is said what keeps them, to whoever breaks off."""


class CodecName(StrEnum):
    """Keys of vidstyle.media.codecs.CODECS, here so that `--help` need not load FFmpeg."""

    h264 = "h264"
    hevc = "hevc"
    av1 = "av1"
    vp9 = "vp9"
    prores = "prores"
    ffv1 = "ffv1"
    gif = "gif"
    apng = "apng"
    webp = "webp"


class AudioChoice(StrEnum):
    """What happens to the sound."""

    copy = "copy"
    none = "none"


def restyle(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... [OUTPUT]",
            help="Video, picture, GIF or folder of pictures, and what to make of it (else clip.STYLE.mp4); "
            "with --out, files, folders and patterns.",
        ),
    ],
    style: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="NAME|FILE",
            help="Installed style, style file, any picture, or a mix: NAME:0.3,NAME:0.7; with --out, several.",
        ),
    ] = None,
    style_at: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="TIME=STYLE",
            help="Style at a time, seconds; may be repeated. From each time to the next, one fades into the other.",
        ),
    ] = None,
    strength: Strength = 1.0,
    keep_colors: Annotated[bool, typer.Option("--keep-colors", help="The source's colours, painted.")] = False,
    stroke_size: StrokeSize = 1.0,
    optimise: Annotated[Optional[int], typer.Option(metavar="STEPS", help=OPTIMISE)] = None,
    steady: Annotated[bool, typer.Option(help="Let the paint of a video move with what it shows.")] = True,
    mask: Annotated[
        Optional[Path],
        typer.Option(
            metavar="VIDEO|PICTURE|FOLDER",
            help="White where the painting shows; with --keys, a picture or a folder of one a frame.",
        ),
    ] = None,
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Size to paint at.")] = None,
    scale: Annotated[Optional[float], typer.Option(help="Paint at this multiple of the input's size.")] = None,
    start: Annotated[Optional[str], typer.Option(metavar="TIME", help="Where to begin: seconds or HH:MM:SS.")] = None,
    end: Annotated[Optional[str], typer.Option(metavar="TIME", help="Where to end, of the same kind.")] = None,
    codec: Annotated[Optional[CodecName], typer.Option(help="Of a video; by the suffix if left out.")] = None,
    quality: Annotated[Optional[int], typer.Option(help="CRF of the codec: smaller is better.")] = None,
    bitrate: Annotated[
        Optional[str], typer.Option(metavar="BITS", help="Bits a second, such as 4M, in place of a quality.")
    ] = None,
    max_size: Annotated[
        Optional[str], typer.Option(metavar="BYTES", help="Largest file to make, such as 25M, in place of a quality.")
    ] = None,
    hdr: Annotated[
        bool, typer.Option("--hdr", help="Keep high dynamic range (PQ, HLG), in ten bits; otherwise it becomes BT.709.")
    ] = False,
    background: Annotated[
        str, typer.Option(metavar="COLOR", help="What is transparent lies on it where OUTPUT has no transparency.")
    ] = "white",
    audio: Annotated[AudioChoice, typer.Option(help="What becomes of sound and subtitles.")] = AudioChoice.copy,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT if it exists.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on damaged input.")] = False,
    out: Annotated[
        Optional[str], typer.Option(metavar="DIR", help="Folder for the paintings of all INPUTs, whatever they are.")
    ] = None,
    name: Annotated[
        Optional[str], typer.Option(metavar="TEMPLATE", help="Of files in --out, of {stem}, {style} and {suffix}.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave out what is complete, and go on with what was interrupted.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done, and how long it would take.")
    ] = False,
    ray: Annotated[
        Optional[str], typer.Option(metavar="auto|local|ADDRESS", help="Paint on a Ray cluster; files may be URLs.")
    ] = None,
    keys: Annotated[
        Optional[str],
        typer.Option(
            metavar="FOLDER|paint:PICTURE",
            help="Carry painted frames to all others: a folder of them (see `keys`), or painted here, by optimisation.",
        ),
    ] = None,
    keys_command: Annotated[
        Optional[str],
        typer.Option(metavar="'CMD {in} {out}'", help="Have any program paint the keys; no shell is used."),
    ] = None,
    keys_timeout: Annotated[
        Optional[float], typer.Option(help="Seconds that it may take for one key. Default: 600.0.")
    ] = None,
    cover: Annotated[
        Optional[float], typer.Option(help="Share of every frame that keys painted here have to see. Default: 0.97.")
    ] = None,
    learn: Annotated[
        Optional[float],
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="With --keys: seconds to learn from them how to paint what none of them shows. Default: 20.0.",
        ),
    ] = None,
    keep_stretches: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FOLDER",
            help="With --keys: keep what is drawn there, so that only what a changed key shows is drawn again.",
        ),
    ] = None,
    paint_steps: Annotated[
        Optional[int], typer.Option(min=1, help="With --keys paint: at each scale, as `paint --steps`.")
    ] = None,
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    device: PaintingDevice = "auto",
    engine: EngineName = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Paint INPUT in a style, or by painted keys: video to video, picture to picture, GIF to GIF, folder to folder."""
    keyframes = [parse_style_at(text) for text in style_at or ()]
    settings: dict[str, Any] = {
        "device": device,
        "engine": engine,
        "size": None if size is None else parse_size(size),
        "scale": scale,
        "strength": strength,
        "keep_colors": keep_colors,
        "stroke_size": stroke_size,
        "optimise": optimise,
        "steady": steady,
        "codec": codec.value if codec else None,
        "quality": quality,
        "bitrate": None if bitrate is None else parse_amount(bitrate, "--bitrate"),
        "max_size": None if max_size is None else parse_amount(max_size, "--max-size"),
        "start": None if start is None else parse_time(start, "--start"),
        "end": None if end is None else parse_time(end, "--end"),
        "hdr": hdr,
        "background": parse_color(background, "--background"),
        "audio": audio is AudioChoice.copy,
        "overwrite": overwrite,
        "strict": strict,
    }
    asked: dict[str, Any] = {
        "keys": keys,
        "keys_command": keys_command,
        "keys_timeout": keys_timeout,
        "cover": cover,
        "learn": learn,
        "keep_stretches": keep_stretches,
        "steps": paint_steps,
        "perceptual": perceptual,
        "perceptual_weights": perceptual_weights,
    }
    by_keys = keys is not None or keys_command is not None
    if of_keys := {name: value for name, value in asked.items() if value is not None}:
        # What loads loops is loaded late.
        from vidstyle.keys.key_requests import KeyRequest

        request = KeyRequest(mask=mask, **of_keys)
        request.check_use()
    if mask is not None and not by_keys:
        settings["mask"] = mask
    if out is not None or resume or dry_run or ray is not None:
        if mask is not None and not by_keys:
            raise InputError("--mask: is of one video; leave --out, --resume, --dry-run and --ray out")
        if by_keys:
            raise InputError("--keys: paints one video; leave --out, --resume, --dry-run and --ray out")
        wanted = Wanted(files, out, style or [], keyframes, name, settings, ray, resume, dry_run, quiet, as_json)
        restyle_many(wanted)
        return
    source, output = _one_pair([Path(file) for file in files], style or [], name)
    chosen = style[0] if style else None
    from vidstyle.cli.progress_bars import FrameBar
    from vidstyle.media.suffixes import VIDEO_SUFFIXES
    from vidstyle.restyle_options import Options, check_request, output_beside
    from vidstyle.styles import DEFAULT_STYLE, check_steps, label_of

    # Before anything is loaded; what was asked for first, and only then what is there already.
    options = Options(**settings)
    styles = keyframes or [(0.0, DEFAULT_STYLE if chosen is None else chosen)]
    argument = "style_at" if keyframes else "style"
    label = label_of(styles, argument=argument)
    if not by_keys:
        check_steps(styles, options.optimise, argument=argument)
    if output is None:
        output = output_beside(source, label, options.codec)
    else:
        _check_pair(source, output, overwrite=overwrite)
    check_request(source, output, options)
    if by_keys:
        request.check(source, output, options, style_at=bool(keyframes))

    painted = 0.0
    with FrameBar(source.name, quiet=quiet) as bar:

        def paint(check: Callable[[], None]) -> "Summary":
            from vidstyle import restyling

            def report(progress: "Progress", frames: int | None) -> None:
                nonlocal painted
                painted = progress.seconds
                check()
                bar.update(progress, frames)

            if by_keys:
                from vidstyle.painting.keyed_films import paint_keys_and_restyle

                return paint_keys_and_restyle(source, output, request, chosen, settings, report, bar.say, check)
            from vidstyle.cli.quick_torch import torch_to_paint

            with torch_to_paint():
                return restyling.restyle(
                    source, output, style=chosen, style_at=keyframes, on_progress=report, **settings
                )

        try:
            summary = interruptible(paint)
        except KeyboardInterrupt:
            if painted > WORTH_KEEPING and not by_keys:
                bar.say(f"nothing is kept of {output.name}; begun with --resume, long videos go on where they were")
            raise
    for warning in summary.warnings:
        say(f"warning: {warning}")
    if source.is_dir() and any(path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES for path in source.iterdir()):
        say("warning: --out DIR, in place of OUTPUT, takes videos and folders, too")
    if as_json:
        fields = asdict(summary)
        fields.pop("warnings")
        print(json.dumps(fields))
    elif not quiet:
        several = summary.frames != 1
        rate = f" ({summary.fps:.1f} fps)" if several else ""
        say(
            f"{output}: {summary.frames} frame{'s' * several}, {summary.width}x{summary.height}, "
            f"in {summary.seconds:.1f} s{rate} on {summary.device} ({summary.engine})"
        )


def _one_pair(files: list[Path], style: list[str], name: str | None) -> tuple[Path, Path | None]:
    """Input and output, where there is no --out."""
    if len(files) > 2:
        raise InputError(f"{len(files)} files: name the folder to paint them into, with --out DIR")
    if len(style) > 1:
        raise InputError("--style: one, or with --out DIR several, each of which gets a folder there")
    if name is not None:
        raise InputError("--name: names files in a folder; name that with --out DIR")
    return files[0], files[1] if len(files) > 1 else None


def _check_pair(source: Path, output: Path, *, overwrite: bool) -> None:
    """Whether the output may be one: a pattern may have stood for two inputs, of which one would be gone."""
    both_there = os.path.isfile(source) and os.path.isfile(output)
    if both_there and not overwrite and not os.path.samefile(source, output):
        raise InputError(
            f"{output}: exists already; --overwrite replaces it; if it is another input, --out DIR paints both"
        )
