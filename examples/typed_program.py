"""A program that uses the library, checked as strictly as mypy and pyright can: arrays, tensors and pictures.

python examples/typed_program.py [PICTURE]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import vidstyle


def paint_all_kinds(image: Image.Image) -> tuple[NDArray[np.uint8], torch.Tensor, Image.Image]:
    """A picture as an array of OpenCV, as a batch of tensors, and as it is: each comes back as what it was."""
    pixels: NDArray[np.uint8] = np.asarray(image)
    batch = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
    with vidstyle.Painter("starry_night", strength=0.8, stroke_size=1.5, channels="bgr") as painter:
        print(painter)
        array: NDArray[np.uint8] = painter(pixels[..., ::-1])
        painter.reset()
        tensor: torch.Tensor = painter(batch)
        painter.reset()
        picture: Image.Image = painter(image)
    return array, tensor, picture


def paint_file(source: Path, output: Path) -> str:
    """A file, and what became of it."""
    options = vidstyle.Options(strength=0.5)
    frames: list[int] = []
    summary: vidstyle.Summary = vidstyle.restyle(
        source,
        output,
        style="great_wave",
        strength=options.strength,
        overwrite=True,
        on_progress=lambda progress, _: frames.append(progress.frames),
    )
    return f"{output}: {summary.width}x{summary.height}, {summary.fps:.1f} fps"


def paint_slowly(photograph: Path, like: Path) -> NDArray[np.uint8]:
    """By optimisation, as far as a first look."""
    painting = np.zeros((1, 1, 3), np.uint8)
    for step, losses, pixels in vidstyle.paint(photograph, like, size=256, steps=10):
        print(step, losses)
        painting = pixels
    return painting


def titles() -> list[str]:
    """Of the styles that are here."""
    try:
        first: vidstyle.Style = vidstyle.load_style("Starry Night")
    except vidstyle.InputError as error:
        return [f"no {error.argument}"]
    return [first.card.title, *(card.title for card in vidstyle.list_styles())]


if __name__ == "__main__":
    cat = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(vidstyle.__file__).with_name("photos") / "cat.jpg"
    print(*titles(), sep=", ")
    for painted in paint_all_kinds(Image.open(cat).convert("RGB")):
        print(type(painted).__name__, painted.size)
    print(paint_file(cat, Path("painted.png")))
