"""What strokes that follow form bring: styles before and after, on single frames.

    python train/studies/form.py --clips DIR --perceptual-weights DIR [--styles NAME ...]
        [--paint STEPS] [--keep DIR]

Before is what the style was without strokes (train/starts/NAME, if there is one), after is what ships.  Makes form.md
and form.jpg in --out.
The distances are those of vidstyle.perception.metrics by vgg19-hybrid; structure is the style distance at relu5_1
alone.  With --paint the sheet has a third row for each style: painting by optimisation, STEPS at each scale, which
takes minutes a frame; with --keep these are kept in a folder, and painted once.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from sheets import HERE, draw_sheet, folder
from torch import Tensor, nn

from vidstyle.media.images import read_image, resize_shorter_side
from vidstyle.media.sources import FileSource
from vidstyle.painting.optimisation import fit
from vidstyle.painting.picture import paint
from vidstyle.perception import metrics
from vidstyle.perception.perceptual_network import PerceptualNetwork
from vidstyle.perception.tensors import load_style_image, to_pixels, to_tensor
from vidstyle.shipped import PHOTOS
from vidstyle.styles import list_styles, load_style
from vidstyle.training.recipe import load_recipe

CLIPS = {"animal": "fox", "night": "nasa_13013", "landscape": "cutBunny"}
"""What a frame shows, and the video that it is from."""
FRAME = 8
FINE, STRUCTURE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1"), ("relu5_1",)
SIZE, SQUARE = (640, 360), (384, 384)
"""Of the frames, pixels; the fox is square."""
OPTIMISED = 0.6
"""Size of what is painted by optimisation, as a multiple of the frame's: more than a sheet shows."""


def frame_of(path: Path, size: tuple[int, int]) -> np.ndarray:
    """RGB (H, W, 3) uint8."""
    source = FileSource(path, size=size)
    try:
        return next(frame.pixels for index, frame in enumerate(source) if index == FRAME)
    finally:
        source.close()


def face() -> np.ndarray:
    """A face that is near, RGB (360, 640, 3) uint8."""
    picture = resize_shorter_side(read_image(PHOTOS / "astronaut.jpg"), SIZE[0])
    # The head is above the middle.
    return picture[: SIZE[1], : SIZE[0]]


def lettering() -> np.ndarray:
    """A board with words, RGB (360, 640, 3) uint8."""
    board = Image.new("RGB", SIZE, (38, 70, 62))
    draw = ImageDraw.Draw(board)
    draw.rectangle((24, 24, 616, 336), outline=(226, 196, 120), width=6)
    for words, height, top in (("HARBOUR", 92, 50), ("fish market, pier 12", 44, 170), ("open 9 to 17", 34, 250)):
        font = ImageFont.load_default(height)
        draw.text((SIZE[0] / 2, top), words, (240, 232, 214), font=font, anchor="ma")
    return np.asarray(board)


def all_frames(clips: Path) -> dict[str, np.ndarray]:
    """Six frames by what they show."""
    frames = {"face": face(), "street": frame_of(HERE.parents[1] / "examples" / "harbour.mp4", SIZE)}
    for name, clip in CLIPS.items():
        frames[name] = frame_of(clips / f"{clip}.mp4", SQUARE if clip == "fox" else SIZE)
    return {**frames, "text": lettering()}


def optimised(frame: np.ndarray, picture: Path, *, steps: int, weights: Path, kept: Path | None) -> np.ndarray:
    """A frame as `vidstyle paint --perceptual vgg19-distilled` paints it, enlarged again, RGB (H, W, 3) uint8.

    kept: file to read it from if it is there, and to write it to.
    """
    if kept is not None and kept.exists():
        return read_image(kept)
    *_, last = paint(
        frame,
        picture,
        size=round(OPTIMISED * max(frame.shape)),
        steps=steps,
        perceptual="vgg19-distilled",
        perceptual_weights=weights,
    )
    image = fit(last.image, *frame.shape[:2])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(kept)
    return image


