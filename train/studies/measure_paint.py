"""How near `vidstyle paint` comes to its style, how long it takes, and how much memory.

    python train/studies/measure_paint.py distances --perceptual-weights DIR --contents A.jpg ... --styles B.jpg ...
    python train/studies/measure_paint.py times --perceptual-weights DIR --contents A.jpg --styles B.jpg

`distances` paints the first content like the first style, and so on (--all: each like each), and prints style and
content distance (vidstyle.perception.metrics, with vgg19-hybrid, the style's shorter side that of the painting) and the
grid.
`times` takes a few steps (--steps) at each scale of one picture, and prints processor seconds, those of whole paintings
by adding up, and the largest resident memory.  Each painting and each scale has a process of its own, with as many
threads as OMP_NUM_THREADS says.  Rows are those of docs/paint.md.
"""

import argparse
import dataclasses
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from vidstyle.media.images import read_image
from vidstyle.painting.optimisation import Optimisation, Scale
from vidstyle.painting.paint_settings import PaintSettings, WeightedStyle

TIMED = 3
"""Steps at a scale."""
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def paint(content: Path, style: Path, out: Path, *options: object) -> tuple[float, float, float]:
    """Paint in a process of its own: seconds, processor seconds, and MB of memory at the most."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "vidstyle",
        "paint",
        content,
        style,
        out,
        "--overwrite",
        "-q",
        *options,
    ]
    began = time.monotonic()
    process = subprocess.Popen([str(part) for part in command])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"painting {content} failed")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(painted: Path, content: Path, style: Path, weights: Path) -> tuple[float, float, float]:
    """Style distance, content distance and grid (dB) of a painting."""
    import torch

    from vidstyle.painting.optimisation import fit
    from vidstyle.perception import metrics
    from vidstyle.perception.perceptual_network import PerceptualNetwork
    from vidstyle.perception.tensors import load_style_image, to_tensor

    network = PerceptualNetwork("vgg19-hybrid", weights)
    pixels = read_image(painted)
    source = to_tensor(fit(read_image(content), *pixels.shape[:2]))[None]
    target = load_style_image(style, min(pixels.shape[:2]))
    with torch.inference_mode():
        image = to_tensor(pixels)[None]
        style_distance = metrics.style_distance(network, image, target, LAYERS)
        return style_distance, metrics.content_distance(network, image, source), metrics.grid_score(pixels)


def distances(args: argparse.Namespace) -> None:
    pairs = itertools.product(args.contents, args.styles) if args.all else zip(args.contents, args.styles, strict=True)
    print("| content | style | style distance | content distance | grid, dB | seconds | processor seconds |")
    print("|---|---|---|---|---|---|---|", flush=True)
    rows = []
    for content, style in pairs:
        out = args.keep / f"{content.stem}_{style.stem}_{args.preset}.png"
        options = ["--size", args.size, "--preset", args.preset, "--perceptual", args.perceptual]
        if args.steps:
            options += ["--steps", args.steps]
        seconds, cpu, _ = paint(content, style, out, *options, "--perceptual-weights", args.perceptual_weights)
        found = measure(out, content, style, args.perceptual_weights)
        rows.append(found)
        cells = " | ".join(f"{value:.3f}" for value in found[:2])
        print(f"| {content.stem} | {style.stem} | {cells} | {found[2]:.1f} | {seconds:.0f} | {cpu:.0f} |", flush=True)
    mean = np.mean(rows, axis=0)
    print(f"| mean | | {mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.1f} | | |")


def times(args: argparse.Namespace) -> None:
    print("| size | preset | processor seconds a step | for the painting | MB |")
    print("|---|---|---|---|---|", flush=True)
    known: dict[tuple[str, Scale], dict[str, float]] = {}
    for size, preset in itertools.product(args.sizes, args.presets):
        optimisation = optimisation_for(args, size, preset)
        seconds, memory = 0.0, 0.0
        for scale in optimisation.scales(*read_image(args.contents[0]).shape[:2]):
            if (preset, scale) not in known:
                known[preset, scale] = in_a_process(time_scale, args, size, preset, scale)
            found = known[preset, scale]
            seconds += found["begin"] + found["step"] * (scale.steps - 1)
            memory = max(memory, found["memory"])
        print(f"| {size} | {preset} | {found['step']:.1f} | {seconds:.0f} | {memory:.0f} |", flush=True)


def in_a_process(function: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    """The largest resident memory is that of all that a process has done."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def optimisation_for(args: argparse.Namespace, size: int, preset: str) -> Optimisation:
    settings = PaintSettings(
        preset=preset, size=size, perceptual=args.perceptual, perceptual_weights=args.perceptual_weights
    )
    return Optimisation([WeightedStyle(args.styles[0])], settings)


def time_scale(args: argparse.Namespace, size: int, preset: str, scale: Scale) -> dict[str, float]:
    """A few steps at one scale: processor seconds to the end of the first step and of one after it, and MB."""
    began = time.process_time()
    optimisation = optimisation_for(args, size, preset)
    scale = dataclasses.replace(scale, steps=args.steps or TIMED)
    ends = [time.process_time() for _ in optimisation.paint(read_image(args.contents[0]), [scale])]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"begin": ends[0] - began, "step": (ends[-1] - ends[0]) / (len(ends) - 1), "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("distances", "times"))
    parser.add_argument("--contents", type=Path, nargs="+", required=True)
    parser.add_argument("--styles", type=Path, nargs="+", required=True)
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--perceptual", default="vgg19-hybrid")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--preset", default="best")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048])
    parser.add_argument("--presets", nargs="+", default=["best", "gatys"])
    parser.add_argument("--steps", type=int, help="at each scale")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="folder for the paintings")
    args = parser.parse_args()
    {"distances": distances, "times": times}[args.what](args)


if __name__ == "__main__":
    main()
