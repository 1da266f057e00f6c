"""MetaNet and its three improvements, each put back once, at equal training time.

    python train/studies/meta_ablation.py FOLDER --styles DIR --photos DIR --perceptual-weights DIR
        [--minutes N] [--encoders vgg16 vgg19] [--loss vgg19] [--batches 20]

Shen, Yan and Zeng 2018 describe a picture by VGG-16, paint with five residual blocks and compare means and deviations;
the improvements are VGG-19, one ResNeXt block of 32 branches, and Gram matrices.  All have norms that are written, too,
but one: without, minutes bring no colours, and there is nothing to compare.  With one and the same name for both of
--encoders, the first switch has nothing to switch and is left out.  Each network is trained in FOLDER, unless it is
there already; 500 photographs and 500 pictures (seed 42), or as many as there are.

Makes meta_ablation.md (training time, time to adapt to a picture and paint a frame, size), meta_ablation.jpg (eight
styles by eight photographs, half of each never seen, for the original and the improved network) and
meta_ablation_weights.png (how large the filters that are written become) in --out.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sample_runs import milliseconds
from sheets import DPI, HERE, folder, show

from vidstyle.bench.evaluate import Judge
from vidstyle.media.suffixes import IMAGE_SUFFIXES
from vidstyle.nets import MetaNetwork
from vidstyle.perception.objective import Loss
from vidstyle.perception.tensors import load_style_image, to_pixels, to_tensor
from vidstyle.style_files import SUFFIX, StyleCard, load_style_file, save_style
from vidstyle.training.recipe import Data, NetworkChoice, Recipe, Schedule, StyleSource
from vidstyle.training.trainer import Trainer

SEED = 42
SHOWN, SIDE = 8, 192
"""Styles and photographs in the picture, and pixels of the shorter side of each painting."""
WATCHED, EVERY = "encoder.1.0.weight", 10
"""The first downsampling convolution, and steps between looks at it."""
FRAME = (360, 640)


@dataclass(frozen=True)
class Variant:
    """Three switches, the remedy against growing filters, and how many pictures there are to learn from."""

    encoder: str
    block: str
    style_kind: str
    filters: str = "plain"
    norms: str = "written"
    pictures: int = 500


def variants(first: str, second: str) -> dict[str, Variant]:
    original, improved = Variant(first, "residual", "moments"), Variant(second, "resnext", "relative")
    found = {
        "original": original,
        "improved": improved,
        f"improved, {first}": replace(improved, encoder=first),
        "improved, residual blocks": replace(improved, block="residual"),
        "improved, means and deviations": replace(improved, style_kind="moments"),
        "improved, normalised filters": replace(improved, filters="normalised"),
        "improved, shared norms": replace(improved, norms="shared"),
        "original, 1,000 pictures": replace(original, pictures=1000),
        "improved, 1,000 pictures": replace(improved, pictures=1000),
    }
    # Twice the same tells nothing.
    once = {variant: name for name, variant in reversed(found.items())}
    return {name: variant for name, variant in found.items() if once[variant] == name}


def choose(folder: Path, count: int, held_out: int) -> tuple[list[Path], list[Path]]:
    """`count` pictures of a folder, or as many as there are, and others."""
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    random.Random(SEED).shuffle(paths)
    return paths[held_out:][:count], paths[:held_out]


def linked(folder: Path, paths: Sequence[Path]) -> Path:
    """A folder of links to some pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        link = folder / path.name
        if not link.exists():
            link.symlink_to(path.resolve())
    return folder


