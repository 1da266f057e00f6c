"""What the studies paint, and how: a frame of the sample clip, options of the command line, times."""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import vidstyle
from vidstyle.media.sources import FileSource
from vidstyle.painter import Painter
from vidstyle.style_files import Style

CLIP = Path(__file__).parents[2] / "examples" / "harbour.mp4"
FRAME = 20


def harbour() -> np.ndarray:
    """A frame of the sample clip, RGB (H, W, 3) uint8."""
    clip = FileSource(CLIP)
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


def milliseconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Of `work`, the median of several runs."""
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return 1000 * statistics.median(found)
