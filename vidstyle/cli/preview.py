"""`vidstyle preview`: one frame in several styles."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import Device, Strength, StrokeSize, parse_time

if TYPE_CHECKING:
    from vidstyle.contact_sheet import Cell


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
    from vidstyle.allocator import keep_freed_memory
    from vidstyle.cli.quick_torch import torch_to_paint
    from vidstyle.contact_sheet import frame_and_cells, sheet_of
    from vidstyle.media.suffixes import check_picture_suffix
    from vidstyle.output_files import check_output
    from vidstyle.restyle_options import Options

    keep_freed_memory()
    if output is None and not _shows_pictures():
        output = source.with_name(f"{source.stem}.preview.jpg")
    if output is not None:
        check_picture_suffix(output)
        check_output(output, overwrite=overwrite, taken=[source])
    options = Options(device=device, strength=strength, keep_colors=keep_colors, stroke_size=stroke_size)
    seconds = None if at is None else parse_time(at, "--at")
    with torch_to_paint():
        cells = list(frame_and_cells(source, seconds, style or (), options))
    if output is None:
        _show(cells)
        return
    import numpy as np

    from vidstyle.media.images import Picture, write_picture

    sheet = sheet_of(cells)
    write_picture(output, Picture(np.asarray(sheet)), overwrite=overwrite)
    say(f"{output}: {len(cells) - 1} style{'s' * (len(cells) != 2)}, {sheet.width}x{sheet.height}")


def _shows_pictures() -> bool:
    """Whether standard output is a terminal that does."""
    from rich.console import Console

    from vidstyle.cli.terminal_pictures import shows_pictures

    return shows_pictures(Console())


def _show(cells: "list[Cell]") -> None:
    """Beside each other in the terminal."""
    from rich.columns import Columns
    from rich.console import Console, Group

    from vidstyle.cli.terminal_pictures import as_characters

    console = Console()
    width = max(16, console.width // max(1, min(len(cells), console.width // 40)) - 1)
    console.print(Columns([Group(as_characters(cell.picture, width), cell.name, "") for cell in cells]))