def recipe_of(name: str, variant: Variant, args: argparse.Namespace) -> Recipe:
    photos, _ = choose(args.photos, variant.pictures, SHOWN // 2)
    styles, _ = choose(args.styles, variant.pictures, SHOWN // 2)
    words = ("encoder", "block", "filters", "norms")
    return Recipe(
        name=name,
        style=StyleSource(linked(args.folder / f"styles{len(styles)}", styles), batches=args.batches),
        data=Data(linked(args.folder / f"photos{len(photos)}", photos), args.perceptual_weights),
        network=NetworkChoice("metanet", {word: getattr(variant, word) for word in words}),
        loss=Loss(perceptual=args.loss or variant.encoder, style_kind=variant.style_kind, balance=1.0),
        schedule=Schedule(minutes=args.minutes, crop=args.crop, learning_rate=1e-3, seed=SEED),
    )


def train(name: str, variant: Variant, args: argparse.Namespace) -> tuple[Path, dict[str, list[float]]]:
    """The weights, and the mean absolute value of WATCHED over steps; trained unless they are there."""
    stem = "".join(c if c.isalnum() else "_" for c in name)
    out, record = args.folder / f"{stem}{SUFFIX}", args.folder / f"{stem}.json"
    if out.is_file() and record.is_file():
        return out, json.loads(record.read_text())
    trainer = Trainer(recipe_of(name, variant, args), device="cpu")
    assert isinstance(trainer.network, MetaNetwork)
    assert trainer.pictures is not None
    picture = trainer.pictures.whole()[0]
    found: dict[str, list[float]] = {"step": [], "size": []}
    for progress in trainer.run():
        if progress.step % EVERY == 1:
            with torch.no_grad():
                size = trainer.network.write_weights(picture)[WATCHED].abs().mean().item()
            found["step"].append(progress.step)
            found["size"].append(size)
    card = StyleCard(stem, out, "metanet", dict(trainer.recipe.network.arguments), title=name)
    save_style(out, trainer.network, card)
    record.write_text(json.dumps(found))
    return out, found


def measure(path: Path, picture: Path) -> tuple[float, float]:
    """Milliseconds to write the weights for a picture, and to paint a frame with them; medians of nine."""
    meta = load_style_file(path).network
    assert isinstance(meta, MetaNetwork)
    style, frame = load_style_image(picture, 360), torch.rand(1, 3, *FRAME)
    with torch.inference_mode():
        state = dict(meta.write_weights(style))
        adapting = milliseconds(lambda: meta.write_weights(style))
        return adapting, milliseconds(lambda: torch.func.functional_call(meta.base, state, (frame,)))


def square(path: Path) -> np.ndarray:
    """A corner of a picture, RGB (SIDE, SIDE, 3) uint8."""
    return to_pixels(load_style_image(path, SIDE)[0, :, :SIDE, :SIDE])


@torch.inference_mode()
def sheet(path: Path, styles: Sequence[Path], photos: Sequence[Path]) -> list[list[np.ndarray]]:
    """Each photograph (columns) in each style (rows)."""
    meta = load_style_file(path).network
    assert isinstance(meta, MetaNetwork)
    contents = [to_tensor(square(photo))[None] for photo in photos]
    rows = []
    for style in styles:
        meta.set_picture(load_style_image(style, 360))
        rows.append([to_pixels(meta(content)[0].clamp(0, 1)) for content in contents])
    return rows


def draw_sheets(path: Path, sheets: dict[str, list[list[np.ndarray]]], styles: Sequence[Path]) -> None:
    figure = Figure(figsize=(10 * len(sheets), 9.2), layout="constrained")
    for part, (name, rows) in zip(np.atleast_1d(figure.subfigures(1, len(sheets))), sheets.items(), strict=True):
        part.suptitle(f"{name}; below and right of the middle: never seen")
        grid = part.subplots(len(rows), len(rows[0]) + 1, squeeze=False)
        for places, row, style in zip(grid, rows, styles, strict=True):
            show(places[0], square(style))
            for place, picture in zip(places[1:], row, strict=True):
                show(place, picture)
    figure.savefig(path, dpi=DPI, pil_kwargs={"quality": 82})


def draw_growth(path: Path, records: dict[str, dict[str, list[float]]]) -> None:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, record in records.items():
        first = record["size"][0]
        axes.plot(record["step"], [size / first for size in record["size"]], label=name)
    axes.set(
        xlabel="step",
        ylabel="mean absolute weight, relative",
        title="The first downsampling convolution",
    )
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DPI)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=folder, help="for what is trained")
    parser.add_argument("--styles", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--perceptual-weights", type=Path)
    parser.add_argument("--encoders", nargs=2, default=("vgg16", "vgg19"), metavar="NAME", help="original, improved")
    parser.add_argument("--loss", metavar="NAME", help="perceptual network of all losses; that of the encoder without")
    parser.add_argument("--batches", type=int, default=20, help="of photographs for each picture")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each network")
    parser.add_argument("--crop", type=int, default=160)
    parser.add_argument("--out", type=folder, default=HERE)
    args = parser.parse_args()
    (seen_styles, new_styles), (seen_photos, new_photos) = (
        choose(folder, SHOWN // 2, SHOWN // 2) for folder in (args.styles, args.photos)
    )
    styles, photos = seen_styles + new_styles, seen_photos + new_photos
    seen, _ = choose(args.styles, 500, SHOWN // 2)
    judge = Judge(args.encoders[1], args.perceptual_weights)
    rows, records, sheets = [], {}, {}
    for name, variant in variants(*args.encoders).items():
        path, records[name] = train(name, variant, args)
        adapting, painting = measure(path, styles[-1])
        steps = records[name]["step"][-1]
        painted = sheet(path, styles, photos)
        near = [
            judge.distances(painted[i][j], square(photos[j]), styles[i])
            for i in range(SHOWN // 2, SHOWN)
            for j in range(SHOWN // 2, SHOWN)
        ]
        style, content = np.mean(near, axis=0)
        growth = records[name]["size"][-1] / records[name]["size"][0]
        rows.append(
            f"| {name} | {args.minutes:g} | {steps} | {style:.3f} | {content:.2f} | {growth:.2f} "
            f"| {adapting:.0f} | {painting:.0f} | {path.stat().st_size / 1e6:.1f} |"
        )
        print(rows[-1], flush=True)
        if name in ("original", "improved"):
            sheets[name] = painted
    lines = [
        f"`python train/studies/meta_ablation.py --encoders {' '.join(args.encoders)} --loss {args.loss} --batches",
        f"{args.batches} --crop {args.crop}`, {len(seen)} pictures; adapt to a picture and paint a frame of 640x360",
        "on a processor; distances of photographs and pictures never seen.",
        "",
        "| network | minutes | steps | style distance | content distance | filter grew | adapt, ms | paint, ms | MB |",
        f"|{'---|' * 9}",
        *rows,
    ]
    (args.out / "meta_ablation.md").write_text("\n".join(lines) + "\n")
    draw_sheets(args.out / "meta_ablation.jpg", sheets, styles)
    draw_growth(args.out / "meta_ablation_weights.png", records)


if __name__ == "__main__":
    main()
