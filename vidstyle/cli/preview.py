"""`vidstyle preview`: one frame in several styles."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import Device, Strength, StrokeSize, parse_time


def preview(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Video, GIF or picture.")],
    output: Annotated[
        Optional[Path],
        typer.Argument(metavar="[OUTPUT]", help="Picture to write; without, terminals show it, else clip.preview.jpg."),
    ] = None,
    at: Annotated[Optional[str], typer.Option(metavar="TIME", help="Which frame: seconds or HH:MM:SS.")] = None,
    style: Annotated[
        Optional[list[str]],
        typer.Option(metavar="NAME|FILE", help="May be repeated; all that paint live if left out."),
    ] = None,
    device: Device = "auto",
    strength: Strength = 1.0,
    keep_colors: Annotated[bool, typer.Option("--keep-colors", help="The source's colours, painted.")] = False,
    stroke_size: StrokeSize = 1.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUTPUT if it exists.")] = False,
) -> None:
    """Paint one frame in several styles, side by side on a sheet."""
    from rich.columns import Columns
    from rich.console import Console, Group

    from vidstyle.cli.terminal_pictures import as_characters, shows_pictures
    from vidstyle.contact_sheet import frame_at, paint_cells, sheet_of
    from vidstyle.media.images import Picture, write_picture
    from vidstyle.media.suffixes import check_picture_suffix
    from vidstyle.output_files import check_output
    from vidstyle.restyle_options import Options

    console = Console()
    if output is None and not shows_pictures(console):
        output = source.with_name(f"{source.stem}.preview.jpg")
    if output is not None:
        check_picture_suffix(output)
        check_output(output, overwrite=overwrite, taken=[source])
    frame = frame_at(source, None if at is None else parse_time(at, "--at"))
    options = Options(device=device, strength=strength, keep_colors=keep_colors, stroke_size=stroke_size)
    cells = list(paint_cells(frame, style or (), options))
    if output is None:
        width = max(16, console.width // max(1, min(len(cells), console.width // 40)) - 1)
        console.print(Columns([Group(as_characters(cell.picture, width), cell.name, "") for cell in cells]))
        return
    import numpy as np

    sheet = sheet_of(cells)
    write_picture(output, Picture(np.asarray(sheet)), overwrite=overwrite)
    say(f"{output}: {len(cells) - 1} style{'s' * (len(cells) != 2)}, {sheet.width}x{sheet.height}")
