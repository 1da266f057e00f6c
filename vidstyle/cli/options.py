"""Options that several commands share, and what is written in them."""

import re
from pathlib import Path
from typing import Annotated, Optional

import typer

from vidstyle.errors import InputError

Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda[:N]|mps|xpu[:N]", help="What to compute on.")]
PaintingDevice = Annotated[
    str,
    typer.Option(metavar="auto|cpu|cuda[:N]|mps|xpu[:N]|GPU|NPU", help="What to compute on; GPU and NPU by OpenVINO."),
]
EngineName = Annotated[str, typer.Option(metavar="auto|torch|openvino|cuda", help="What to compute with.")]
Strength = Annotated[float, typer.Option(help="0 is the source, 1 the painting.")]
StrokeSize = Annotated[
    float,
    typer.Option(help="Size of strokes against the frame: 2 is twice as large, 0.5 half."),
]
OPTIMISE = (
    "Bring each painting nearer to the style's picture, as `paint` does: 3 show, 8 are nearly as good as more. "
    "Default: 8 in styles made of a picture; in files of others 6 for the first painting of each shot."
)
PerceptualName = Annotated[
    Optional[str],
    typer.Option(metavar="NAME", help="vidstyle, vgg16, vgg19, vgg19-distilled, vgg19-shallow or vgg19-hybrid."),
]
PerceptualWeights = Annotated[
    Optional[Path],
    typer.Option(help="Its weights: a file or a folder; vidstyle's come along, torchvision's are fetched."),
]
TrainingPreview = Annotated[
    Optional[Path],
    typer.Option(metavar="FILE", help="Picture that is written again every few seconds; terminals show it, too."),
]
RecomputeActivations = Annotated[
    bool, typer.Option("--checkpointing", help="Less memory for more time: compute activations again.")
]


def parse_size(text: str, option: str = "--size") -> tuple[int, int]:
    """`WxH` as (width, height)."""
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text.strip())
    if not match:
        raise InputError(f"{option} {text}: takes WIDTHxHEIGHT in pixels, such as 640x360")
    return int(match[1]), int(match[2])


def parse_color(text: str, option: str) -> tuple[int, int, int]:
    """A name or `#RRGGBB` as RGB, 0 to 255."""
    from PIL import ImageColor

    try:
        red, green, blue, *_ = ImageColor.getrgb(text)
    except ValueError as error:
        raise InputError(f"{option} {text}: takes a colour, such as white or #f7f4ee") from error
    return red, green, blue


def parse_amount(text: str, option: str) -> int:
    """A number with k, M or G for thousands, millions and billions."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d*)?)\s*([kKmMgG]?)[bB]?(?:/s|ps)?", text.strip())
    if not match:
        raise InputError(f"{option} {text}: takes a number, such as 800k or 25M")
    return round(float(match[1]) * 1000 ** " kmg".index(match[2].lower() or " "))


def parse_time(text: str, option: str) -> float:
    """Seconds, MM:SS or HH:MM:SS, each with a fraction, as seconds."""
    match = re.fullmatch(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d*)?|\.\d+)", text.strip())
    if not match or (match[2] is not None and float(match[3]) >= 60):
        raise InputError(f"{option} {text}: takes seconds or HH:MM:SS, such as 12.5 or 00:01:30")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def parse_style_at(text: str) -> tuple[float, str]:
    """`TIME=STYLE` as seconds and the style."""
    time, equals, style = text.partition("=")
    if not equals or not style.strip():
        raise InputError(f"--style-at {text}: takes TIME=STYLE, such as 10=great_wave")
    return parse_time(time, "--style-at"), style.strip()
