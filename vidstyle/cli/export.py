"""`vidstyle export`: styles for programs that are not this one."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.cli.messages import say
from vidstyle.cli.options import StrokeSize
from vidstyle.errors import InputError


class Precision(StrEnum):
    """vidstyle.export.onnx_file.PRECISIONS, here so that `--help` need not load torch."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


class Kind(StrEnum):
    """What is made."""

    onnx = "onnx"
    web = "web"


def export(
    files: Annotated[
        list[str], typer.Argument(metavar="STYLE... OUT", help="Styles, and the ONNX file or, for web, folder to make.")
    ],
    to: Annotated[Kind, typer.Option(help="An ONNX file, or a page that paints in the visitor's browser.")] = Kind.onnx,
    precision: Annotated[Precision, typer.Option(help="In which it computes.")] = Precision.fp32,
    stroke_size: StrokeSize = 1.0,
    runtime: Annotated[
        Optional[Path],
        typer.Option(metavar="DIR", help="Folder of the npm package onnxruntime-web, which is fetched otherwise."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")] = False,
) -> None:
    """Write a style as an ONNX file, or styles as a folder of static files that paint in the visitor's browser."""
    *styles, last = files
    if not styles:
        raise InputError("export takes STYLE and OUT: the file or folder to make is missing")
    out = Path(last)
    if to is Kind.web:
        from vidstyle.export.web import export_web

        made = export_web(styles, out, runtime=runtime, stroke_size=stroke_size, overwrite=overwrite)
        size, paths = made.bytes, len(styles)
        said = f"{out}: a page with {paths} style{'s' * (paths != 1)}, {size / 1e6:.1f} MB; any web server can serve it"
    else:
        if len(styles) > 1:
            raise InputError("export: an ONNX file holds one style; a page holds several, with --to web")
        if runtime is not None:
            raise InputError("--runtime: is for --to web")
        from vidstyle.export.onnx_file import check_export, export_onnx
        from vidstyle.styles import find_styles, load_style

        check_export(out, precision.value, overwrite=overwrite)
        find_styles(styles[0])
        exported = export_onnx(
            load_style(styles[0]), out, precision=precision.value, stroke_size=stroke_size, overwrite=overwrite
        )
        size = exported.bytes
        said = f"{out}: {styles[0]}, {precision.value}, {size / 1e6:.1f} MB"
    if as_json:
        print(json.dumps({"out": str(out), "styles": styles, "bytes": size}))
    elif not quiet:
        say(said)
