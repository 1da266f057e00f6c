"""What the studies share: a frame of the sample clip, the command line, sheets of labelled pictures."""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import vidstyle
from vidstyle.media.sources import FileSource
from vidstyle.painting import Painter
from vidstyle.style_files import Style

HERE = Path(__file__).parent
FRAME = 20
DPI = 110


def harbour() -> np.ndarray:
    """A frame of the sample clip, RGB (H, W, 3) uint8."""
    clip = FileSource(HERE.parents[1] / "examples" / "harbour.mp4")
    try:
        return next(itertools.islice(clip, FRAME, None)).pixels
    finally:
        clip.close()


def arguments(description: str | None, *, size: int, steps: int) -> argparse.Namespace:
    """Options of every study: the style, the perceptual network, size and steps."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--style", type=Path, required=True, help="style picture, in the public domain")
    parser.add_argument("--perceptual", default="vgg19-hybrid")
    parser.add_argument("--perceptual-weights", type=Path)
    parser.add_argument("--size", type=int, default=size, help="longer side, pixels")
    parser.add_argument("--steps", type=int, default=steps, help="at each scale")
    return parser.parse_args()


def paint(style: Style, frames: Sequence[np.ndarray], *, steady: bool) -> list[np.ndarray]:
    """Frames of a video, RGB (H, W, 3) uint8, in a style."""
    painter = Painter(style, steady=steady)
    try:
        return [painter(frame) for frame in frames]
    finally:
        painter.close()


def painted(args: argparse.Namespace, **settings: Any) -> list[tuple[dict[str, float], np.ndarray]]:
    """Losses and picture of every step; `settings` go before the command line's."""
    given = {
        "size": args.size,
        "steps": args.steps,
        "perceptual": args.perceptual,
        "perceptual_weights": args.perceptual_weights,
        **settings,
    }
    return [(losses, image) for _, losses, image in vidstyle.paint(harbour(), args.style, **given)]


def draw_sheet(path: Path, title: str, rows: Mapping[str, Sequence[np.ndarray]], columns: Sequence[str]) -> None:
    """Pictures in rows and columns with their labels, as a JPEG."""
    height, width = next(iter(rows.values()))[0].shape[:2]
    size = (2.6 * len(columns) + 0.4, 2.6 * height / width * len(rows) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, (label, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(row, pictures, strict=True):
            show(axes, picture)
        row[0].set_ylabel(label, fontsize=10)
    for axes, label in zip(grid[0], columns, strict=True):
        axes.set_title(label, fontsize=10)
    figure.suptitle(title, fontsize=12)
    figure.savefig(path, dpi=DPI, pil_kwargs={"quality": 88})


def milliseconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Of `work`, the median of several runs."""
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return 1000 * statistics.median(found)


def show(axes: Axes, picture: np.ndarray) -> None:
    """A picture without axes."""
    axes.imshow(picture, interpolation="lanczos")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
