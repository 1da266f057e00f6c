"""What steadies a style, and what it costs: warp error against style distance, four ways to paint the same clips.

    python train/studies/temporal.py FOLDER --clips DIR --photos DIR --perceptual-weights DIR [--styles NAME ...]

Each style is trained in FOLDER without the temporal loss for --steps steps, from the weights in --start, unless it is
there already.  The clips are painted

- each frame by itself, by the style without the temporal loss,
- each frame by itself, by the shipped style,
- by the shipped style, mixed with its last output moved along the optical flow (Ruder et al. 2018, section 4.3,
  with a share that is the same everywhere),
- by the shipped style with memory, as `vidstyle restyle` does (vidstyle.engines.memory).

Makes temporal.md and temporal.jpg in --out: means over the clips, by vidstyle.bench.evaluate.
"""

import argparse
import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sample_runs import paint
from sheets import DPI, HERE, folder, show

from vidstyle.bench.evaluate import Clip, Judge
from vidstyle.perception.flow import estimate_flow
from vidstyle.perception.metrics import grid_score
from vidstyle.perception.tensors import to_pixels, to_tensor
from vidstyle.perception.warping import warp
from vidstyle.style_files import SUFFIX
from vidstyle.styles import find_style, live_styles, load_style
from vidstyle.training.make_style import make_style
from vidstyle.training.recipe_options import resolve_recipe

CLIPS = {"fox": (384, 384), "nasa_13013": (640, 360), "cutBunny": (640, 360)}
"""Videos by name, and the size at which each is painted, pixels."""
WITHOUT, ALONE, BLENDED, MEMORY = WAYS = (
    "per frame, no temporal loss",
    "per frame, temporal loss",
    "blended with the last output",
    "memory",
)
COLORS = dict(zip(WAYS, ("#d55e00", "#0072b2", "#cc79a7", "#009e73"), strict=True))
SHARE = 0.8
"""Of the last output, where it is visible."""
STRIP, STRIDE = 5, 3
"""Frames that are shown, and from one to the next."""
HALF, DEARER = 0.5, 1.1
"""What memory is to reach: warp error and style distance as multiples of those without the temporal loss."""


