"""What makes a style of a picture, side by side: how near, how steady, how soon, how fast, how large.

    python train/studies/any_style.py PICTURE ... --clips DIR --perceptual-weights DIR [--by FILE ...]
        [--refine SECONDS]

The pictures are to be held out of all trainings.  Each becomes a style by the meta networks that ship, by the first of
them and refined, and by those in the files that are named; and the first frame of each clip is painted by optimisation
(Gatys et al. 2015, with what came after it).  Makes any_style.md and any_style.jpg in --out: means over pictures and
clips, painted steadily, by vidstyle.bench.evaluate.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sample_runs import paint
from sheets import HERE, draw_sheet, folder

import vidstyle
from vidstyle.bench.evaluate import Clip, Judge
from vidstyle.painter import Painter
from vidstyle.style_files import Style
from vidstyle.styles import META_STYLE, META_STYLES, library, load_style, style_of
from vidstyle.training.refine import refine_style

CLIPS = {"fox": (384, 384), "nasa_13013": (640, 360)}
"""Videos by name, and the size at which each is painted, pixels."""
TIMED = (640, 360)
"""Pixels of the frames that are timed."""
OPTIMISED = "by optimisation"
STEPS = 50
"""Of the optimisation, at each scale."""


@dataclass
class Measured:
    """What is found of one way to a style: a figure for each picture, or for each picture and clip.

    Attributes:
        style, content, warp: distances, and warp error.
        ready: seconds from a picture to a style.
        frame: milliseconds for a frame of TIMED, each by itself.
        size: bytes that ship for all styles.
    """

    size: int = 0
    style: list[float] = field(default_factory=list)
    content: list[float] = field(default_factory=list)
    warp: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    frame: list[float] = field(default_factory=list)

    def row(self) -> str:
        figures = [(self.style, ".3f"), (self.content, ".3f"), (self.warp, ".3f"), (self.ready, ".2f")]
        cells = [format(statistics.mean(values), form) if values else "" for values, form in figures]
        cells.append(f"{statistics.median(self.frame):,.0f}")
        cells.append(f"{self.size / 1e6:.1f}" if self.size else "")
        return " | ".join(cells)


def frame_time(style: Style) -> float:
    """Milliseconds for a frame, the median of several, without what the first one compiles."""
    painter = Painter(style, steady=False)
    frames = np.random.default_rng(0).integers(0, 256, (8, TIMED[1], TIMED[0], 3), np.uint8)
    times = []
    try:
        for frame in frames:
            started = time.perf_counter()
            painter(frame)
            times.append(time.perf_counter() - started)
    finally:
        painter.close()
    return 1000 * statistics.median(times[1:])


def refine(picture: Path, args: argparse.Namespace) -> Style:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "refined.safetensors"
        refine_style(picture, out, seconds=args.refine, perceptual_weights=args.perceptual_weights)
        return load_style(out)


def optimise(frame: np.ndarray, picture: Path, args: argparse.Namespace) -> np.ndarray:
    settings = {"size": max(frame.shape), "steps": STEPS, "perceptual_weights": args.perceptual_weights}
    return [image for _, _, image in vidstyle.paint(frame, picture, perceptual="vgg19-distilled", **settings)][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--clips", type=Path, required=True, help=f"folder with {', '.join(CLIPS)} (.mp4)")
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--by", nargs="+", default=[], metavar="FILE", help="other meta networks")
    parser.add_argument("--refine", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    clips = [Clip(args.clips / f"{name}.mp4", frames=args.frames, size=size) for name, size in CLIPS.items()]
    judge = Judge("vgg19-hybrid", args.perceptual_weights)
    files = {by: library() / f"{by}.safetensors" for by in META_STYLES} | {by: Path(by) for by in args.by}
    refined = f"{META_STYLE}, refined {args.refine:g} s"
    found = {by: Measured(file.stat().st_size) for by, file in files.items()}
    found[refined] = Measured(found[META_STYLE].size)
    found[OPTIMISED] = Measured()
    sheet: dict[str, list[np.ndarray]] = {by: [] for by in found}
    for by, measured in found.items():
        if by not in (refined, OPTIMISED):
            style_of(args.pictures[0], by)  # Reading the network is not what is timed.
        for picture in args.pictures:
            if by != OPTIMISED:
                started = time.perf_counter()
                style = refine(picture, args) if by == refined else style_of(picture, by)
                measured.ready.append(time.perf_counter() - started)
                measured.frame.append(frame_time(style))
            for clip in clips:
                if by == OPTIMISED:
                    started = time.perf_counter()
                    painted = [optimise(clip.frames[0], picture, args)]
                    pixels = clip.frames[0].shape[0] * clip.frames[0].shape[1]
                    seconds = (time.perf_counter() - started) * TIMED[0] * TIMED[1] / pixels
                    measured.frame.append(1000 * seconds)
                else:
                    painted = paint(style, clip.frames, steady=True)
                    measured.warp.append(clip.warp_error(painted))
                samples = [i for i in clip.samples if i < len(painted)]
                distances = [judge.distances(painted[i], clip.frames[i], picture) for i in samples]
                for into, values in zip((measured.style, measured.content), zip(*distances, strict=True), strict=True):
                    into.append(float(np.mean(values)))
                if clip is clips[0]:
                    sheet[by].append(painted[samples[-1]])
            print(by, picture.stem, measured.row(), "style by clip:", np.round(measured.style[-2:], 3), flush=True)
    lines = [
        f"{', '.join(picture.stem for picture in args.pictures)} on {', '.join(CLIPS)};",
        "`python train/studies/any_style.py`.  A frame is of 640x360.",
        "",
        "| | style distance | content distance | warp error | a new style, s | a frame, ms | ships, MB |",
        f"|{'---|' * 7}",
        *(f"| {Path(by).stem} | {measured.row()} |" for by, measured in found.items()),
    ]
    (args.out / "any_style.md").write_text("\n".join(lines) + "\n")
    draw_sheet(args.out / "any_style.jpg", "Pictures never seen", sheet, [p.stem for p in args.pictures])


if __name__ == "__main__":
    main()
