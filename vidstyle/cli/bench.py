"""`vidstyle bench`: how fast it is here."""

import json
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.options import EngineName, PaintingDevice, parse_size


def bench(
    size: Annotated[str, typer.Option(metavar="WxH", help="Size of the frames.")] = "640x360",
    style: Annotated[str, typer.Option(metavar="NAME|FILE", help="Style to measure.")] = "starry_night",
    device: PaintingDevice = "auto",
    engine: EngineName = "auto",
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
    from vidstyle.bench import stages as benchmark

    with benchmark.Bench(style, parse_size(size), device=device, engine=engine, frames=frames) as measured:
        if timeline is not None:
            measured.timeline(timeline)
        result = measured.run(rounds)
    if plot is not None:
        benchmark.plot_stages(result, plot)
    if growth is not None:
        from vidstyle.bench import growth as growing

        def announce(what: str) -> None:
            print(f"vidstyle: measuring {what}", file=sys.stderr)

        result["growth"] = growing.measure_growth(style, device=device, engine=engine, on_run=announce)
        growing.plot_growth(result["growth"], growth)
    if as_json:
        print(json.dumps(result))
        return
    from vidstyle.cli.tables import print_bench

    print_bench(result)