def train_without(name: str, args: argparse.Namespace) -> tuple[Path, Path]:
    """The style file in args.folder that has been trained without the temporal loss, and the picture."""
    recipe = resolve_recipe(
        HERE.parent / f"{name}.toml",
        photos=args.photos,
        perceptual_weights=args.perceptual_weights,
        steps=args.steps,
        init=str(args.start / f"{name}{SUFFIX}" if args.start else find_style(name)),
    )
    loss = dataclasses.replace(recipe.loss, temporal=0.0, temporal_feature=0.0)
    schedule = dataclasses.replace(recipe.schedule, crop=args.crop, warm_up=args.steps // 10)
    out: Path = args.folder / f"{name}{SUFFIX}"
    if not out.is_file():
        resume = out.with_suffix(".checkpoint").is_file()
        make_style(dataclasses.replace(recipe, loss=loss, schedule=schedule), out, resume=resume)
    return out, recipe.style.pictures[0]


def blend(frames: list[np.ndarray], painted: list[np.ndarray]) -> list[np.ndarray]:
    """Each painting mixed with what was shown before it, moved along the flow of the source."""
    shown = [to_tensor(painted[0])]
    for pair, fresh in zip(itertools.pairwise(frames), painted[1:], strict=True):
        flow, visible = map(torch.from_numpy, estimate_flow(*pair))
        carried = warp(shown[-1][None], flow[None])[0]
        shown.append(torch.lerp(to_tensor(fresh), carried, SHARE * visible.float()))
    return [to_pixels(picture) for picture in shown]


def paint_all(name: str, without: Path, clip: Clip) -> dict[str, list[np.ndarray]]:
    """The frames of a clip, painted in all ways."""
    shipped = load_style(name)
    alone = paint(shipped, clip.frames, steady=False)
    return {
        WITHOUT: paint(load_style(without), clip.frames, steady=False),
        ALONE: alone,
        BLENDED: blend(clip.frames, alone),
        MEMORY: paint(shipped, clip.frames, steady=True),
    }


def write_table(path: Path, found: Mapping[str, Mapping[str, np.ndarray]], steps: int) -> None:
    """found: warp error and style distance by style and by way."""
    rows = [
        f"Warp error / style distance, means over {', '.join(CLIPS)}; `python train/studies/temporal.py`.",
        f"Styles without the temporal loss had {steps} steps without it, as in the finish of their recipes.",
        "",
        f"| style | {' | '.join(WAYS)} | memory : no temporal loss |",
        f"|---|{'---|' * len(WAYS)}---|",
    ]
    table = dict(found) | {"mean": {way: np.mean([row[way] for row in found.values()], axis=0) for way in WAYS}}
    for name, row in table.items():
        cells = [f"{error:.4f} / {distance:.3f}" for error, distance in (row[way] for way in WAYS)]
        error, distance = row[MEMORY] / row[WITHOUT]
        rows.append(f"| {name} | {' | '.join(cells)} | {error:.2f} / {distance:.2f} |")
    ratios = [row[MEMORY] / row[WITHOUT] for row in found.values()]
    reached = sum(error <= HALF and distance <= DEARER for error, distance in ratios)
    rows += [
        "",
        f"At most {HALF:g} times the error at {DEARER:g} times the distance: {reached} of {len(found)} styles.",
    ]
    path.write_text("\n".join(rows) + "\n")


def draw(path: Path, found: Mapping[str, Mapping[str, np.ndarray]], strips: Mapping[str, list[np.ndarray]]) -> None:
    """Warp error against style distance, and below it frames of one style, a row for each way."""
    height, width = next(iter(strips.values()))[0].shape[:2]
    figure = Figure(figsize=(11, 5.4 + len(WAYS) * 2.1 * height / width), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(5, len(WAYS) * 2.1 * height / width))
    axes = above.subplots()
    for row in found.values():
        axes.plot(*np.array([row[way][::-1] for way in WAYS]).T, color="#dddddd", linewidth=1, zorder=1)
    for way in WAYS:
        points = np.array([row[way][::-1] for row in found.values()])
        axes.scatter(*points.T, color=COLORS[way], label=way, zorder=2)
    for name, row in found.items():
        axes.annotate(name, row[MEMORY][::-1], (5, 3), textcoords="offset points", fontsize=8)
    axes.set(xlabel="style distance", ylabel="warp error", title="What steadies a style, and what it costs")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    grid = below.subplots(len(WAYS), STRIP, squeeze=False)
    for places, (way, frames) in zip(grid, strips.items(), strict=True):
        for place, frame in zip(places, frames[::STRIDE], strict=False):
            show(place, frame)
        places[0].set_ylabel(way.replace(", ", ",\n").replace(" with", "\nwith"), fontsize=9)
    figure.savefig(path, dpi=DPI, pil_kwargs={"quality": 88})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=folder, help="for styles without the temporal loss")
    parser.add_argument("--clips", type=Path, required=True, help=f"folder with {', '.join(CLIPS)} (.mp4)")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    realtime = [card.name for card in live_styles() if not card.arguments]
    parser.add_argument("--styles", nargs="+", default=realtime)
    parser.add_argument("--start", type=Path, help="folder of weights to train from, rather than the shipped ones")
    parser.add_argument("--steps", type=int, default=200, help="of training without the temporal loss")
    parser.add_argument("--crop", type=int, default=144, help="side of the crops in that training, pixels")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    clips = [Clip(args.clips / f"{name}.mp4", frames=args.frames, size=size) for name, size in CLIPS.items()]
    judge = Judge("vgg19-hybrid", args.perceptual_weights)
    found: dict[str, dict[str, np.ndarray]] = {}
    strips: dict[str, list[np.ndarray]] = {}
    for name in args.styles:
        without, picture = train_without(name, args)
        measured: dict[str, list[tuple[float, ...]]] = {way: [] for way in WAYS}
        for clip in clips:
            painted = paint_all(name, without, clip)
            strips = strips or painted
            distances: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for i in clip.samples:
                # One source after the other, since the judge remembers what it saw last.
                for way, frames in painted.items():
                    distances[way].append(judge.distances(frames[i], clip.frames[i], picture))
            for way, frames in painted.items():
                style, content = np.mean(distances[way], axis=0)
                grid = np.median([grid_score(frames[i]) for i in clip.samples])
                measured[way].append((clip.warp_error(frames), style, content, grid))
        means = {way: np.mean(figures, axis=0) for way, figures in measured.items()}
        print(name, "warp, style, content, grid:", {way: m.round(4).tolist() for way, m in means.items()}, flush=True)
        found[name] = {way: figures[:2] for way, figures in means.items()}
        write_table(args.out / "temporal.md", found, args.steps)
        draw(args.out / "temporal.jpg", found, strips)


if __name__ == "__main__":
    main()
