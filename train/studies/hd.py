"""Whether HD video looks as its small copy does: styles painted at 360, 720 and 1080 rows, seen at 360 and at own rows.

    python train/studies/hd.py FOLDER --clip cutBunny.mp4 --perceptual-weights DIR [--styles NAME ...] [--frames N]

--clip is enlarged by Lanczos; the project's own harbour is rendered at 1080 rows (examples/make_clip.py), and shrunk.
Clips, paintings and figures stay in FOLDER, and what is there is not made again.  Prints a table for each clip.

- style, structure: distances seen at 360 rows, by the features of vgg19-hybrid; structure is that at relu5_1 alone.
- content: distance at own rows, in the middle of the frame.
- warp: error at own rows, see vidstyle.bench.evaluate.Clip.
- sharp: energy of the finest octave on edges of the source that have any, as a share of the source's.
- grid: dB, see vidstyle.perception.metrics.grid_score.
"""

import argparse
import functools
import hashlib
import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from sheets import folder

from vidstyle.bench.evaluate import Clip
from vidstyle.media.frame import Color, Frame, VideoFormat
from vidstyle.media.sinks import FileSink
from vidstyle.media.sources import FileSource
from vidstyle.perception import metrics
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.tensors import load_style_image, to_tensor
from vidstyle.restyling import restyle
from vidstyle.training.recipe import load_recipe

ROOT = Path(__file__).parents[2]
ROWS = (360, 720, 1080)
SEEN_ROWS = 360
STYLES = [
    "composition_vii",
    "great_wave",
    "jourdans_cottage",
    "mont_sainte_victoire",
    "roman_mosaic",
    "seaport",
    "shipwreck",
    "starry_night",
    "the_scream",
    "water_lilies",
]
FINE, STRUCTURE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1"), ("relu5_1",)
SAMPLES = 2
"""Frames of a clip that distances are measured on."""
EDGE = 20.0
"""Squared grey levels of the finest octave from which on there is an edge."""
QUALITY = 12
"""x264's, of clips: what it takes away would be taken for paint."""


def make_clips(folder: Path, clip: Path, frames: int) -> dict[str, dict[int, Path]]:
    """The clips by name and rows."""
    harbour = rendered(folder, frames)
    clips: dict[str, dict[int, Path]] = {}
    for name, source in ((clip.stem, clip), ("harbour", harbour)):
        for rows in ROWS:
            path = folder / f"{name}_{rows}.mp4"
            if not path.exists():
                _resize(source, path, rows, frames)
            clips.setdefault(name, {})[rows] = path
    return clips


def rendered(folder: Path, frames: int) -> Path:
    """The harbour at 1080 rows."""
    harbour = folder / "harbour_rendered.mp4"
    if not harbour.exists():
        made = [str(ROOT / "examples" / "make_clip.py"), str(harbour), "--rows", "1080", "--frames", str(frames)]
        subprocess.run([sys.executable, *made], check=True)
    return harbour


def _resize(source: Path, path: Path, rows: int, frames: int) -> None:
    size = (rows * 16 // 9, rows)
    # All as BT.709, so that colours are the same at every size.
    form = VideoFormat(*size, time_base=Fraction(1, 24), rate=Fraction(24), color=Color())
    with FileSink(path, form, quality=QUALITY) as sink:
        for index, pixels in enumerate(frames_of(source, frames)):
            way = cv2.INTER_AREA if pixels.shape[0] > rows else cv2.INTER_LANCZOS4
            sink.write(Frame(cv2.resize(pixels, size, interpolation=way), index, Fraction(1, 24), 1))


def frames_of(path: Path, frames: int) -> Iterator[np.ndarray]:
    source = FileSource(path)
    try:
        for _, frame in zip(range(frames), source, strict=False):
            yield frame.pixels
    finally:
        source.close()


def sharpness(painted: np.ndarray, source: np.ndarray) -> float:
    """Energy of the finest octave on the edges of the source, as a share of the source's; nan if there is no edge."""
    ours, theirs = (finest(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)) for pixels in (painted, source))
    edges = theirs > EDGE
    return float(ours[edges].sum() / theirs[edges].sum()) if edges.any() else float("nan")


def finest(luma: np.ndarray) -> np.ndarray:
    """Energy of the finest octave around each pixel of a luma (H, W) uint8."""
    levels = luma.astype(np.float32)
    return np.asarray((levels - cv2.GaussianBlur(levels, (0, 0), 1)) ** 2)


def picture_of(style: str) -> Path:
    """What a style was learnt from."""
    return load_recipe(ROOT / "train" / f"{style}.toml").style.pictures[0]


