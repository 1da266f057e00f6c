"""`vidstyle evaluate`: measure styles on a video."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import PaintingDevice, parse_size
from vidstyle.errors import InputError


def evaluate(
    clip: Annotated[Path, typer.Argument(metavar="VIDEO", help="What to paint.")],
    names: Annotated[
        Optional[list[str]],
        typer.Option("--style", metavar="NAME|FILE", help="May be repeated; all installed ones if left out."),
    ] = None,
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Size to paint it at.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="How many of its first frames.")] = 16,
    recipes: Annotated[Path, typer.Option(help="Folder with NAME.toml of each style, which names its picture.")] = Path(
        "train"
    ),
    picture: Annotated[Optional[Path], typer.Option(help="The style's picture, in place of the recipe's.")] = None,
    perceptual: Annotated[str, typer.Option(metavar="NAME", help="As for train.")] = "vgg19-hybrid",
    perceptual_weights: Annotated[
        Optional[Path],
        typer.Option(help="As for train; without, only --perceptual vidstyle measures more than steadiness and grid."),
    ] = None,
    device: PaintingDevice = "auto",
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the style files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Measure styles on a video: steadiness, nearness to the picture and to the source, grid."""
    from vidstyle.bench.evaluate import Clip, Judge
    from vidstyle.bench.evaluate import evaluate as measure
    from vidstyle.perception.perceptual_network import LAYERS, OWN
    from vidstyle.style_files import SUFFIX, save_style
    from vidstyle.styles import list_styles, load_style
    from vidstyle.training.recipe import picture_of

    if picture is not None and not picture.is_file():
        raise InputError(f"--picture {picture}: no such picture")
    if perceptual not in LAYERS:
        raise InputError(f"--perceptual {perceptual}: unknown; use {', '.join(LAYERS)}")
    judges = perceptual_weights is not None or perceptual == OWN
    chosen = [load_style(name) for name in names or [card.name for card in list_styles()]]
    if write and (others := [style.card.path for style in chosen if style.card.path.suffix != SUFFIX]):
        raise InputError(f"--write: {others[0]} is no style file")
    measured = Clip(clip, frames=frames, size=None if size is None else parse_size(size))
    judge = Judge(perceptual, perceptual_weights) if judges else None
    if not judges:
        say(f"note: steadiness and grid alone; --perceptual {OWN} measures style and content, too")
    rows = []
    for style in chosen:
        image = picture if picture is not None else picture_of(style.card.name, recipes)
        if judge is not None and image is None:
            say(f"warning: {style.card.name}: no {recipes / style.card.name}.toml names its picture; see --picture")
        figures = measure(style, measured, device=device, judge=judge, picture=image)
        if write:
            card = replace(style.card, metrics=style.card.metrics | figures)
            save_style(card.path, style.network, card, style.grams)
        rows.append({"style": style.card.name} | figures)
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from vidstyle.cli.tables import print_figures

    print_figures(rows, f"{clip.name}, {len(measured.frames)} frames")
