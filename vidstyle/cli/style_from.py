"""`vidstyle style-from`: make a style of a picture."""

import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import Device, PerceptualName, PerceptualWeights, TrainingPreview


def style_from(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="What to paint like.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Style file (.safetensors) to make.")],
    by: Annotated[
        str, typer.Option(metavar="NAME", help="What makes it: meta_realtime, adain, metanet_improved, or a file.")
    ] = "meta_realtime",
    stroke_size: Annotated[
        float, typer.Option(help="Of strokes: 2 is twice as large as in the picture, 0.5 half.")
    ] = 1.0,
    refine: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Train it further for so long.")] = 0.0,
    photos: Annotated[
        Optional[Path], typer.Option(help="Folder of photographs to train with; some come with the program.")
    ] = None,
    perceptual: PerceptualName = None,
    perceptual_weights: PerceptualWeights = None,
    preview: TrainingPreview = None,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Make a style of a picture in a moment; with --refine, a better one in a minute."""
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.cli.progress_bars import TrainingBar, shown_in

    keep_freed_memory()
    started = time.monotonic()
    if refine:
        from vidstyle.training.refine import refine_style

        with TrainingBar(picture.name, quiet=quiet) as bar:
            card = refine_style(
                picture,
                out,
                seconds=refine,
                by=by,
                stroke_size=stroke_size,
                photos=photos,
                perceptual=perceptual,
                perceptual_weights=perceptual_weights,
                device=device,
                overwrite=overwrite,
                on_progress=bar.update,
                on_picture=shown_in(bar, preview, overwrite=overwrite),
                on_note=say,
            )
    else:
        from vidstyle.cli.quick_torch import torch_to_paint
        from vidstyle.styles import write_style_of

        with torch_to_paint():
            card = write_style_of(picture, out, by=by, stroke_size=stroke_size, overwrite=overwrite)
    if not quiet:
        figures = "".join(f"; {name} {value:.3g}" for name, value in card.metrics.items())
        say(f"{card.path}: {card.title}, {card.parameters:,} parameters, {time.monotonic() - started:.1f} s{figures}")
