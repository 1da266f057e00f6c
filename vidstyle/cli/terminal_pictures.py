"""Pictures in terminals, made of characters."""

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text


def shows_pictures(console: Console) -> bool:
    """Whether a terminal has colours enough."""
    return console.color_system in ("256", "truecolor") and not console.no_color


def as_characters(picture: Image.Image, width: int) -> Text:
    """A picture in so many characters a line, each the upper half of a block before another colour: two pixels."""
    height = max(2, round(width * picture.height / picture.width / 2) * 2)
    pixels = np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        colors = [[Color.from_rgb(*pixel) for pixel in row] for row in (upper, lower)]
        lines.append(Text.assemble(*(("▀", Style(color=a, bgcolor=b)) for a, b in zip(*colors, strict=True))))
    return Text("\n").join(lines)