def seen(pixels: np.ndarray, rows: int = SEEN_ROWS) -> np.ndarray:
    """As on a screen of so many rows."""
    size = (round(pixels.shape[1] * rows / pixels.shape[0]), rows)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


class Features:
    """Those that style is measured by, of a perceptual network; of the pictures seen last they are remembered."""

    def __init__(self, network: PerceptualNetwork) -> None:
        self._network = network
        self._known: OrderedDict[bytes, Mapping[str, torch.Tensor]] = OrderedDict()

    def __call__(self, image: torch.Tensor, _layers: Iterable[str]) -> Mapping[str, torch.Tensor]:
        """(1, 3, H, W) in [0, 1]."""
        key = hashlib.sha256(image.numpy().tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._network(image, {*FINE, *STRUCTURE})
            if len(self._known) > 2 * len(STYLES):
                self._known.popitem(last=False)
        return self._known[key]


@functools.lru_cache(maxsize=1)
def _clip(path: Path, frames: int) -> Clip:
    return Clip(path, frames=frames)


@torch.inference_mode()
def figures(
    perceptual: PerceptualNetwork,
    features: Features,
    painting: Path,
    clip: Clip,
    picture: Path,
    *,
    samples: int = SAMPLES,
    content: bool = True,
) -> dict[str, float]:
    """What a painted clip is worth."""
    painted = list(frames_of(painting, len(clip.frames)))
    sampled = range(0, len(painted), -(-len(painted) // samples))
    style = load_style_image(picture, SEEN_ROWS)
    near, contents = [], []
    for index in sampled:
        ours = to_tensor(seen(painted[index]))[None]
        near.append([metrics.style_distance(features, ours, style, layers) for layers in (FINE, STRUCTURE)])
    for index in sampled if content else ():
        height, width = painted[index].shape[:2]
        middle = np.s_[height // 4 : -height // 4, width // 4 : -width // 4]
        pair = (to_tensor(pixels[index][middle])[None] for pixels in (painted, clip.frames))
        contents.append(metrics.content_distance(perceptual, *pair))
    fine, structure = np.mean(near, 0)
    return {
        "style": float(fine),
        "structure": float(structure),
        "content": float(np.mean(contents)) if contents else float("nan"),
        "warp": clip.warp_error(painted),
        "sharp": float(np.mean([sharpness(painted[i], clip.frames[i]) for i in sampled])),
        "grid": float(np.median([metrics.grid_score(painted[i]) for i in sampled])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=folder)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--only", help="name of one clip")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--samples", type=int, default=SAMPLES, help="frames that distances are measured on")
    parser.add_argument("--engine", default="auto", help="torch takes as long to paint, and nothing to compile")
    args = parser.parse_args()
    perceptual = PerceptualNetwork("vgg19-hybrid", args.perceptual_weights)
    features = Features(perceptual)
    clips = make_clips(args.folder, args.clip, args.frames)
    kept = args.folder / "figures.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    for name, sizes in clips.items():
        for rows, path in sizes.items():
            for style in args.styles if args.only in (None, name) else ():
                key = f"{name} {rows} {style}"
                if key in known:
                    continue
                painting = args.folder / f"{name}_{rows}_{style}.mp4"
                if not painting.exists():
                    restyle(path, painting, style=style, engine=args.engine)
                picture = picture_of(style)
                clip = _clip(path, args.frames)
                known[key] = figures(
                    perceptual, features, painting, clip, picture, samples=args.samples, content=rows == max(ROWS)
                )
                print(key, {what: round(value, 3) for what, value in known[key].items()}, flush=True)
                kept.write_text(json.dumps(known, indent=1))
    for name in clips:
        _tell(name, known)


def _tell(name: str, known: dict[str, dict[str, float]]) -> None:
    print(f"\n{name}: style and structure at 360 rows, and as multiples of these at 720 and 1080; the rest at 1080\n")
    print("| | style | 720 | 1080 | structure | 720 | 1080 | content | warp | sharp | grid, dB |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for style in STYLES:
        if f"{name} {max(ROWS)} {style}" not in known:
            continue
        small, middle, large = (known[f"{name} {rows} {style}"] for rows in ROWS)
        cells = [
            cell
            for what in ("style", "structure")
            for cell in (f"{small[what]:.3f}", f"{middle[what] / small[what]:.2f}", f"{large[what] / small[what]:.2f}")
        ]
        cells += [f"{large[what]:.{digits}f}" for what, digits in zip(REST, (2, 3, 2, 0), strict=True)]
        print(f"| {style} | {' | '.join(cells)} |")


REST = ("content", "warp", "sharp", "grid")

if __name__ == "__main__":
    main()
