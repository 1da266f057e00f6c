"""`vidstyle paint`: paint a picture, or a video, by optimisation."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import Device, PerceptualName, PerceptualWeights, RecomputeActivations
from vidstyle.errors import InputError
from vidstyle.interruption import signals_as_event
from vidstyle.shipped import library


def paint(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="Picture to paint; with --video, a video.")],
    files: Annotated[
        list[str],
        typer.Argument(metavar="STYLE... OUT", help="Pictures to paint like, FILE or FILE:WEIGHT; file to make."),
    ],
    preset: Annotated[str, typer.Option(metavar="best|gatys|d2l|adam", help="The way to paint.")] = "best",
    size: Annotated[int, typer.Option(help="Longer side of the painting, pixels, up to 4096.")] = 512,
    style_scale: Annotated[
        float, typer.Option("--stroke-size", "--style-scale", help="Of strokes: 2 is twice as large, 0.5 half.")
    ] = 1.0,
    steps: Annotated[Optional[int], typer.Option(min=1, help="At each scale, in place of the preset's.")] = None,
    init: Annotated[Optional[str], typer.Option(metavar="noise|content|style|FILE", help="Where to start.")] = None,
    seed: Annotated[int, typer.Option(help="Of noise; the same seed makes the same picture.")] = 0,
    content_weight: Annotated[Optional[float], typer.Option(help="In place of the preset's.")] = None,
    style_weight: Annotated[Optional[float], typer.Option(help="In place of the preset's.")] = None,
    keep_colors: Annotated[bool, typer.Option("--keep-colors", help="The content's colours, painted.")] = False,
    match_colors: Annotated[
        bool, typer.Option("--match-colors", help="Give the styles the content's colours beforehand.")
    ] = False,
    mask: Annotated[
        Optional[list[Path]],
        typer.Option(help="Picture, white where a style paints; one for each style, or all but the last."),
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="Paint a video; run again, it goes on where it was.")] = False,
    preview: Annotated[Optional[Path], typer.Option(help="Picture that is written again every few steps.")] = None,
    snapshots: Annotated[int, typer.Option(min=0, help="Pictures of the way to keep, beside OUT.")] = 0,
    plot: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Draw the loss curves (PNG).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    device: Device = "auto",
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    recompute_activations: RecomputeActivations = False,
    tile: Annotated[Optional[int], typer.Option(help="Look at a large picture in parts of this side, pixels.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Paint CONTENT like one STYLE or several by optimisation: slow and beautiful.  Ctrl-C keeps the picture so far."""
    *styles, last = files
    if not styles:
        raise InputError("paint takes CONTENT, one STYLE or more, and OUT, the picture to make: one of them is missing")
    installed = {path.stem for path in library().glob("*.safetensors")}
    for style in styles:
        if style in installed and not Path(style).exists():
            hint = f"vidstyle restyle {content} --style {style} paints in the installed style"
            raise InputError(f"{style}: paint takes pictures to paint like; {hint}")
    out = Path(last)
    if video and (preview or snapshots or plot):
        raise InputError("--preview, --snapshots and --plot: are for pictures, not for --video")
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.cli.progress_bars import PaintingBar

    keep_freed_memory()
    with signals_as_event("" if quiet else "stopping after this step; once more ends at once") as stop:
        from vidstyle.painting.paint_settings import PaintSettings
        from vidstyle.painting.picture import Watch, paint_picture
        from vidstyle.painting.record import Outputs
        from vidstyle.painting.video import paint_video

        settings = PaintSettings(
            preset=preset,
            size=size,
            content_weight=content_weight,
            style_weight=style_weight,
            init=init,
            keep_colors=keep_colors,
            match_colors=match_colors,
            masks=tuple(mask or ()),
            style_scale=style_scale,
            steps=steps,
            seed=seed,
            device=device,
            perceptual=perceptual,
            perceptual_weights=perceptual_weights,
            recompute_activations=recompute_activations,
            tile=tile,
        )
        with PaintingBar(content.name, quiet=quiet) as bar:
            watch = Watch(bar.update, lambda note: None if quiet else say(note), stop.is_set)
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
        say(
            f"{out}: {frames}{done.width}x{done.height}, {done.steps} steps in {done.seconds:.1f} s on {done.device}; "
            f"{terms}"
        )
    if not done.complete:
        if video and not quiet:
            say(f"{done.frames} frames are finished, in {out}.frames; run the same again to go on")
        raise KeyboardInterrupt
