"""What a sense of form brings: styles before and after, on single frames of clips.

    python train/studies/form.py --clips DIR --perceptual-weights DIR [--styles NAME ...]

Before is what the style started from (its recipe's init), after is what ships.  Makes form.md and form.jpg in --out.
The distances are those of vidstyle.perception.metrics by vgg19-hybrid; structure is the style distance at relu5_1
alone.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from sheets import HERE, draw_sheet

from vidstyle.media.sources import FileSource
from vidstyle.perception import metrics
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.tensors import load_style_image, to_pixels, to_tensor
from vidstyle.styles import list_styles, load_style
from vidstyle.training.recipe import load_recipe

CLIPS = {"fox": (384, 384), "nasa_13013": (640, 360), "cutBunny": (640, 360), "harbour": (640, 360)}
"""Videos by name, and the size at which a frame of each is painted, pixels; the last one comes with the project."""
FRAME = 8
FINE, STRUCTURE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1"), ("relu5_1",)
SHOWN = (640, 360)


def frame_of(path: Path, size: tuple[int, int]) -> np.ndarray:
    """RGB (H, W, 3) uint8."""
    source = FileSource(path, size=size)
    try:
        return next(frame.pixels for index, frame in enumerate(source) if index == FRAME)
    finally:
        source.close()


@torch.inference_mode()
def measured(
    perceptual: PerceptualNetwork, style: str, picture: Path, frames: dict[str, np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """The frames painted, and for each of them style, structure, content and grid."""
    network, paintings, rows = load_style(style).network, [], []
    for frame in frames.values():
        source = to_tensor(frame)[None].contiguous(memory_format=torch.channels_last)
        painting = to_pixels(network(source)[0])
        ours, theirs = to_tensor(painting)[None], load_style_image(picture, min(frame.shape[:2]))
        near = [metrics.style_distance(perceptual, ours, theirs, layers) for layers in (FINE, STRUCTURE)]
        content = metrics.content_distance(perceptual, ours, source)
        rows.append((*near, content, metrics.grid_score(painting)))
        paintings.append(painting)
    return paintings, np.array(rows)


def widened(picture: np.ndarray) -> np.ndarray:
    """As large as the others of a sheet, in grey where there is nothing."""
    canvas = np.full((*SHOWN[::-1], 3), 255, np.uint8)
    height, width = (min(a, b) for a, b in zip(picture.shape, canvas.shape[:2], strict=False))
    left = (SHOWN[0] - width) // 2
    canvas[:height, left : left + width] = picture[:height, :width]
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help=f"folder with {', '.join(list(CLIPS)[:-1])} (.mp4)")
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--styles", nargs="+", default=[c.name for c in list_styles() if c.network == "form"])
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    places = {name: args.clips / f"{name}.mp4" for name in CLIPS}
    places["harbour"] = HERE.parents[1] / "examples" / "harbour.mp4"
    frames = {name: frame_of(places[name], size) for name, size in CLIPS.items()}
    perceptual = PerceptualNetwork("vgg19-hybrid", args.perceptual_weights)
    sheet = {"source": [widened(frame) for frame in frames.values()]}
    lines = [
        f"Style / structure / content distance and grid (dB) of frame {FRAME} of four clips, each painted by itself: "
        "`python train/studies/form.py`.",
        "",
        f"| style | | {' | '.join(frames)} | mean |",
        "|---|---|" + "---|" * (len(frames) + 1),
    ]
    for name in args.styles:
        recipe = load_recipe(HERE.parent / f"{name}.toml")
        for when, style in {"before": str(recipe.network.init), "after": name}.items():
            paintings, rows = measured(perceptual, style, recipe.style.image, frames)
            cells = ["{:.3f} / {:.3f} / {:.3f}, {:.0f}".format(*row) for row in (*rows, rows.mean(0))]
            lines.append(f"| {name} | {when} | {' | '.join(cells)} |")
            sheet[f"{name}\n{when}"] = [widened(painting) for painting in paintings]
            print(lines[-1], flush=True)
    (args.out / "form.md").write_text("\n".join(lines) + "\n")
    draw_sheet(args.out / "form.jpg", "Styles before and after they had a sense of form", sheet, list(frames))


if __name__ == "__main__":
    main()