@torch.inference_mode()
def painted(network: nn.Module, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The frames in a style, each by itself."""
    sources = (to_tensor(frame)[None].contiguous(memory_format=torch.channels_last) for frame in frames)
    return [to_pixels(network(source)[0]) for source in sources]


class Seen:
    """What a perceptual network sees, of each picture once; pictures are kept."""

    def __init__(self, perceptual: PerceptualNetwork) -> None:
        self._perceptual = perceptual
        self._pictures: dict[int, tuple[Tensor, dict[str, Tensor]]] = {}

    def __call__(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        if id(picture) not in self._pictures:
            self._pictures[id(picture)] = picture, self._perceptual(picture, (*FINE, *STRUCTURE))
        seen = self._pictures[id(picture)][1]
        return {layer: seen[layer] for layer in layers}


@torch.inference_mode()
def measured(
    perceptual: PerceptualNetwork,
    paintings: Sequence[Sequence[np.ndarray]],
    picture: Path,
    frames: Sequence[np.ndarray],
) -> np.ndarray:
    """Style, structure, content and grid of each of several paintings of each frame: (versions, frames, 4)."""
    rows = []
    for frame, *versions in zip(frames, *paintings, strict=True):
        seen = Seen(perceptual)
        source, theirs = to_tensor(frame)[None], load_style_image(picture, min(frame.shape[:2]))
        for painting in versions:
            ours = to_tensor(painting)[None]
            near = [metrics.style_distance(seen, ours, theirs, layers) for layers in (FINE, STRUCTURE)]
            rows.append((*near, metrics.content_distance(seen, ours, source), metrics.grid_score(painting)))
    return np.array(rows).reshape(len(frames), len(paintings), 4).swapaxes(0, 1)


def widened(picture: np.ndarray) -> np.ndarray:
    """As large as the others of a sheet, in grey where there is nothing."""
    canvas = np.full((*SIZE[::-1], 3), 255, np.uint8)
    height, width = (min(a, b) for a, b in zip(picture.shape, canvas.shape[:2], strict=False))
    left = (SIZE[0] - width) // 2
    canvas[:height, left : left + width] = picture[:height, :width]
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help=f"folder with {', '.join(CLIPS.values())} (.mp4)")
    parser.add_argument("--perceptual-weights", type=Path, required=True)
    parser.add_argument("--styles", nargs="+", default=[c.name for c in list_styles() if "strokes" in c.arguments])
    parser.add_argument("--paint", type=int, metavar="STEPS", default=0)
    parser.add_argument("--keep", type=Path, help="folder for what --paint paints")
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    frames = all_frames(args.clips)
    perceptual = PerceptualNetwork("vgg19-hybrid", args.perceptual_weights)
    sheet = {"source": [widened(frame) for frame in frames.values()]}
    lines = [
        f"Style / structure / content distance and grid (dB) of {len(frames)} frames, each painted by itself: "
        "`python train/studies/form.py`.",
        "",
        f"| style | | {' | '.join(frames)} | mean |",
        "|---|---|" + "---|" * (len(frames) + 1),
    ]
    for name in args.styles:
        recipe = load_recipe(HERE.parent / f"{name}.toml")
        picture = recipe.style.pictures[0]
        versions = {"after": load_style(name)}
        if (first := HERE.parent / "starts" / f"{name}.safetensors").exists():
            versions = {"before": load_style(str(first)), **versions}
        rows = {when: painted(style.network, [*frames.values()]) for when, style in versions.items()}
        found = measured(perceptual, [*rows.values()], picture, [*frames.values()])
        for (when, paintings), those in zip(rows.items(), found, strict=True):
            cells = ["{:.3f} / {:.3f} / {:.3f}, {:.0f}".format(*row) for row in (*those, those.mean(0))]
            lines.append(f"| {name} | {when} | {' | '.join(cells)} |")
            sheet[f"{name}\n{when}"] = [widened(painting) for painting in paintings]
            print(lines[-1], flush=True)
        if args.paint:
            kept = {k: args.keep and args.keep / f"{name}_{k}.png" for k in frames}
            given = {"steps": args.paint, "weights": args.perceptual_weights}
            sheet[f"{name}\npaint"] = [widened(optimised(f, picture, kept=kept[k], **given)) for k, f in frames.items()]
    (args.out / "form.md").write_text("\n".join(lines) + "\n")
    draw_sheet(args.out / "form.jpg", "Styles before and after their strokes followed form", sheet, list(frames))


if __name__ == "__main__":
    main()
